//! Reasons why two counts differ, in words.

use std::fmt::{self, Display};

/// A known reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// The kernel has no such counter, or it could not be read.
    NotInKernel,
    /// The hook that would count it is not attached.
    NoHook,
    /// The kernel counts `allocstall` again when a reclaim starts over.
    Retries,
    /// The kernel counted this many while the hooks were attached or the totals read: inside the window or outside.
    Within(u64),
    /// This many events were lost in the kernel, which accounts for the gap.
    Lost(u64),
    /// This many events were lost in the kernel, too few to account for the gap.
    LostFewer(u64),
    /// The end of a reclaim also counts pages of slab that it freed.
    SlabToo,
    /// Soft-limit reclaim is in our count and not in the kernel's.
    SoftLimit,
    /// The kernel does not count a victim that was already dying.
    AlreadyDying,
    /// For a cgroup with `memory.oom.group` the kernel kills, and counts, the chosen victim twice: for itself, and as a
    /// member (measured on 5.10, 6.1, 6.12, 7.2).
    GroupTwice,
    /// MGLRU on this kernel reports no scans.
    MglruSilent,
    /// With MGLRU the event counts pages that were looked at, the counter those taken off the list.
    MglruIsolated,
    /// MGLRU does not count a refault into a cgroup other than that of the eviction.
    MglruElsewhere,
    /// Refaults were counted for a part of the time: the sum for the host is the kernel's own, those for cgroups are
    /// estimates.
    Sampled,
    /// Pages of a cgroup are also scanned for others, and its tasks also scan for others.
    Others,
    /// No event reports it: the task stalled before its reclaim began.
    PfmemallocThrottle,
    /// The kernel counts a throttle when it begins, even if it ends at once.
    DidNotSleep,
    /// The kernel counts a compaction that was deferred after the last ones failed.
    PutOff,
}

impl Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotInKernel => "not read: the kernel has no such counter",
            Self::NoHook => "not traced: the hook is not attached",
            Self::Retries => "the kernel also counts retries of a reclaim",
            Self::Within(n) => {
                return write!(f, "within {n}, which the kernel counted during the attaching or a reading");
            }
            Self::Lost(n) => return write!(f, "{n} events lost in the kernel"),
            Self::LostFewer(n) => return write!(f, "{n} events lost in the kernel, too few to explain it"),
            Self::SlabToo => "ours includes freed slab pages",
            Self::SoftLimit => "ours includes soft-limit reclaim",
            Self::AlreadyDying => "ours includes victims that were already dying",
            Self::GroupTwice => "memory.oom.group: the kernel counts the chosen victim twice",
            Self::MglruSilent => "MGLRU of this kernel reports no scans",
            Self::MglruIsolated => "MGLRU: ours counts pages looked at, the kernel's pages taken off the list",
            Self::MglruElsewhere => {
                "MGLRU: the kernel counts only some refaults (6.1: recent ones; none into another cgroup or node)"
            }
            Self::Sampled => "refaults were sampled for a time (--budget)",
            Self::Others => "other tasks also scan pages of the cgroup, and its tasks scan pages of others",
            Self::DidNotSleep => "the kernel also counts throttles that delayed no task",
            Self::PutOff => "the kernel also counts compactions that it deferred",
            Self::PfmemallocThrottle => "no event reports the pfmemalloc throttle",
        })
    }
}
