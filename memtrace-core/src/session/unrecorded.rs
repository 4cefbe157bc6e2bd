//! Stalls that are counted by process and by cgroup but have no event: a trace need not hold every event.

use super::filter::{CgroupNames, Filter};
use crate::event::Comm;

/// Stalls of a process or cgroup that the trace counts but has no event for: shorter than the chosen minimum, not
/// written because the disk was full, or in a damaged block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnrecordedStalls {
    /// Finished stalls.
    pub count: u64,
    /// Sum of their durations, in ns.
    pub total_ns: u64,
    /// Longest duration in ns, over all stalls of the process or cgroup in this segment.
    pub max_ns: u64,
}

/// Such stalls of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnrecordedProcess {
    /// Process id.
    pub pid: u32,
    /// Start of the process in ns, where it was read.
    pub process_start_ns: Option<u64>,
    /// Name of the process, or of its first stalled thread.
    pub comm: Comm,
    /// True when it belongs to the command that memtrace started.
    pub in_command: Option<bool>,
    /// Id of the memory cgroup of its latest stall.
    pub cgroup_id: Option<u64>,
    /// The stalls.
    pub stalls: UnrecordedStalls,
}

impl UnrecordedProcess {
    /// True when its stalls match a filter. Their kinds are not known: a filter on kinds matches none of them.
    #[must_use]
    pub fn matches(&self, filter: &Filter, names: &dyn CgroupNames) -> bool {
        filter.kinds.is_empty()
            && (filter.pids.is_empty() || filter.pids.contains(&self.pid))
            && (filter.comms.is_empty() || filter.comms.iter().any(|pattern| pattern.matches(self.comm.bytes())))
            && filter.fits_cgroup(self.cgroup_id, names)
    }
}
