//! Who had what since the last tick: tables like those since the start, emptied at each tick.

use memtrace_common::kind::StallKind;

use super::{
    ProcessKey, ProcessLabel, Session,
    faults::Faults,
    table::{Row, Table},
    tally::KindTally,
    tick::Interval,
};
use crate::event::{Comm, Stall};

/// Rows for processes that are told apart in an interval; what has no room is folded into `other`.
const PROCESSES: usize = 256;
/// Rows for cgroups.
const CGROUPS: usize = 128;

/// The tables of an interval.
#[derive(Debug)]
pub(super) struct Recent {
    pub(super) processes: Table<ProcessKey, ProcessLabel>,
    pub(super) cgroups: Table<Option<u64>, ()>,
}

/// Who a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Who {
    /// A process: its id, and its start in ns where that was read.
    Process(u32, Option<u64>),
    /// A memory cgroup by its id; `None` for the stalls whose cgroup was not read.
    Cgroup(Option<u64>),
}

/// What one process or cgroup had in an interval.
#[derive(Clone, Debug, PartialEq)]
pub struct RecentRow {
    /// Who.
    pub who: Who,
    /// Name of the process; empty for a cgroup.
    pub comm: Comm,
    /// The cgroup, or that of the process's latest stall.
    pub cgroup_id: Option<u64>,
    /// Its stalls.
    pub stalls: Interval,
    /// Their kinds, with count and time.
    pub kinds: Vec<(StallKind, KindTally)>,
    /// What it had to get back.
    pub faults: Faults,
    /// Pages reclaimed in its stalls; `None` when a part of them was not read.
    pub reclaimed_pages: Option<u64>,
}

/// All that had something in an interval and had a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecentRows {
    /// Processes, the most stalled first.
    pub processes: Vec<RecentRow>,
    /// Memory cgroups, the most stalled first.
    pub cgroups: Vec<RecentRow>,
    /// How many processes and cgroups had no row of their own.
    pub folded: [u64; 2],
}

impl Recent {
    /// Tables with all their memory.
    pub(super) fn new(label: ProcessLabel) -> Self {
        Self {
            processes: Table::new(PROCESSES, |n| (n, None), label),
            cgroups: Table::new(CGROUPS, |n| Some(u64::from(n)), ()),
        }
    }

    /// Counts a stall. Allocates nothing.
    pub(super) fn add(&mut self, stall: &Stall, label: ProcessLabel) {
        let (row, _) = self.processes.row((stall.pid, stall.process_start_ns), label);
        row.label.cgroup_id = stall.cgroup_id;
        row.tally.add(stall);
        self.cgroups.row(stall.cgroup_id, ()).0.tally.add(stall);
    }
}

fn sort(rows: &mut [RecentRow]) {
    let refaults = |row: &RecentRow| row.faults.refaults.file_pages.saturating_add(row.faults.refaults.anon_pages);
    rows.sort_by_key(|row| (std::cmp::Reverse((row.stalls.total_ns, refaults(row))), row.who));
}

impl Session {
    /// The rows since the last tick, which begin anew. `None` when they are not asked for.
    pub(super) fn take_recent(&mut self) -> Option<RecentRows> {
        let recent = self.recent.as_mut()?;
        let processes = &mut self.processes;
        let process = |row: &Row<ProcessKey, ProcessLabel>| RecentRow {
            who: Who::Process(row.key.0, row.key.1),
            // A process's own name is learnt after its first stall.
            comm: processes.get_mut(&row.key).map_or(row.label.comm, |known| known.label.comm),
            cgroup_id: row.label.cgroup_id,
            stalls: Interval::of_tally(&row.tally),
            kinds: row.tally.kinds().collect(),
            faults: row.tally.faults,
            reclaimed_pages: row.tally.reclaimed_pages(),
        };
        let cgroup = |row: &Row<Option<u64>, ()>| RecentRow {
            who: Who::Cgroup(row.key),
            comm: Comm::default(),
            cgroup_id: row.key,
            stalls: Interval::of_tally(&row.tally),
            kinds: row.tally.kinds().collect(),
            faults: row.tally.faults,
            reclaimed_pages: row.tally.reclaimed_pages(),
        };
        let mut rows = RecentRows {
            processes: recent.processes.rows().iter().map(process).collect(),
            cgroups: recent.cgroups.rows().iter().map(cgroup).collect(),
            folded: [recent.processes.other().1, recent.cgroups.other().1],
        };
        sort(&mut rows.processes);
        sort(&mut rows.cgroups);
        recent.processes.clear();
        recent.cgroups.clear();
        Some(rows)
    }
}
