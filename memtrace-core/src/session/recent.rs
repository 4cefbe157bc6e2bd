//! Who had what since the last tick: tables like those since the start, emptied at each tick.

use memtrace_common::{kind::StallKind, record::KswapdStep};

use super::{
    ProcessKey, Session,
    detail::Detail,
    faults::{Faults, ProcessFaults},
    table::{Row, Table},
    tally::KindTally,
    tick::Interval,
};
use crate::event::{Comm, Kswapd, Stall};

/// Rows that are told apart in an interval; what has no room is folded into `other`.
const PROCESSES: usize = 256;
const THREADS: usize = 256;
const CGROUPS: usize = 128;
const NODES: usize = 64;
/// Processes that woke kswapd and are told apart in an interval.
const WAKERS: usize = 128;

/// What else is known of a row.
#[derive(Clone, Copy, Debug, Default)]
struct Label {
    comm: Comm,
    cgroup_id: Option<u64>,
    detail: Detail,
}

/// The tables of an interval.
#[derive(Debug)]
pub(super) struct Recent {
    processes: Table<ProcessKey, Label>,
    threads: Table<(u32, u32), Label>,
    cgroups: Table<Option<u64>, Label>,
    nodes: Table<Option<u32>, Label>,
    /// Who asked for kswapd how often: process id and name of the thread.
    wakers: Vec<(u32, Comm, u64)>,
}

/// Who a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Who {
    /// A process: its id, and its start in ns where that was read.
    Process(u32, Option<u64>),
    /// A thread: its id, and that of its process.
    Thread(u32, u32),
    /// A memory cgroup by its id; `None` for the stalls whose cgroup was not read.
    Cgroup(Option<u64>),
    /// A NUMA node; `None` for the stalls whose node was not read.
    Node(Option<u32>),
}

/// What one of them had in an interval.
#[derive(Clone, Debug, PartialEq)]
pub struct RecentRow {
    /// Who.
    pub who: Who,
    /// Name of the process or thread; empty for others.
    pub comm: Comm,
    /// The cgroup, or that of the latest stall.
    pub cgroup_id: Option<u64>,
    /// Its stalls.
    pub stalls: Interval,
    /// Their kinds, with count and time.
    pub kinds: Vec<(StallKind, KindTally)>,
    /// What they were like.
    pub detail: Detail,
    /// What it had to get back; `None` where that is not told apart.
    pub faults: Option<Faults>,
    /// Pages reclaimed in its stalls; `None` when a part of them was not read.
    pub reclaimed_pages: Option<u64>,
    /// How often it asked for kswapd, as far as events told: what it caused, where stalls are what it suffered. `None`
    /// where that is not told apart.
    pub wakeups: Option<u64>,
}

impl RecentRow {
    /// One that had nothing.
    fn new(who: Who) -> Self {
        Self {
            who,
            comm: Comm::default(),
            cgroup_id: None,
            stalls: Interval::default(),
            kinds: Vec::new(),
            detail: Detail::default(),
            faults: None,
            reclaimed_pages: Some(0),
            wakeups: None,
        }
    }

    /// That of a table.
    fn of<K>(who: Who, row: &Row<K, Label>) -> Self {
        Self {
            comm: row.label.comm,
            cgroup_id: row.label.cgroup_id,
            stalls: Interval::of_tally(&row.tally),
            kinds: row.tally.kinds().collect(),
            detail: row.label.detail,
            reclaimed_pages: row.tally.reclaimed_pages(),
            ..Self::new(who)
        }
    }
}

/// All that had something in an interval and had a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecentRows {
    /// Processes, the most stalled first.
    pub processes: Vec<RecentRow>,
    /// Threads, likewise.
    pub threads: Vec<RecentRow>,
    /// Memory cgroups, likewise.
    pub cgroups: Vec<RecentRow>,
    /// Nodes, likewise: where the tasks ran or what they reclaimed.
    pub nodes: Vec<RecentRow>,
    /// How many had no row of their own.
    pub folded: u64,
}

impl RecentRows {
    /// All tables.
    pub fn tables(&self) -> [&Vec<RecentRow>; 4] {
        [&self.processes, &self.threads, &self.cgroups, &self.nodes]
    }

    /// Keeps so many rows of each table.
    pub fn thin(&mut self, keep: usize) {
        for rows in [&mut self.processes, &mut self.threads, &mut self.cgroups, &mut self.nodes] {
            self.folded += rows.len().saturating_sub(keep) as u64;
            rows.truncate(keep);
            rows.shrink_to_fit();
        }
    }
}

impl Recent {
    /// Tables with all their memory.
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

    /// Counts a stall. Allocates nothing.
    pub(super) fn add(&mut self, stall: &Stall) {
        let label = Label { comm: stall.comm, cgroup_id: stall.cgroup_id, detail: Detail::default() };
        count(self.processes.row((stall.pid, stall.process_start_ns), label).0, stall);
        count(self.threads.row((stall.tid, stall.pid), label).0, stall);
        count(self.cgroups.row(stall.cgroup_id, Label::default()).0, stall);
        count(self.nodes.row(stall.nid, Label::default()).0, stall);
    }

