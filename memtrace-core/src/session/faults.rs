//! Refaults, major faults and swap-ins. The kernel side counts them, and the session takes the counts since the last
//! tick.

use memtrace_common::refault::RefaultCounts;

use super::sampled::{self, Sampled};
use crate::event::Comm;

/// Refaults of the host since attach, in pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RefaultTotals {
    /// Pages of files.
    pub file_pages: u64,
    /// Pages of anonymous memory.
    pub anon_pages: u64,
}

/// Faults of a process, of a cgroup or of the rest of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Refaults.
    pub refaults: RefaultCounts,
    /// Major faults.
    pub major_faults: u64,
    /// Pages read back from swap.
    pub swapin_pages: u64,
}

impl Faults {
    /// True when all counts are 0.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Refaulted pages, of files and anonymous memory.
    #[must_use]
    pub fn refaulted_pages(&self) -> u64 {
        self.refaults.file_pages.saturating_add(self.refaults.anon_pages)
    }

    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        let (sum, more) = (&mut self.refaults, &other.refaults);
        // A trace may hold any numbers.
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        add(&mut sum.file_pages, more.file_pages);
        add(&mut sum.anon_pages, more.anon_pages);
        add(&mut sum.events, more.events);
        add(&mut sum.activated_pages, more.activated_pages);
        add(&mut sum.restored_pages, more.restored_pages);
        add(&mut self.major_faults, other.major_faults);
        add(&mut self.swapin_pages, other.swapin_pages);
    }

    /// Counts since `earlier`, an older state of the same counts. Never negative, though the counts of several CPUs are
    /// not read at one instant.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let (now, old) = (&self.refaults, &earlier.refaults);
        Self {
            refaults: RefaultCounts {
                file_pages: now.file_pages.saturating_sub(old.file_pages),
                anon_pages: now.anon_pages.saturating_sub(old.anon_pages),
                events: now.events.saturating_sub(old.events),
                activated_pages: now.activated_pages.saturating_sub(old.activated_pages),
                restored_pages: now.restored_pages.saturating_sub(old.restored_pages),
            },
            major_faults: self.major_faults.saturating_sub(earlier.major_faults),
            swapin_pages: self.swapin_pages.saturating_sub(earlier.swapin_pages),
        }
    }
}

/// Refaults since `earlier`, an older state of the same counts. Never negative.
#[must_use]
pub fn refaults_since(now: RefaultCounts, earlier: RefaultCounts) -> RefaultCounts {
    let faults = |refaults| Faults { refaults, ..Faults::default() };
    faults(now).since(&faults(earlier)).refaults
}

/// The sum of two counts of refaults.
#[must_use]
pub fn refaults_sum(one: RefaultCounts, other: RefaultCounts) -> RefaultCounts {
    let mut sum = Faults { refaults: one, ..Faults::default() };
    sum.merge(&Faults { refaults: other, ..Faults::default() });
    sum.refaults
}

/// The fault counts that are read on this kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultsRead {
    /// Hook by which refaults are read; `None` when they are not read.
    pub refaults: Option<&'static str>,
    /// True when that hook reports how many of them were activated and restored.
    pub fate: bool,
    /// True when major faults are read.
    pub major_faults: bool,
    /// True when swap-ins are read.
    pub swapins: bool,
}

/// Faults of one process since the last tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessFaults {
    /// Process id.
    pub pid: u32,
    /// Start of the process in ns, where it was read.
    pub process_start_ns: Option<u64>,
    /// Name of the first thread of the process that was seen.
    pub comm: Comm,
    /// Id of the memory cgroup in which the process was first seen.
    pub cgroup_id: Option<u64>,
    /// Faults of the process.
    pub faults: Faults,
}

/// Faults since the last tick.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultDeltas {
    /// Faults by process, memtrace itself included.
    pub processes: Vec<ProcessFaults>,
    /// Refaults by the memory cgroup that the pages are charged to.
    pub cgroups: Vec<(u64, RefaultCounts)>,
    /// Set where refaults were counted for a part of the time; then those of processes and cgroups are estimates.
    pub sampled: Option<Sampled>,
}

impl FaultDeltas {
    /// Adds later faults.
    pub fn merge(&mut self, later: Self) {
        self.sampled = sampled::sum(self.sampled, later.sampled);
        for process in later.processes {
            let key = |process: &ProcessFaults| (process.pid, process.process_start_ns);
            match self.processes.iter_mut().find(|known| key(known) == key(&process)) {
                Some(known) => known.faults.merge(&process.faults),
                None => self.processes.push(process),
            }
        }
        for (id, refaults) in later.cgroups {
            let more = Faults { refaults, ..Faults::default() };
            match self.cgroups.iter_mut().find(|(known, _)| *known == id) {
                Some((_, known)) => {
                    let mut sum = Faults { refaults: *known, ..Faults::default() };
                    sum.merge(&more);
                    *known = sum.refaults;
                }
                None => self.cgroups.push((id, refaults)),
            }
        }
    }
}
