//! Events in the form that every source produces and the session takes.
//!
//! `None` means that the value was not read, never that it is 0. Names from other processes stay bytes until an
//! output renders them (`untrusted`).

mod example;
mod oom;
mod refault;
mod times;

use memtrace_common::{
    kind::StallKind,
    record::{COMM_LEN, KswapdStep},
};

pub use self::{
    oom::{Constraint, Freed, FreedBy, LastReclaim, MemoryBack, Oom, OomCall, Trigger, Victim},
    refault::{Evictor, EvictorKey, FileId, FileName, SampledRefault},
    times::PartTimes,
};
use crate::{source::Source, throttle::Throttles};

/// A task name as the kernel keeps it: up to 15 bytes, NUL padded, chosen by the process itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Comm(pub [u8; COMM_LEN]);

impl Comm {
    /// The bytes before the first NUL.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        let end = self.0.iter().position(|&b| b == 0).unwrap_or(COMM_LEN);
        &self.0[..end]
    }
}

impl From<&[u8]> for Comm {
    fn from(bytes: &[u8]) -> Self {
        let mut comm = [0; COMM_LEN];
        let len = bytes.len().min(COMM_LEN - 1);
        comm[..len].copy_from_slice(&bytes[..len]);
        Self(comm)
    }
}

/// The shrinker in which a stall spent the most time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopShrinker {
    /// Address of its function in the traced kernel; names are found later.
    pub function: u64,
    /// Time in it, in ns.
    pub ns: u64,
}

/// Time in which a stalled task did not run: asleep, or runnable and not running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffCpu {
    /// Measured, in ns.
    Measured(u64),
    /// Estimated for a long stall where it is not measured, in ns; off by one or two ticks of the scheduler.
    Estimated(u64),
}

impl OffCpu {
    /// The time in ns, if it is measured.
    #[must_use]
    pub const fn measured_ns(self) -> Option<u64> {
        match self {
            Self::Measured(ns) => Some(ns),
            Self::Estimated(_) => None,
        }
    }

    /// The time in ns, if it is estimated.
    #[must_use]
    pub const fn estimated_ns(self) -> Option<u64> {
        match self {
            Self::Measured(_) => None,
            Self::Estimated(ns) => Some(ns),
        }
    }
}

/// A finished stall of one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// End of the stall, `CLOCK_MONOTONIC` in ns.
    pub t_ns: u64,
    /// Duration in ns.
    pub dur_ns: u64,
    /// Kind of the stall.
    pub kind: StallKind,
    /// Relation of `dur_ns` to the true stall.
    pub source: Source,
    /// Process id in the initial pid namespace.
    pub pid: u32,
    /// Thread id in the initial pid namespace.
    pub tid: u32,
    /// Name of the thread.
    pub comm: Comm,
    /// Start of the process in ns, which identifies it when a pid is reused.
    pub process_start_ns: Option<u64>,
    /// Id of the task's memory cgroup.
    pub cgroup_id: Option<u64>,
    /// Node that was reclaimed, for the kinds whose event names one; else the node of the CPU on which the stall ended.
    pub nid: Option<u32>,
    /// Order of the allocation.
    pub order: Option<i32>,
    /// Flags of the allocation, with the running kernel's bit numbers.
    pub gfp: Option<u32>,
    /// Pages scanned.
    pub scanned_pages: Option<u64>,
    /// Pages reclaimed.
    pub reclaimed_pages: Option<u64>,
    /// Time by part.
    pub times: PartTimes,
    /// Time throttled by reason.
    pub throttles: Throttles,
    /// The shrinker that took the most time; `None` without one, or where it was not read.
    pub top_shrinker: Option<TopShrinker>,
    /// Time in which the task did not run during the stall; `None` where that is neither measured nor estimated.
    pub off_cpu: Option<OffCpu>,
}

/// A change of one kswapd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kswapd {
    /// Time of the change, `CLOCK_MONOTONIC` in ns.
    pub t_ns: u64,
    /// Node of the kswapd.
    pub nid: u32,
    /// The change.
    pub step: KswapdStep,
    /// Order of the allocation that kswapd works for.
    pub order: Option<i32>,
    /// Flags of that allocation; only for a wakeup.
    pub gfp: Option<u32>,
    /// Task that woke kswapd, by process id and name; only for a wakeup.
    pub waker: Option<Trigger>,
}

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A stall ended.
    Stall(Stall),
    /// The OOM killer marked a victim.
    Oom(Oom),
    /// The memory of an OOM victim was freed.
    Freed(Freed),
    /// kswapd was asked for, woke or went to sleep.
    Kswapd(Kswapd),
}
