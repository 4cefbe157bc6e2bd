//! Allow-list of the settings that an experiment may change, with the values that each one takes.

/// Kind of values that a setting takes, and their form in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number in this range.
    Number(u64, u64),
    /// Several whole numbers, with blanks between them.
    Numbers,
    /// A number of bytes, which the kernel rounds down to whole pages, or `max`.
    Limit(Unlimited),
    /// A number of bytes, not rounded.
    Bytes,
    /// One of several words; the file shows all of them, and the chosen one in brackets.
    Choice,
    /// `Y` or `N`.
    YesNo,
    /// A name, such as that of a compressor.
    Name,
}

/// Form of "no limit" in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlimited {
    /// `max` (cgroup v2).
    Max,
    /// `-1` when written, a huge number when read (cgroup v1).
    MinusOne,
}

/// `vm.*`. Ranges are those that the kernel accepts (`kernel/sysctl.c`, `mm/`, Linux 6.18); a kernel that accepts less
/// refuses the write, and the refusal is reported.
pub(super) const SYSCTLS: [(&str, Kind); 36] = [
    ("admin_reserve_kbytes", Kind::Number(0, u64::MAX)),
    ("compact_unevictable_allowed", Kind::Number(0, 1)),
    ("compaction_proactiveness", Kind::Number(0, 100)),
    ("defrag_mode", Kind::Number(0, 1)),
    ("dirty_background_bytes", Kind::Number(1, u64::MAX)),
    ("dirty_background_ratio", Kind::Number(0, 100)),
    ("dirty_bytes", Kind::Number(8192, u64::MAX)),
    ("dirty_expire_centisecs", Kind::Number(0, i32::MAX as u64)),
    ("dirty_ratio", Kind::Number(0, 100)),
    ("dirty_writeback_centisecs", Kind::Number(0, i32::MAX as u64)),
    ("dirtytime_expire_seconds", Kind::Number(0, i32::MAX as u64)),
    ("extfrag_threshold", Kind::Number(0, 1000)),
    ("laptop_mode", Kind::Number(0, i32::MAX as u64)),
    ("lowmem_reserve_ratio", Kind::Numbers),
    ("max_map_count", Kind::Number(0, i32::MAX as u64)),
    ("min_free_kbytes", Kind::Number(0, i32::MAX as u64)),
    ("min_slab_ratio", Kind::Number(0, 100)),
    ("min_unmapped_ratio", Kind::Number(0, 100)),
    ("numa_stat", Kind::Number(0, 1)),
    ("oom_dump_tasks", Kind::Number(0, 1)),
    ("oom_kill_allocating_task", Kind::Number(0, 1)),
    ("overcommit_kbytes", Kind::Number(0, u64::MAX)),
    ("overcommit_memory", Kind::Number(0, 2)),
    ("overcommit_ratio", Kind::Number(0, i32::MAX as u64)),
    ("page-cluster", Kind::Number(0, 31)),
    ("page_lock_unfairness", Kind::Number(0, i32::MAX as u64)),
    ("panic_on_oom", Kind::Number(0, 2)),
    ("percpu_pagelist_high_fraction", Kind::Number(0, i32::MAX as u64)),
    ("stat_interval", Kind::Number(0, i32::MAX as u64)),
    ("swappiness", Kind::Number(0, 200)),
    ("user_reserve_kbytes", Kind::Number(0, u64::MAX)),
    ("vfs_cache_pressure", Kind::Number(0, i32::MAX as u64)),
    ("vfs_cache_pressure_denom", Kind::Number(100, i32::MAX as u64)),
    ("watermark_boost_factor", Kind::Number(0, i32::MAX as u64)),
    ("watermark_scale_factor", Kind::Number(1, 3000)),
    ("zone_reclaim_mode", Kind::Number(0, 7)),
];

/// Coupled sysctls: only one of a pair is in effect, since a write to one zeroes the other.
const COUPLED: [(&str, &str); 3] = [
    ("dirty_background_ratio", "dirty_background_bytes"),
    ("dirty_ratio", "dirty_bytes"),
    ("overcommit_ratio", "overcommit_kbytes"),
];

