//! Tables of the interval: like the tables since the start, but emptied at each tick.

use memtrace_common::record::KswapdStep;

use super::{
    detail::Detail,
    faults::{Faults, ProcessFaults},
    process::ProcessKey,
    table::{Row, Table},
    tick::{Interval, RecentRow, Who},
};
use crate::event::{Comm, Kswapd, Stall};

/// Number of rows of each table in an interval; further rows are folded into `other`.
const PROCESSES: usize = 256;
const THREADS: usize = 256;
const CGROUPS: usize = 128;
const NODES: usize = 64;
/// Number of processes that woke kswapd that are counted separately in an interval.
const WAKERS: usize = 128;

/// The label of a row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Label {
    pub(super) comm: Comm,
    cgroup_id: Option<u64>,
    detail: Detail,
    /// Part of the time of the row's stalls that passed in the interval, in ns.
    inside_ns: u64,
}

/// The tables of an interval.
#[derive(Debug)]
pub(super) struct Recent {
    pub(super) processes: Table<ProcessKey, Label>,
    pub(super) threads: Table<(u32, u32), Label>,
    pub(super) cgroups: Table<Option<u64>, Label>,
    pub(super) nodes: Table<Option<u32>, Label>,
    /// Processes that woke kswapd: process id, name of the thread, number of times.
    pub(super) wakers: Vec<(u32, Comm, u64)>,
}

/// A row of one of the tables.
pub(super) fn row_of<K>(who: Who, row: &Row<K, Label>) -> RecentRow {
    RecentRow {
        comm: row.label.comm,
        cgroup_id: row.label.cgroup_id,
        stalls: Interval::of_tally(&row.tally, row.label.inside_ns),
        kinds: row.tally.kinds().collect(),
        detail: row.label.detail,
        reclaimed_pages: row.tally.reclaimed_pages(),
        ..RecentRow::new(who)
    }
}

impl Recent {
    /// Tables with all memory allocated.
    pub(super) fn new() -> Self {
        let label = Label::default();
        Self {
            processes: Table::new(PROCESSES, |n| (n, None), label),
            threads: Table::new(THREADS, |n| (n, n), label),
            cgroups: Table::new(CGROUPS, |n| Some(u64::from(n)), label),
            nodes: Table::new(NODES, Some, label),
            wakers: Vec::with_capacity(WAKERS),
        }
    }

    /// Counts a stall, `inside_ns` of which passed in the interval. Allocates nothing.
    pub(super) fn add(&mut self, stall: &Stall, inside_ns: u64) {
        let label = Label { comm: stall.comm, cgroup_id: stall.cgroup_id, ..Label::default() };
        count(self.processes.row((stall.pid, stall.process_start_ns), label).0, stall, inside_ns);
        count(self.threads.row((stall.tid, stall.pid), label).0, stall, inside_ns);
        count(self.cgroups.row(stall.cgroup_id, Label::default()).0, stall, inside_ns);
        count(self.nodes.row(stall.nid, Label::default()).0, stall, inside_ns);
    }

    /// Adds the faults of a process.
    pub(super) fn add_process(&mut self, process: &ProcessFaults) {
        let label = Label { comm: process.comm, cgroup_id: process.cgroup_id, ..Label::default() };
        let (row, _) = self.processes.row((process.pid, process.process_start_ns), label);
        row.tally.faults.merge(&process.faults);
    }

    /// Adds the faults of a cgroup.
    pub(super) fn add_cgroup(&mut self, id: u64, faults: &Faults) {
        self.cgroups.row(Some(id), Label::default()).0.tally.faults.merge(faults);
    }

    /// Counts a wakeup of kswapd by process. Allocates nothing.
    pub(super) fn add_waker(&mut self, event: &Kswapd) {
        let Some(waker) = event.waker.filter(|_| event.step == KswapdStep::Wakeup) else { return };
        if let Some((.., count)) = self.wakers.iter_mut().find(|(pid, ..)| *pid == waker.pid) {
            *count = count.saturating_add(1);
        } else if self.wakers.len() < WAKERS {
            self.wakers.push((waker.pid, waker.comm, 1));
        }
    }
}

fn count<K>(row: &mut Row<K, Label>, stall: &Stall, inside_ns: u64) {
    row.label.inside_ns = row.label.inside_ns.saturating_add(inside_ns);
    row.label.cgroup_id = stall.cgroup_id;
    row.label.detail.add(stall);
    row.tally.add(stall);
}

pub(super) fn sort(rows: &mut [RecentRow]) {
    let refaults = |row: &RecentRow| row.faults.map_or(0, |faults| faults.refaulted_pages());
    rows.sort_by_key(|row| (std::cmp::Reverse((row.stalls.stalled_ns, refaults(row), row.wakeups)), row.who));
}
