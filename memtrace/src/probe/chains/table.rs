//! The table of the hooks on functions.

use memtrace_common::kind::StallKind;

use super::{
    super::places,
    Chain,
    way::{Link, Way},
};

/// All chains, in the order in which they are attached.
pub(in crate::probe) const CHAINS: [Chain; 13] = [
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
];

/// Refaults.
pub(in crate::probe) const REFAULTS: Chain = Chain {
    name: "workingset_refault",
    gives: "refaults per process and cgroup",
    without: "refaults are unread, but for the kernel's own totals",
    tells: None,
    needs_members: true,
    ways: &[
        Way(&[(Link::Fexit("workingset_refault"), "refault_out")]),
        Way(&[(Link::Kprobe("workingset_refault"), "refault_in")]),
        Way(&[(Link::BtfTracepoint("memcg:mod_memcg_lruvec_state"), "lruvec_state")]),
    ],
};

/// Pages read back from swap.
pub(super) const SWAP_INS: Chain = Chain {
    name: "swap_read_folio",
    gives: "pages read back from swap, per process",
    without: "swap-ins per process are unread",
    tells: None,
    needs_members: true,
    ways: &[
        Way(&[(Link::Fentry("swap_read_folio"), "swap_in")]),
        Way(&[(Link::Fentry("swap_readpage"), "swap_in")]),
        Way(&[(Link::Kprobe("swap_read_folio"), "swap_in_kprobe")]),
        Way(&[(Link::Kprobe("swap_readpage"), "swap_in_kprobe")]),
    ],
};

/// Major faults.
pub(super) const MAJOR_FAULTS: Chain = Chain {
    name: "major-faults",
    gives: "major faults per process",
    without: "major faults per process are unread",
    tells: None,
    needs_members: false,
    ways: &[Way(&[(Link::MajorFaults, "major_fault")])],
};

/// The wait of a direct reclaim for kswapd, before its begin event.
const PFMEMALLOC: Chain = Chain {
    name: places::THROTTLE,
    gives: "waits for kswapd when the reserves run low (pfmemalloc), before direct reclaim begins",
    without: "direct is a lower bound: the pfmemalloc throttle before it is not seen",
    tells: Some(StallKind::Pfmemalloc),
    needs_members: true,
    ways: &[
        Way(&[(Link::Fexit(places::THROTTLE), "pfmemalloc_end"), (Link::Fentry(places::THROTTLE), "pfmemalloc_begin")]),
        Way(&[
            (Link::Kretprobe(places::THROTTLE), "pfmemalloc_end_kprobe"),
            (Link::Kprobe(places::THROTTLE), "pfmemalloc_begin_kprobe"),
        ]),
    ],
};

const OVER_HIGH: &str = "mem_cgroup_handle_over_high";
/// What does the work since 6.18: the other one only looks whether there is any.
const OVER_HIGH_WORK: &str = "__mem_cgroup_handle_over_high";

/// Reclaim and sleep of a task whose cgroup is above `memory.high`.
const MEMCG_HIGH: Chain = Chain {
    name: OVER_HIGH,
    gives: "reclaim and sleep above memory.high",
    without: "the sleep above memory.high is not seen; its reclaim counts as memcg",
    tells: Some(StallKind::MemcgHigh),
    needs_members: true,
    ways: &[
        Way(&[(Link::Fexit(OVER_HIGH_WORK), "memcg_high_end"), (Link::Fentry(OVER_HIGH_WORK), "memcg_high_begin")]),
        Way(&[(Link::Fexit(OVER_HIGH), "memcg_high_end"), (Link::Fentry(OVER_HIGH), "memcg_high_begin")]),
        Way(&[
            (Link::Kretprobe(OVER_HIGH_WORK), "memcg_high_end_kprobe"),
            (Link::Kprobe(OVER_HIGH_WORK), "memcg_high_begin_kprobe"),
        ]),
        Way(&[
            (Link::Kretprobe(OVER_HIGH), "memcg_high_end_kprobe"),
            (Link::Kprobe(OVER_HIGH), "memcg_high_begin_kprobe"),
        ]),
    ],
};

/// What reclaims for `memory.reclaim` of cgroups and, since 6.18, of nodes.
const PROACTIVE_WORK: &str = "user_proactive_reclaim";

