//! The kernel's own counters, with which memtrace's counts are compared.

use std::collections::BTreeMap;

/// All names in [`KernelCounters::host`].
pub const HOST_COUNTERS: [&str; 18] = [
    "allocstall",
    "pgscan",
    "pgsteal",
    "pgscan_direct",
    "pgscan_khugepaged",
    "pgscan_kswapd",
    "pgscan_proactive",
    "pgscan_direct_throttle",
    "compact_stall",
    "pgsteal_direct",
    "pgsteal_khugepaged",
    "pgsteal_kswapd",
    "pgsteal_proactive",
    "workingset_refault_anon",
    "workingset_refault_file",
    "oom_kill",
    "kswapd_low_wmark_hit_quickly",
    "kswapd_high_wmark_hit_quickly",
];

/// All names in [`KernelCounters::cgroup`].
pub const CGROUP_COUNTERS: [&str; 10] = [
    "pgscan",
    "pgscan_direct",
    "pgscan_khugepaged",
    "pgscan_proactive",
    "pgsteal",
    "pgsteal_direct",
    "pgsteal_khugepaged",
    "pgsteal_proactive",
    "workingset_refault_anon",
    "workingset_refault_file",
];

/// Counters of the kernel since boot, by their name in `/proc/vmstat`; one that the kernel does not have is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelCounters {
    /// `/proc/vmstat`; `allocstall` is the sum over the zones, `pgscan` and `pgsteal` are the sums of anon and file.
    pub host: BTreeMap<&'static str, u64>,
    /// True where `pgscan_direct` and similar counters include reclaim at a cgroup's limit (on 7.2: items of `enum
    /// node_stat_item`, `include/linux/mmzone.h`), false where they count global reclaim only; `None` when it was not
    /// read.
    pub scans_count_memcg: Option<bool>,
    /// `memory.stat` of the one cgroup that the filter selects, with its descendants; `None` without one.
    pub cgroup: Option<BTreeMap<&'static str, u64>>,
}

/// Two readings of the counters, shortly before and shortly after an instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readings {
    /// Counters before the instant.
    pub before: KernelCounters,
    /// Counters after the instant.
    pub after: KernelCounters,
}

/// Facts that are fixed for a window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    /// The counters around the attaching of the hooks.
    pub readings: Readings,
    /// MGLRU reclaims; its scans are counted differently.
    pub mglru: bool,
    /// Number of CPUs: each may hold back a part of a node's or cgroup's counts.
    pub cpus: u64,
    /// NUMA nodes.
    pub nodes: u64,
}
