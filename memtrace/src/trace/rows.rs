//! The counters of processes and cgroups in a tick, and what a reader makes of them.

use std::collections::{HashMap, HashSet};

use super::{
    accounts::{Account, Accounts, ProcessKey},
    columns::Told,
    model::{UntoldProcess, UntoldStalls},
    optional::{put, take},
    wire,
};
use crate::{
    event::Comm,
    session::faults::{FaultDeltas, Faults, ProcessFaults},
};
use memtrace_common::refault::RefaultCounts;

/// Takes what came since the last tick into the accounts, and writes the rows that changed: those with faults first, in
/// the order in which they are given.
pub(super) fn put_rows(accounts: &mut Accounts, faults: &FaultDeltas) -> (wire::Rows, wire::Rows) {
    let mut processes = wire::Rows::default();
    let mut written: HashSet<ProcessKey> = HashSet::with_capacity(faults.processes.len());
    for process in &faults.processes {
        let key = (process.pid, process.process_start_ns);
        push_process(&mut processes, key, accounts.process_faults(process));
        processes.fault_comm.push(process.comm.bytes().to_vec());
        processes.fault_cgroup.push(put(process.cgroup_id));
        written.insert(key);
    }
    processes.fault_rows = u32::try_from(faults.processes.len()).unwrap_or(u32::MAX);
    for key in accounts.changed_processes.iter().filter(|key| !written.contains(*key)) {
        if let Some(account) = accounts.processes.get(key) {
            push_process(&mut processes, *key, account);
        }
    }
    let mut cgroups = wire::Rows::default();
    let mut written: HashSet<Option<u64>> = HashSet::with_capacity(faults.cgroups.len());
    for (id, refaults) in &faults.cgroups {
        let account = accounts.cgroup_faults(*id, &Faults { refaults: *refaults, ..Faults::default() });
        push_account(&mut cgroups, Some(*id), account);
        written.insert(Some(*id));
    }
    cgroups.fault_rows = u32::try_from(faults.cgroups.len()).unwrap_or(u32::MAX);
    for id in accounts.changed_cgroups.iter().filter(|id| !written.contains(*id)) {
        if let Some(account) = accounts.cgroups.get(id) {
            push_account(&mut cgroups, *id, account);
        }
    }
    (processes, cgroups)
}

fn push_process(rows: &mut wire::Rows, key: ProcessKey, account: &Account) {
    rows.pid.push(key.0);
    rows.start_ns.push(put(key.1));
    rows.comm.push(account.comm.bytes().to_vec());
    rows.in_command.push(match account.in_command {
        None => 0,
        Some(false) => 1,
        Some(true) => 2,
    });
    push_account(rows, account.cgroup_id, account);
}

fn push_account(rows: &mut wire::Rows, id: Option<u64>, account: &Account) {
    let refaults = &account.faults.refaults;
    rows.id.push(put(id));
    rows.stalls.push(account.stalls);
    rows.total_ns.push(account.total_ns);
    rows.max_ns.push(account.max_ns);
    rows.file_pages.push(refaults.file_pages);
    rows.anon_pages.push(refaults.anon_pages);
    rows.events.push(refaults.events);
    rows.activated_pages.push(refaults.activated_pages);
    rows.restored_pages.push(refaults.restored_pages);
    rows.major_faults.push(account.faults.major_faults);
    rows.swapin_pages.push(account.faults.swapin_pages);
}

/// Rows that are remembered: more than the writer ever has. A trace that claims more is not followed.
const MOST: usize = 1 << 16;

/// What is known of one process or cgroup since its epoch began.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    faults: Faults,
    /// Of its stalls, those that events of the trace told.
    told: Told,
    /// Those that no event told, as far as they were passed on.
    untold: Told,
}

/// Makes differences of the rows again.
#[derive(Debug, Default)]
pub(super) struct RowReader {
    processes: HashMap<ProcessKey, Known>,
    cgroups: HashMap<Option<u64>, Known>,
    epoch: u32,
    /// An end of an epoch was missed: what events told since then is not known.
    astray: bool,
}

/// One row, checked.
struct Row {
    id: Option<u64>,
    stalls: UntoldStalls,
    faults: Faults,
}

impl RowReader {
    /// A new segment.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// What the events of a block told of its processes and cgroups.
    pub(super) fn told(&mut self, message: &wire::Events, processes: &[Told], cgroups: &[Told]) {
        let keys = message.process_pid.iter().zip(&message.process_start_ns).map(|(&pid, &start)| (pid, take(start)));
        for (key, told) in keys.zip(processes) {
            add(&mut self.processes.entry(key).or_default().told, told);
        }
        let ids = message.cgroup_id.iter().copied().map(Some).chain([None]);
        for (id, told) in ids.zip(cgroups).filter(|(_, told)| told.count > 0) {
            add(&mut self.cgroups.entry(id).or_default().told, told);
        }
        self.forget_when_full();
    }