/// Files below `/sys`, by the name that a trace gives them.
pub(super) const SYS: [(&str, &str, Kind); 19] = [
    ("transparent_hugepage/enabled", "kernel/mm/transparent_hugepage/enabled", Kind::Choice),
    ("transparent_hugepage/defrag", "kernel/mm/transparent_hugepage/defrag", Kind::Choice),
    ("transparent_hugepage/shmem_enabled", "kernel/mm/transparent_hugepage/shmem_enabled", Kind::Choice),
    ("transparent_hugepage/use_zero_page", "kernel/mm/transparent_hugepage/use_zero_page", Kind::Number(0, 1)),
    ("khugepaged/defrag", "kernel/mm/transparent_hugepage/khugepaged/defrag", Kind::Number(0, 1)),
    (
        "khugepaged/pages_to_scan",
        "kernel/mm/transparent_hugepage/khugepaged/pages_to_scan",
        Kind::Number(1, u32::MAX as u64),
    ),
    (
        "khugepaged/scan_sleep_millisecs",
        "kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs",
        Kind::Number(0, u32::MAX as u64),
    ),
    (
        "khugepaged/max_ptes_none",
        "kernel/mm/transparent_hugepage/khugepaged/max_ptes_none",
        Kind::Number(0, u32::MAX as u64),
    ),
    ("lru_gen/enabled", "kernel/mm/lru_gen/enabled", Kind::Number(0, 7)),
    ("lru_gen/min_ttl_ms", "kernel/mm/lru_gen/min_ttl_ms", Kind::Number(0, u32::MAX as u64)),
    ("zswap/enabled", "module/zswap/parameters/enabled", Kind::YesNo),
    ("zswap/max_pool_percent", "module/zswap/parameters/max_pool_percent", Kind::Number(0, 100)),
    ("zswap/accept_threshold_percent", "module/zswap/parameters/accept_threshold_percent", Kind::Number(0, 100)),
    ("zswap/shrinker_enabled", "module/zswap/parameters/shrinker_enabled", Kind::YesNo),
    ("zswap/compressor", "module/zswap/parameters/compressor", Kind::Name),
    ("zswap/zpool", "module/zswap/parameters/zpool", Kind::Name),
    ("ksm/run", "kernel/mm/ksm/run", Kind::Number(0, 1)),
    ("ksm/pages_to_scan", "kernel/mm/ksm/pages_to_scan", Kind::Number(0, u32::MAX as u64)),
    ("ksm/sleep_millisecs", "kernel/mm/ksm/sleep_millisecs", Kind::Number(0, u32::MAX as u64)),
];

/// Files of a zram device that is in use. `mem_limit` is write-only: its value is the fourth number of `mm_stat`.
pub(super) const ZRAM: [(&str, Kind); 3] =
    [("mem_limit", Kind::Bytes), ("writeback_limit", Kind::Bytes), ("writeback_limit_enable", Kind::Number(0, 1))];

/// Files of a memory cgroup, in either version.
pub(super) const CGROUP: [(&str, Kind); 12] = [
    ("memory.high", Kind::Limit(Unlimited::Max)),
    ("memory.limit_in_bytes", Kind::Limit(Unlimited::MinusOne)),
    ("memory.low", Kind::Limit(Unlimited::Max)),
    ("memory.max", Kind::Limit(Unlimited::Max)),
    ("memory.memsw.limit_in_bytes", Kind::Limit(Unlimited::MinusOne)),
    ("memory.min", Kind::Limit(Unlimited::Max)),
    ("memory.soft_limit_in_bytes", Kind::Limit(Unlimited::MinusOne)),
    ("memory.swap.high", Kind::Limit(Unlimited::Max)),
    ("memory.swap.max", Kind::Limit(Unlimited::Max)),
    ("memory.swappiness", Kind::Number(0, 200)),
    ("memory.zswap.max", Kind::Limit(Unlimited::Max)),
    ("memory.zswap.writeback", Kind::Number(0, 1)),
];

/// The other sysctl of a coupled pair; `None` for a sysctl that is not coupled.
pub(super) fn partner(sysctl: &str) -> Option<&'static str> {
    COUPLED.into_iter().find_map(|(a, b)| match sysctl {
        name if name == a => Some(b),
        name if name == b => Some(a),
        _ => None,
    })
}
