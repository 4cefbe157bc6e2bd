//! Counters of each process and cgroup since the segment began. The ticks hold them, so that they are known even for
//! events that are not in the trace.

use std::collections::HashMap;

use super::columns::Located;
use memtrace_core::{
    event::{Comm, Stall},
    session::faults::{Faults, ProcessFaults},
};

/// Processes counted separately in an epoch; beyond them, all counters restart from zero in the next epoch.
const PROCESSES: usize = 4096;
/// Likewise for cgroups.
const CGROUPS: usize = 2048;

/// Key of a process: the pid, and its start where it was read.
pub(super) type ProcessKey = (u32, Option<u64>);

/// Counters of one process or cgroup.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Account {
    pub(super) stalls: u64,
    pub(super) total_ns: u64,
    pub(super) max_ns: u64,
    pub(super) faults: Faults,
    /// Latest name of the process.
    pub(super) comm: Comm,
    named: bool,
    pub(super) in_command: Option<bool>,
    /// The cgroup of its latest stall.
    pub(super) cgroup_id: Option<u64>,
    /// Place of the process in the dictionary of the block being filled.
    pub(super) located: Located,
    changed: bool,
}

impl Account {
    fn add(&mut self, dur_ns: u64) {
        self.stalls += 1;
        self.total_ns = self.total_ns.saturating_add(dur_ns);
        self.max_ns = self.max_ns.max(dur_ns);
    }
}

/// The accounts of an epoch.
#[derive(Debug)]
pub(super) struct Accounts {
    pub(super) processes: HashMap<ProcessKey, Account>,
    pub(super) cgroups: HashMap<Option<u64>, Account>,
    /// Processes that changed since the last tick, in the order in which they did; cgroups likewise.
    pub(super) changed_processes: Vec<ProcessKey>,
    pub(super) changed_cgroups: Vec<Option<u64>>,
    pub(super) epoch: u32,
}

impl Accounts {
    /// Empty accounts, with memory for twice the rows of an epoch: the limits are only checked at a tick. The memory is
    /// written once, so that it is resident before a storm of short-lived tasks.
    pub(super) fn new() -> Self {
        let filled = |n: usize| 0..u32::try_from(2 * n).unwrap_or(u32::MAX);
        let mut accounts = Self {
            processes: filled(PROCESSES).map(|pid| ((pid, None), Account::default())).collect(),
            cgroups: filled(CGROUPS).map(|id| (Some(u64::from(id)), Account::default())).collect(),
            changed_processes: Vec::with_capacity(PROCESSES),
            changed_cgroups: Vec::with_capacity(CGROUPS),
            epoch: 0,
        };
        accounts.clear();
        accounts
    }

    /// Restarts all counters from zero and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.processes.clear();
        self.cgroups.clear();
        self.changed_processes.clear();
        self.changed_cgroups.clear();
    }

    /// Counts a stall. Returns the place of its process in the dictionary of the block.
    pub(super) fn stall(&mut self, stall: &Stall) -> &mut Located {
        let cgroup = self.cgroups.entry(stall.cgroup_id).or_default();
        cgroup.add(stall.dur_ns);
        if !std::mem::replace(&mut cgroup.changed, true) {
            self.changed_cgroups.push(stall.cgroup_id);
        }
        let key = (stall.pid, stall.process_start_ns);
        let process = self.processes.entry(key).or_insert_with(|| Account { comm: stall.comm, ..Account::default() });
        process.add(stall.dur_ns);
        process.cgroup_id = stall.cgroup_id;
        if !std::mem::replace(&mut process.changed, true) {
            self.changed_processes.push(key);
        }
        &mut process.located
    }

    /// Replaces the name of the first stalled thread by that of the process.
    pub(super) fn name(&mut self, key: ProcessKey, comm: Comm) {
        if let Some(process) = self.processes.get_mut(&key) {
            (process.comm, process.named) = (comm, true);
        }
    }

    /// Sets the membership of a process in the command.
    pub(super) fn mark(&mut self, key: ProcessKey, in_command: Option<bool>) {
        if let Some(process) = self.processes.get_mut(&key) {
            process.in_command = in_command;
        }
    }

    /// Counts the faults of a process.
    pub(super) fn process_faults(&mut self, faults: &ProcessFaults) -> &Account {
        let new = || Account { comm: faults.comm, cgroup_id: faults.cgroup_id, ..Account::default() };
        let process = self.processes.entry((faults.pid, faults.process_start_ns)).or_insert_with(new);
        process.faults.merge(&faults.faults);
        process
    }

    /// Counts the faults of a cgroup.
    pub(super) fn cgroup_faults(&mut self, id: u64, faults: &Faults) -> &Account {
        let cgroup = self.cgroups.entry(Some(id)).or_default();
        cgroup.faults.merge(faults);
        cgroup
    }

    /// Begins the interval after a written tick. Returns true when the epoch ends with that tick.
    pub(super) fn settle(&mut self) -> bool {
        for key in self.changed_processes.drain(..) {
            if let Some(process) = self.processes.get_mut(&key) {
                process.changed = false;
            }
        }
        for id in self.changed_cgroups.drain(..) {
            if let Some(cgroup) = self.cgroups.get_mut(&id) {
                cgroup.changed = false;
            }
        }
        self.processes.len() > PROCESSES || self.cgroups.len() > CGROUPS
    }
}