    /// What came since the last tick: faults, and the stalls that no event told, of processes and of cgroups.
    pub(super) fn tick(
        &mut self,
        message: &wire::Tick,
    ) -> (FaultDeltas, Vec<UntoldProcess>, Vec<(Option<u64>, UntoldStalls)>) {
        if message.epoch != self.epoch {
            self.clear();
            (self.epoch, self.astray) = (message.epoch, true);
        }
        let (mut deltas, mut processes, mut cgroups) = (FaultDeltas::default(), Vec::new(), Vec::new());
        if let Some(rows) = &message.processes {
            for at in 0..rows.pid.len() {
                self.process(rows, at, &mut deltas, &mut processes);
            }
        }
        if let Some(rows) = &message.cgroups {
            for at in 0..rows.id.len() {
                let Some(row) = row(rows, at) else { break };
                let known = self.cgroups.entry(row.id).or_default();
                let (faults, untold) = since(known, &row, self.astray);
                if let (true, Some(id)) = (at < rows.fault_rows as usize, row.id) {
                    deltas.cgroups.push((id, faults.refaults));
                }
                cgroups.extend(untold.map(|untold| (row.id, untold)));
            }
        }
        if message.epoch_ends {
            self.clear();
            self.epoch = message.epoch.wrapping_add(1);
        }
        self.forget_when_full();
        (deltas, processes, cgroups)
    }

    fn process(&mut self, rows: &wire::Rows, at: usize, deltas: &mut FaultDeltas, untold: &mut Vec<UntoldProcess>) {
        let (Some(row), Some(&pid), Some(&start)) = (row(rows, at), rows.pid.get(at), rows.start_ns.get(at)) else {
            return;
        };
        let process_start_ns = take(start);
        let known = self.processes.entry((pid, process_start_ns)).or_default();
        let (faults, more) = since(known, &row, self.astray);
        if at < rows.fault_rows as usize {
            deltas.processes.push(ProcessFaults {
                pid,
                process_start_ns,
                comm: comm(&rows.fault_comm, at),
                cgroup_id: rows.fault_cgroup.get(at).copied().and_then(take),
                faults,
            });
        }
        untold.extend(more.map(|stalls| UntoldProcess {
            pid,
            process_start_ns,
            comm: comm(&rows.comm, at),
            in_command: match rows.in_command.get(at) {
                Some(1) => Some(false),
                Some(2) => Some(true),
                _ => None,
            },
            cgroup_id: row.id,
            stalls,
        }));
    }

    fn forget_when_full(&mut self) {
        if self.processes.len() > MOST || self.cgroups.len() > MOST {
            let epoch = self.epoch;
            *self = Self { epoch, astray: true, ..Self::default() };
        }
    }
}

fn comm(column: &[Vec<u8>], at: usize) -> Comm {
    column.get(at).map_or_else(Comm::default, |comm| Comm::from(comm.as_slice()))
}

fn add(sum: &mut Told, more: &Told) {
    sum.count = sum.count.saturating_add(more.count);
    sum.total_ns = sum.total_ns.saturating_add(more.total_ns);
}

/// The row at this place; `None` when a column ends before it, or a number is none that can be added up.
fn row(rows: &wire::Rows, at: usize) -> Option<Row> {
    let sane = |column: &[u64]| column.get(at).copied().filter(|&n| n < 1 << 56);
    Some(Row {
        id: take(*rows.id.get(at)?),
        stalls: UntoldStalls {
            count: sane(&rows.stalls)?,
            total_ns: sane(&rows.total_ns)?,
            max_ns: sane(&rows.max_ns)?,
        },
        faults: Faults {
            refaults: RefaultCounts {
                file_pages: sane(&rows.file_pages)?,
                anon_pages: sane(&rows.anon_pages)?,
                events: sane(&rows.events)?,
                activated_pages: sane(&rows.activated_pages)?,
                restored_pages: sane(&rows.restored_pages)?,
            },
            major_faults: sane(&rows.major_faults)?,
            swapin_pages: sane(&rows.swapin_pages)?,
        },
    })
}

/// What came since this was last seen.
fn since(known: &mut Known, row: &Row, astray: bool) -> (Faults, Option<UntoldStalls>) {
    let faults = row.faults.since(&known.faults);
    known.faults = row.faults;
    if astray {
        return (faults, None);
    }
    let untold = Told {
        count: row.stalls.count.saturating_sub(known.told.count),
        total_ns: row.stalls.total_ns.saturating_sub(known.told.total_ns),
    };
    let more = UntoldStalls {
        count: untold.count.saturating_sub(known.untold.count),
        total_ns: untold.total_ns.saturating_sub(known.untold.total_ns),
        max_ns: row.stalls.max_ns,
    };
    known.untold = untold;
    (faults, (more.count > 0).then_some(more))
}
