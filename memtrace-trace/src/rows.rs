//! The counters of processes and cgroups in a tick, and their differences in a reader.

use std::{
    collections::{HashMap, HashSet},
    mem,
};

use super::{
    accounts::{Account, Accounts, ProcessKey},
    columns::Recorded,
    model::{UnrecordedProcess, UnrecordedStalls},
    optional::{decode, encode},
    sane::{MOST, MOST_NS},
    wire,
};
use memtrace_common::refault::RefaultCounts;
use memtrace_core::{
    event::Comm,
    session::faults::{FaultDeltas, Faults, ProcessFaults},
};

/// Limit on the rows of one message: with all columns at their largest, they fit a block beside as many rows of
/// cgroups.
const ROWS: usize = 2500;

/// Rows in as many parts as they need.
#[derive(Debug, Default)]
pub(super) struct Parts(pub(super) Vec<wire::Rows>);

impl Parts {
    /// The part that takes the next row.
    fn open(&mut self) -> &mut wire::Rows {
        let is_full = self.0.last().is_none_or(|part| part.id.len() >= ROWS);
        if is_full {
            self.0.push(wire::Rows::default());
        }
        let last = self.0.len() - 1;
        &mut self.0[last]
    }
}

/// Adds the faults since the last tick to the accounts, and writes the changed rows of processes and cgroups: those
/// with faults first, in the order of `faults`.
pub(super) fn encode_rows(accounts: &mut Accounts, faults: &FaultDeltas) -> (Parts, Parts) {
    let mut processes = Parts::default();
    let mut written: HashSet<ProcessKey> = HashSet::with_capacity(faults.processes.len());
    for process in &faults.processes {
        let key = (process.pid, process.process_start_ns);
        let rows = processes.open();
        push_process(rows, key, accounts.process_faults(process));
        rows.fault_comm.push(process.comm.bytes().to_vec());
        rows.fault_cgroup.push(encode(process.cgroup_id));
        rows.fault_rows += 1;
        written.insert(key);
    }
    for key in accounts.changed_processes.iter().filter(|key| !written.contains(*key)) {
        if let Some(account) = accounts.processes.get(key) {
            push_process(processes.open(), *key, account);
        }
    }
    let mut cgroups = Parts::default();
    let mut written: HashSet<Option<u64>> = HashSet::with_capacity(faults.cgroups.len());
    for (id, refaults) in &faults.cgroups {
        let account = accounts.cgroup_faults(*id, &Faults { refaults: *refaults, ..Faults::default() });
        let rows = cgroups.open();
        push_account(rows, Some(*id), account);
        rows.fault_rows += 1;
        written.insert(Some(*id));
    }
    for id in accounts.changed_cgroups.iter().filter(|id| !written.contains(*id)) {
        if let Some(account) = accounts.cgroups.get(id) {
            push_account(cgroups.open(), *id, account);
        }
    }
    (processes, cgroups)
}

fn push_process(rows: &mut wire::Rows, key: ProcessKey, account: &Account) {
    rows.pid.push(key.0);
    rows.start_ns.push(encode(key.1));
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
    rows.id.push(encode(id));
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

/// Refuses rows with columns that end too early, or with impossible numbers: nothing of such a message is used.
pub(super) fn check(message: &wire::Tick) -> Result<(), &'static str> {
    let are_rows = |rows: &wire::Rows, count: usize| (0..count).all(|at| row(rows, at).is_some());
    let processes = |rows: &wire::Rows| rows.start_ns.len() >= rows.pid.len() && are_rows(rows, rows.pid.len());
    let is_sane = message.processes.as_ref().is_none_or(processes)
        && message.cgroups.as_ref().is_none_or(|rows| are_rows(rows, rows.id.len()));
    if is_sane { Ok(()) } else { Err("the rows of a tick have columns of unequal length, or impossible numbers") }
}

/// Limit on the remembered rows: more than the writer ever has. A trace that claims more is not followed.
const MOST_ROWS: usize = 1 << 16;

/// Counters of one process or cgroup since its epoch began.
#[derive(Clone, Copy, Debug, Default)]
struct EpochRow {
    faults: Faults,
    /// Stalls that events of the trace reported.
    reported: Recorded,
    /// Stalls that no event reported, as far as they were passed on.
    unrecorded: Recorded,
}

/// Turns rows back into differences between ticks.
#[derive(Debug, Default)]
pub(super) struct RowReader {
    processes: HashMap<ProcessKey, EpochRow>,
    cgroups: HashMap<Option<u64>, EpochRow>,
    epoch: u32,
    /// True once the end of an epoch was missed: the stalls that events reported since then are unknown.
    astray: bool,
    /// Differences for the next tick.
    pending: Pending,
}

/// Differences since the last tick: faults, and stalls that no event reported, of processes and of cgroups.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) faults: FaultDeltas,
    pub(super) processes: Vec<UnrecordedProcess>,
    pub(super) cgroups: Vec<(Option<u64>, UnrecordedStalls)>,
}

/// One row, checked.
struct CheckedRow {
    id: Option<u64>,
    stalls: UnrecordedStalls,
    faults: Faults,
}

impl RowReader {
    /// Forgets all rows, at a new segment or epoch.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Adds the stalls that the events of a block report, by process and by cgroup.
    pub(super) fn reported(&mut self, message: &wire::Events, processes: &[Recorded], cgroups: &[Recorded]) {
        let keys = message.process_pid.iter().zip(&message.process_start_ns).map(|(&pid, &start)| (pid, decode(start)));
        for (key, reported) in keys.zip(processes) {
            add(&mut self.processes.entry(key).or_default().reported, reported);
        }
        let ids = message.cgroup_id.iter().copied().map(Some).chain([None]);
        for (id, reported) in ids.zip(cgroups).filter(|(_, reported)| reported.count > 0) {
            add(&mut self.cgroups.entry(id).or_default().reported, reported);
        }
        self.forget_when_full();
    }