/// Reclaim that somebody asked for.
const PROACTIVE: Chain = Chain {
    name: "memory_reclaim",
    gives: "reclaim that was asked for (memory.reclaim, since 5.19), apart from stalls",
    without: "reclaim that was asked for (memory.reclaim) counts as memcg",
    tells: None,
    needs_members: false,
    ways: &[
        Way(&[(Link::Fexit(PROACTIVE_WORK), "proactive_end"), (Link::Fentry(PROACTIVE_WORK), "proactive_begin")]),
        Way(&[(Link::Fexit("memory_reclaim"), "proactive_end"), (Link::Fentry("memory_reclaim"), "proactive_begin")]),
        Way(&[
            (Link::Kretprobe(PROACTIVE_WORK), "proactive_end_kprobe"),
            (Link::Kprobe(PROACTIVE_WORK), "proactive_begin_kprobe"),
        ]),
        Way(&[
            (Link::Kretprobe("memory_reclaim"), "proactive_end_kprobe"),
            (Link::Kprobe("memory_reclaim"), "proactive_begin_kprobe"),
        ]),
    ],
};

/// Direct compaction.
const COMPACTION: Chain = Chain {
    name: places::COMPACT,
    gives: "direct compaction: order, gfp",
    without: "direct compaction is not seen",
    tells: Some(StallKind::Compaction),
    needs_members: false,
    ways: &[
        Way(&[(Link::Fexit(places::COMPACT), "compaction_end"), (Link::Fentry(places::COMPACT), "compaction_begin")]),
        Way(&[
            (Link::Kretprobe(places::COMPACT), "compaction_end_kprobe"),
            (Link::Kprobe(places::COMPACT), "compaction_begin_kprobe"),
        ]),
        Way(&[
            (Link::BtfTracepoint("compaction:mm_compaction_end"), "compact_zone_end"),
            (Link::BtfTracepoint("compaction:mm_compaction_begin"), "compact_zone_begin"),
        ]),
    ],
};

/// Faults on pages that are in swap.
const SWAP_FAULTS: Chain = Chain {
    name: "do_swap_page",
    gives: "waits for a page to come back from swap",
    without: "swap-in waits are not seen",
    tells: Some(StallKind::Swapin),
    needs_members: true,
    ways: &[
        Way(&[(Link::Fexit("do_swap_page"), "swap_fault_end"), (Link::Fentry("do_swap_page"), "swap_fault_begin")]),
        Way(&[
            (Link::Kretprobe("do_swap_page"), "swap_fault_end_kprobe"),
            (Link::Kprobe("do_swap_page"), "swap_fault_begin_kprobe"),
        ]),
    ],
};

/// What else the kernel itself counts as a memory stall.
const MEMSTALL: Chain = Chain {
    name: "psi_memstall_enter",
    gives: "waits for refaulting pages, and what else the kernel counts as a memory stall",
    without: "waits for refaulting pages (thrash) are not seen",
    tells: Some(StallKind::Thrash),
    needs_members: true,
    ways: &[
        Way(&[
            (Link::Fentry("psi_memstall_leave"), "memstall_leave"),
            (Link::Fentry("psi_memstall_enter"), "memstall_enter"),
        ]),
        Way(&[
            (Link::Kprobe("psi_memstall_leave"), "memstall_leave_kprobe"),
            (Link::Kprobe("psi_memstall_enter"), "memstall_enter_kprobe"),
        ]),
    ],
};

/// Whether a stalled task runs; only where it is asked for.
pub(in crate::probe) const OFF_CPU: Chain = Chain {
    name: "sched_switch",
    gives: "how long a stalled task did not run",
    without: "how long a stalled task did not run is unread",
    tells: None,
    needs_members: false,
    ways: &[
        Way(&[(Link::BtfTracepoint("sched:sched_switch"), "sched_switch")]),
        Way(&[(Link::Tracepoint("sched:sched_switch"), "sched_switch_tp")]),
    ],
};