    /// Counts what a process had to get back.
    pub(super) fn add_process(&mut self, process: &ProcessFaults) {
        let label = Label { comm: process.comm, cgroup_id: process.cgroup_id, detail: Detail::default() };
        let (row, _) = self.processes.row((process.pid, process.process_start_ns), label);
        row.tally.faults.merge(&process.faults);
    }

    /// The same for a cgroup.
    pub(super) fn add_cgroup(&mut self, id: u64, faults: &Faults) {
        self.cgroups.row(Some(id), Label::default()).0.tally.faults.merge(faults);
    }

    /// Counts who asked for kswapd. Allocates nothing.
    pub(super) fn add_waker(&mut self, event: &Kswapd) {
        let Some(waker) = event.waker.filter(|_| event.step == KswapdStep::Wakeup) else { return };
        if let Some((.., count)) = self.wakers.iter_mut().find(|(pid, ..)| *pid == waker.pid) {
            *count = count.saturating_add(1);
        } else if self.wakers.len() < WAKERS {
            self.wakers.push((waker.pid, waker.comm, 1));
        }
    }
}

fn count<K>(row: &mut Row<K, Label>, stall: &Stall) {
    row.label.cgroup_id = stall.cgroup_id;
    row.label.detail.add(stall);
    row.tally.add(stall);
}

fn sort(rows: &mut [RecentRow]) {
    let refaults = |row: &RecentRow| row.faults.map_or(0, |faults| faults.refaulted_pages());
    rows.sort_by_key(|row| (std::cmp::Reverse((row.stalls.total_ns, refaults(row), row.wakeups)), row.who));
}

impl Session {
    /// The rows since the last tick, which begin anew. `None` when they are not asked for. `wakeups` are those of the
    /// nodes' kswapds in the interval.
    pub(super) fn take_recent(&mut self, wakeups: impl Iterator<Item = (u32, u64)>) -> Option<RecentRows> {
        let tables = self.recent.as_mut()?;
        let known = &mut self.processes;
        let process = |row: &Row<ProcessKey, Label>| RecentRow {
            // A process's own name is learnt after its first stall.
            comm: known.get_mut(&row.key).map_or(row.label.comm, |known| known.label.comm),
            faults: Some(row.tally.faults),
            wakeups: Some(0),
            ..RecentRow::of(Who::Process(row.key.0, row.key.1), row)
        };
        let cgroup = |row: &Row<Option<u64>, Label>| RecentRow {
            cgroup_id: row.key,
            faults: Some(row.tally.faults),
            ..RecentRow::of(Who::Cgroup(row.key), row)
        };
        // The cgroup of the latest stall of many tasks says nothing.
        let node =
            |row: &Row<Option<u32>, Label>| RecentRow { cgroup_id: None, ..RecentRow::of(Who::Node(row.key), row) };
        let Recent { processes, threads, cgroups, nodes, .. } = &*tables;
        let mut rows = RecentRows {
            processes: processes.rows().iter().map(process).collect(),
            threads: threads.rows().iter().map(|row| RecentRow::of(Who::Thread(row.key.0, row.key.1), row)).collect(),
            cgroups: cgroups.rows().iter().map(cgroup).collect(),
            nodes: nodes.rows().iter().map(node).collect(),
            folded: processes.other().1 + threads.other().1 + cgroups.other().1 + nodes.other().1,
        };
        // With a filter, others than those it names have no row.
        let others = self.config.filter.is_empty();
        for (pid, comm, count) in tables.wakers.drain(..).filter(|(pid, ..)| *pid != self.config.own_pid) {
            let known = rows.processes.iter_mut().find(|row| matches!(row.who, Who::Process(of, _) if of == pid));
            match known {
                Some(row) => row.wakeups = Some(count),
                None if others => rows.processes.push(RecentRow {
                    comm,
                    faults: Some(Faults::default()),
                    wakeups: Some(count),
                    ..RecentRow::new(Who::Process(pid, None))
                }),
                None => {}
            }
        }
        for (nid, count) in wakeups {
            match rows.nodes.iter_mut().find(|row| row.who == Who::Node(Some(nid))) {
                Some(row) => row.wakeups = Some(count),
                None if count > 0 => {
                    rows.nodes.push(RecentRow { wakeups: Some(count), ..RecentRow::new(Who::Node(Some(nid))) });
                }
                None => {}
            }
        }
        for rows in [&mut rows.processes, &mut rows.threads, &mut rows.cgroups, &mut rows.nodes] {
            sort(rows);
        }
        tables.processes.clear();
        tables.threads.clear();
        tables.cgroups.clear();
        tables.nodes.clear();
        Some(rows)
    }
}