    /// True when the stalls of a process in these events were already passed on as unrecorded.
    pub(super) fn has_counted(&self, message: &wire::Events, processes: &[Recorded]) -> bool {
        let keys = message.process_pid.iter().zip(&message.process_start_ns).map(|(&pid, &start)| (pid, decode(start)));
        keys.zip(processes).filter(|(_, reported)| reported.count > 0).any(|(key, reported)| {
            self.processes.get(&key).is_some_and(|known| known.unrecorded.count >= reported.count)
        })
    }

    /// Ends an interval. Returns its differences.
    pub(super) fn tick(&mut self, message: &wire::Tick) -> Pending {
        self.part(message);
        let pending = mem::take(&mut self.pending);
        if message.epoch_ends {
            self.clear();
            self.epoch = message.epoch.wrapping_add(1);
        }
        pending
    }

    /// Takes rows, for the next tick.
    pub(super) fn part(&mut self, message: &wire::Tick) {
        if message.epoch != self.epoch {
            self.forget(message.epoch);
        }
        let mut pending = mem::take(&mut self.pending);
        let Pending { faults: deltas, processes, cgroups } = &mut pending;
        // Rows that no tick ever takes must not pile up.
        if processes.len() + cgroups.len() + deltas.processes.len() + deltas.cgroups.len() > 8 * MOST_ROWS {
            return;
        }
        if let Some(rows) = &message.processes {
            for at in 0..rows.pid.len().min(MOST_ROWS) {
                self.process(rows, at, deltas, processes);
            }
        }
        if let Some(rows) = &message.cgroups {
            for at in 0..rows.id.len().min(MOST_ROWS) {
                let Some(row) = row(rows, at) else { break };
                let known = self.cgroups.entry(row.id).or_default();
                let (faults, unrecorded) = since(known, &row, self.astray);
                if let (true, Some(id)) = (at < rows.fault_rows as usize, row.id) {
                    deltas.cgroups.push((id, faults.refaults));
                }
                cgroups.extend(unrecorded.map(|unrecorded| (row.id, unrecorded)));
            }
        }
        self.pending = pending;
        self.forget_when_full();
    }

    /// Starts over in the middle of an epoch. Pending differences are kept: they were computed before.
    fn forget(&mut self, epoch: u32) {
        let pending = mem::take(&mut self.pending);
        *self = Self { epoch, astray: true, pending, ..Self::default() };
    }

    fn process(
        &mut self,
        rows: &wire::Rows,
        at: usize,
        deltas: &mut FaultDeltas,
        unrecorded: &mut Vec<UnrecordedProcess>,
    ) {
        let (Some(row), Some(&pid), Some(&start)) = (row(rows, at), rows.pid.get(at), rows.start_ns.get(at)) else {
            return;
        };
        let process_start_ns = decode(start);
        let known = self.processes.entry((pid, process_start_ns)).or_default();
        let (faults, more) = since(known, &row, self.astray);
        if at < rows.fault_rows as usize {
            deltas.processes.push(ProcessFaults {
                pid,
                process_start_ns,
                comm: comm(&rows.fault_comm, at),
                cgroup_id: rows.fault_cgroup.get(at).copied().and_then(decode),
                faults,
            });
        }
        unrecorded.extend(more.map(|stalls| UnrecordedProcess {
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
        if self.processes.len() > MOST_ROWS || self.cgroups.len() > MOST_ROWS {
            self.forget(self.epoch);
        }
    }
}

fn comm(column: &[Vec<u8>], at: usize) -> Comm {
    column.get(at).map_or_else(Comm::default, |comm| Comm::from(comm.as_slice()))
}

fn add(sum: &mut Recorded, more: &Recorded) {
    sum.count = sum.count.saturating_add(more.count);
    sum.total_ns = sum.total_ns.saturating_add(more.total_ns);
}

/// The row at this place; `None` when a column ends before it, or a number is too large to be added up.
fn row(rows: &wire::Rows, at: usize) -> Option<CheckedRow> {
    let below = |most: u64, column: &[u64]| column.get(at).copied().filter(|&n| n < most);
    let sane = |column: &[u64]| below(MOST, column);
    let sane_ns = |column: &[u64]| below(MOST_NS, column);
    Some(CheckedRow {
        id: decode(*rows.id.get(at)?),
        stalls: UnrecordedStalls {
            count: sane(&rows.stalls)?,
            total_ns: sane_ns(&rows.total_ns)?,
            max_ns: sane_ns(&rows.max_ns)?,
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

/// Faults and unrecorded stalls since the row was last seen.
fn since(known: &mut EpochRow, row: &CheckedRow, astray: bool) -> (Faults, Option<UnrecordedStalls>) {
    let faults = row.faults.since(&known.faults);
    known.faults = row.faults;
    if astray {
        return (faults, None);
    }
    let unrecorded = Recorded {
        count: row.stalls.count.saturating_sub(known.reported.count),
        total_ns: row.stalls.total_ns.saturating_sub(known.reported.total_ns),
    };
    let more = UnrecordedStalls {
        count: unrecorded.count.saturating_sub(known.unrecorded.count),
        total_ns: unrecorded.total_ns.saturating_sub(known.unrecorded.total_ns),
        max_ns: row.stalls.max_ns,
    };
    known.unrecorded = unrecorded;
    (faults, (more.count > 0).then_some(more))
}