/// Who evicts the file pages that come back; only where it is asked for.
pub(in crate::probe) const EVICTORS: Chain = Chain {
    name: "mm_filemap_delete_from_page_cache",
    gives: "who evicts the file pages that come back, of which files, and how long they were away (one page in 64)",
    without: "who evicts the pages that come back is not told",
    tells: None,
    needs_members: true,
    ways: &[Way(&[
        (Link::BtfTracepoint("filemap:mm_filemap_add_to_page_cache"), "page_added"),
        (Link::BtfTracepoint("filemap:mm_filemap_delete_from_page_cache"), "page_deleted"),
    ])],
};

/// Who evicts the anonymous memory that comes back; only where it is asked for.
pub(in crate::probe) const SWAP_EVICTORS: Chain = Chain {
    name: "mm_vmscan_write_folio",
    gives: "who evicts the anonymous memory that is read back from swap, and how long it was away (one page in 64)",
    without: "who evicts the anonymous memory that comes back is not told",
    tells: None,
    needs_members: true,
    ways: &[
        Way(&[(Link::Fentry("swap_read_folio"), "swapped_in"), WRITE_FOLIO]),
        Way(&[(Link::Fentry("swap_readpage"), "swapped_in"), WRITE_FOLIO]),
        Way(&[(Link::Fentry("swap_readpage"), "swapped_in"), WRITE_PAGE]),
    ],
};

/// The event of a folio that reclaim has written, since 5.19; before, a page.
pub(in crate::probe) const WRITTEN: [&str; 2] = ["vmscan:mm_vmscan_write_folio", "vmscan:mm_vmscan_writepage"];
const WRITE_FOLIO: (Link, &str) = (Link::BtfTracepoint(WRITTEN[0]), "swapped_out");
const WRITE_PAGE: (Link, &str) = (Link::BtfTracepoint(WRITTEN[1]), "swapped_out");

/// The function in which the OOM killer kills, when it has chosen.
pub(in crate::probe) const OOM_KILL: &str = "oom_kill_process";

/// Calls of the OOM killer, in which it marks its victims.
const OOM_CALL: Chain = Chain {
    name: OOM_KILL,
    gives: "calls of the OOM killer: constraint, cgroup at its limit, order, gfp, points, total pages",
    without: "the limit of an OOM kill is told by the reclaim before it and the kernel log; calls are not counted",
    tells: None,
    needs_members: false,
    ways: &[
        Way(&[(Link::Fexit(OOM_KILL), "oom_call_end"), (Link::Fentry(OOM_KILL), "oom_call_begin")]),
        Way(&[(Link::Kretprobe(OOM_KILL), "oom_call_end_kprobe"), (Link::Kprobe(OOM_KILL), "oom_call_begin_kprobe")]),
    ],
};

/// The end of an address space. The event is there since Linux 6.1.
const MM_GONE: Chain = Chain {
    name: "exit_mmap",
    gives: "when the memory of an OOM victim is back",
    without: "when the memory of an OOM victim is back is not told",
    tells: None,
    needs_members: true,
    ways: &[
        Way(&[(Link::BtfTracepoint("mmap:exit_mmap"), "mm_gone")]),
        Way(&[(Link::Fexit("exit_mmap"), "mm_gone_fexit")]),
    ],
};

/// The work of kswapd, whose begin is `kswapd_wake`.
const BALANCE: Chain = Chain {
    name: "balance_pgdat",
    gives: "the end of a round of kswapd's work",
    without: "kswapd's busy time is a lower bound: up to the last shrink of a round",
    tells: None,
    needs_members: false,
    ways: &[
        Way(&[(Link::BtfTracepoint("vmscan:mm_vmscan_balance_pgdat_end"), "balance_end")]),
        Way(&[(Link::Fexit("balance_pgdat"), "balance_out")]),
        Way(&[(Link::Kretprobe("balance_pgdat"), "balance_out_kprobe")]),
    ],
};

/// Rounds in which kswapd reclaimed nothing.
pub(in crate::probe) const FAILURES: Chain = Chain {
    name: "kswapd_failures",
    gives: "kswapd's failures, and nodes that become hopeless by them",
    without: "kswapd's failures and hopeless nodes are unread",
    tells: None,
    needs_members: true,
    ways: &[Way(&[
        (Link::BtfTracepoint("vmscan:mm_vmscan_kswapd_clear_hopeless"), "kswapd_clear"),
        (Link::BtfTracepoint("vmscan:mm_vmscan_kswapd_reclaim_fail"), "kswapd_fail"),
    ])],
};
