//! The hooks on functions, with their values and the loss without each. The methods of attaching are in
//! `memtrace-probe`.

use memtrace_common::{count::Count, kind::StallKind};

use super::HookId;

/// A hook on a kernel function, or on an event that replaces it.
#[derive(Clone, Copy, Debug)]
pub struct FunctionHook {
    /// Id of the hook.
    pub id: HookId,
    /// Name of the function or event, as `--without` takes it.
    pub name: &'static str,
    /// The values that memtrace takes from it, in words.
    pub gives: &'static str,
    /// The loss without it, in words.
    pub without: &'static str,
    /// The kind of stall that it measures.
    pub kind: Option<StallKind>,
    /// The count that its program adds to. No other hook adds to it.
    pub counts: Option<Count>,
}

/// Refaults.
pub const REFAULTS: FunctionHook = FunctionHook {
    id: HookId::Refaults,
    name: "workingset_refault",
    gives: "refaults per process and cgroup",
    without: "refaults are unread, except for the kernel's own totals",
    kind: None,
    counts: None,
};

/// Pages read back from swap.
pub const SWAP_INS: FunctionHook = FunctionHook {
    id: HookId::SwapIns,
    name: "swap_read_folio",
    gives: "pages read back from swap, per process",
    without: "swap-ins per process are unread",
    kind: None,
    counts: None,
};

/// Major faults.
pub const MAJOR_FAULTS: FunctionHook = FunctionHook {
    id: HookId::MajorFaults,
    name: "major-faults",
    gives: "major faults per process",
    without: "major faults per process are unread",
    kind: None,
    counts: None,
};

/// The wait of a direct reclaim for kswapd, before its begin event.
pub const PFMEMALLOC: FunctionHook = FunctionHook {
    id: HookId::Pfmemalloc,
    name: "throttle_direct_reclaim",
    gives: "waits for kswapd when the reserves run low (pfmemalloc), before direct reclaim begins",
    without: "direct is a lower bound: the pfmemalloc throttle before it is not seen",
    kind: Some(StallKind::Pfmemalloc),
    counts: None,
};

/// Reclaim and sleep of a task whose cgroup is above `memory.high`.
pub const MEMCG_HIGH: FunctionHook = FunctionHook {
    id: HookId::MemcgHigh,
    name: "mem_cgroup_handle_over_high",
    gives: "reclaim and sleep above memory.high",
    without: "the sleep above memory.high is not seen; its reclaim counts as memcg",
    kind: Some(StallKind::MemcgHigh),
    counts: None,
};

/// Reclaim on request.
pub const PROACTIVE: FunctionHook = FunctionHook {
    id: HookId::Proactive,
    name: "memory_reclaim",
    gives: "proactive reclaim (memory.reclaim, since 5.19), apart from stalls",
    without: "proactive reclaim (memory.reclaim) counts as memcg",
    kind: None,
    counts: None,
};

/// Direct compaction.
pub const COMPACTION: FunctionHook = FunctionHook {
    id: HookId::Compaction,
    name: "try_to_compact_pages",
    gives: "direct compaction: order, gfp",
    without: "direct compaction is not seen",
    kind: Some(StallKind::Compaction),
    counts: None,
};

/// Faults on pages that are in swap.
pub const SWAP_FAULTS: FunctionHook = FunctionHook {
    id: HookId::SwapFaults,
    name: "do_swap_page",
    gives: "waits for a page to come back from swap",
    without: "swap-in waits are not seen",
    kind: Some(StallKind::Swapin),
    counts: None,
};

/// Other sections that the kernel counts as memory stalls.
pub const MEMSTALL: FunctionHook = FunctionHook {
    id: HookId::Memstall,
    name: "psi_memstall_enter",
    gives: "waits for refaulting pages, and what else the kernel counts as a memory stall",
    without: "waits for refaulting pages (thrash) are not seen",
    kind: Some(StallKind::Thrash),
    counts: None,
};

/// Switches of stalled tasks from and to a CPU; attached only for `--off-cpu`.
pub const OFF_CPU: FunctionHook = FunctionHook {
    id: HookId::OffCpu,
    name: "sched_switch",
    gives: "time in which a stalled task did not run",
    without: "the time in which stalled tasks did not run is unread",
    kind: None,
    counts: None,
};

/// Evictions of file pages that come back; attached only for `--evictors`.
pub const EVICTORS: FunctionHook = FunctionHook {
    id: HookId::Evictors,
    name: "mm_filemap_delete_from_page_cache",
    gives: "the evictors of file pages that come back, the files, and the time away (one page in 64)",
    without: "the evictors of file pages that come back are unknown",
    kind: None,
    counts: None,
};

/// Evictions of anonymous memory that comes back; attached only for `--evictors`.
pub const SWAP_EVICTORS: FunctionHook = FunctionHook {
    id: HookId::SwapEvictors,
    name: "mm_vmscan_write_folio",
    gives: "the evictors of anonymous memory that is read back from swap, and the time away (one page in 64)",
    without: "the evictors of anonymous memory that comes back are unknown",
    kind: None,
    counts: None,
};

/// Calls of the OOM killer, in which it marks its victims.
pub const OOM_CALL: FunctionHook = FunctionHook {
    id: HookId::OomCall,
    name: "oom_kill_process",
    gives: "calls of the OOM killer: constraint, cgroup at its limit, order, gfp, points, total pages",
    without: "the limit of an OOM kill is inferred from earlier reclaim and the kernel log; calls are not counted",
    kind: None,
    counts: Some(Count::OomCalls),
};

/// The end of an address space. The event is there since Linux 6.1 (d4af56c5c7c6, mm: start tracking VMAs with maple
/// tree).
pub const MM_GONE: FunctionHook = FunctionHook {
    id: HookId::MmGone,
    name: "exit_mmap",
    gives: "the time at which the memory of an OOM victim is back",
    without: "the time at which the memory of an OOM victim is back is unknown",
    kind: None,
    counts: None,
};

/// The work of kswapd, whose begin is `kswapd_wake`.
pub const BALANCE: FunctionHook = FunctionHook {
    id: HookId::Balance,
    name: "balance_pgdat",
    gives: "the end of a round of kswapd's work",
    without: "kswapd's busy time is a lower bound: up to the last shrink of a round",
    kind: None,
    counts: None,
};

/// Rounds in which kswapd reclaimed nothing.
pub const FAILURES: FunctionHook = FunctionHook {
    id: HookId::Failures,
    name: "kswapd_failures",
    gives: "kswapd's failures, and nodes that they make hopeless",
    without: "kswapd's failures and hopeless nodes are unread",
    kind: None,
    counts: None,
};

/// All hooks on functions, in the order of attaching: first those of every run, then the optional ones.
pub const FUNCTIONS: [FunctionHook; 16] = [
    REFAULTS,
    SWAP_INS,
    MAJOR_FAULTS,
    PFMEMALLOC,
    MEMCG_HIGH,
    PROACTIVE,
    COMPACTION,
    SWAP_FAULTS,
    MEMSTALL,
    BALANCE,
    FAILURES,
    OOM_CALL,
    MM_GONE,
    OFF_CPU,
    EVICTORS,
    SWAP_EVICTORS,
];
