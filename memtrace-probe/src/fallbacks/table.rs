//! The table of the hooks on functions.

use super::{
    Fallbacks,
    method::{AttachMethod, AttachPoint},
};
use memtrace_core::hook::functions;

/// The hooks of every run, in the order in which they are attached.
pub(crate) const FUNCTIONS: [Fallbacks; 13] = [
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
pub(crate) const REFAULTS: Fallbacks = Fallbacks {
    hook: functions::REFAULTS,
    needs_members: true,
    methods: &[
        AttachMethod(&[(AttachPoint::Fexit("workingset_refault"), "refault_out")]),
        AttachMethod(&[(AttachPoint::Kprobe("workingset_refault"), "refault_in")]),
        AttachMethod(&[(AttachPoint::BtfTracepoint("memcg:mod_memcg_lruvec_state"), "lruvec_state")]),
    ],
};

/// Pages read back from swap.
pub(super) const SWAP_INS: Fallbacks = Fallbacks {
    hook: functions::SWAP_INS,
    needs_members: true,
    methods: &[
        AttachMethod(&[(AttachPoint::Fentry("swap_read_folio"), "swap_in")]),
        AttachMethod(&[(AttachPoint::Fentry("swap_readpage"), "swap_in")]),
        AttachMethod(&[(AttachPoint::Kprobe("swap_read_folio"), "swap_in_kprobe")]),
        AttachMethod(&[(AttachPoint::Kprobe("swap_readpage"), "swap_in_kprobe")]),
    ],
};

/// Major faults.
pub(super) const MAJOR_FAULTS: Fallbacks = Fallbacks {
    hook: functions::MAJOR_FAULTS,
    needs_members: false,
    methods: &[AttachMethod(&[(AttachPoint::MajorFaults, "major_fault")])],
};

/// The wait of a direct reclaim for kswapd, before its begin event.
const PFMEMALLOC: Fallbacks = Fallbacks {
    hook: functions::PFMEMALLOC,
    needs_members: true,
    methods: &[
        AttachMethod(&[
            (AttachPoint::Fexit(functions::PFMEMALLOC.name), "pfmemalloc_end"),
            (AttachPoint::Fentry(functions::PFMEMALLOC.name), "pfmemalloc_begin"),
        ]),
        AttachMethod(&[
            (AttachPoint::Kretprobe(functions::PFMEMALLOC.name), "pfmemalloc_end_kprobe"),
            (AttachPoint::Kprobe(functions::PFMEMALLOC.name), "pfmemalloc_begin_kprobe"),
        ]),
    ],
};

/// The function that does the work of `mem_cgroup_handle_over_high` since 6.18 (`mm/memcontrol.c`); the latter then
/// only checks for work, inline (`include/linux/memcontrol.h`).
const OVER_HIGH_WORK: &str = "__mem_cgroup_handle_over_high";

/// Reclaim and sleep of a task whose cgroup is above `memory.high`.
const MEMCG_HIGH: Fallbacks = Fallbacks {
    hook: functions::MEMCG_HIGH,
    needs_members: true,
    methods: &[
        AttachMethod(&[
            (AttachPoint::Fexit(OVER_HIGH_WORK), "memcg_high_end"),
            (AttachPoint::Fentry(OVER_HIGH_WORK), "memcg_high_begin"),
        ]),
        AttachMethod(&[
            (AttachPoint::Fexit(functions::MEMCG_HIGH.name), "memcg_high_end"),
            (AttachPoint::Fentry(functions::MEMCG_HIGH.name), "memcg_high_begin"),
        ]),
        AttachMethod(&[
            (AttachPoint::Kretprobe(OVER_HIGH_WORK), "memcg_high_end_kprobe"),
            (AttachPoint::Kprobe(OVER_HIGH_WORK), "memcg_high_begin_kprobe"),
        ]),
        AttachMethod(&[
            (AttachPoint::Kretprobe(functions::MEMCG_HIGH.name), "memcg_high_end_kprobe"),
            (AttachPoint::Kprobe(functions::MEMCG_HIGH.name), "memcg_high_begin_kprobe"),
        ]),
    ],
};

/// The function that reclaims for `memory.reclaim` of cgroups and `reclaim` of nodes since 6.17 (b980077899ea, mm:
/// introduce per-node proactive reclaim interface).
const PROACTIVE_WORK: &str = "user_proactive_reclaim";

/// Reclaim on request.
const PROACTIVE: Fallbacks = Fallbacks {
    hook: functions::PROACTIVE,
    needs_members: false,
    methods: &[
        AttachMethod(&[
            (AttachPoint::Fexit(PROACTIVE_WORK), "proactive_end"),
            (AttachPoint::Fentry(PROACTIVE_WORK), "proactive_begin"),
        ]),
        AttachMethod(&[
            (AttachPoint::Fexit("memory_reclaim"), "proactive_end"),
            (AttachPoint::Fentry("memory_reclaim"), "proactive_begin"),
        ]),
        AttachMethod(&[
            (AttachPoint::Kretprobe(PROACTIVE_WORK), "proactive_end_kprobe"),
            (AttachPoint::Kprobe(PROACTIVE_WORK), "proactive_begin_kprobe"),
        ]),
        AttachMethod(&[
            (AttachPoint::Kretprobe("memory_reclaim"), "proactive_end_kprobe"),
            (AttachPoint::Kprobe("memory_reclaim"), "proactive_begin_kprobe"),
        ]),
    ],
};

/// Direct compaction.
const COMPACTION: Fallbacks = Fallbacks {
    hook: functions::COMPACTION,
    needs_members: false,
    methods: &[
        AttachMethod(&[
            (AttachPoint::Fexit(functions::COMPACTION.name), "compaction_end"),
            (AttachPoint::Fentry(functions::COMPACTION.name), "compaction_begin"),
        ]),
        AttachMethod(&[
            (AttachPoint::Kretprobe(functions::COMPACTION.name), "compaction_end_kprobe"),
            (AttachPoint::Kprobe(functions::COMPACTION.name), "compaction_begin_kprobe"),
        ]),
        AttachMethod(&[
            (AttachPoint::RawTracepoint("compaction:mm_compaction_end"), "compact_zone_end"),
            (AttachPoint::RawTracepoint("compaction:mm_compaction_begin"), "compact_zone_begin"),
        ]),
    ],
};

/// Faults on pages that are in swap.
const SWAP_FAULTS: Fallbacks = Fallbacks {
    hook: functions::SWAP_FAULTS,
    needs_members: true,
    methods: &[
        AttachMethod(&[
            (AttachPoint::Fexit("do_swap_page"), "swap_fault_end"),
            (AttachPoint::Fentry("do_swap_page"), "swap_fault_begin"),
        ]),
        AttachMethod(&[
            (AttachPoint::Kretprobe("do_swap_page"), "swap_fault_end_kprobe"),
            (AttachPoint::Kprobe("do_swap_page"), "swap_fault_begin_kprobe"),
        ]),
    ],
};

/// Other sections that the kernel counts as memory stalls.
const MEMSTALL: Fallbacks = Fallbacks {
    hook: functions::MEMSTALL,
    needs_members: true,
    methods: &[
        AttachMethod(&[
            (AttachPoint::Fentry("psi_memstall_leave"), "memstall_leave"),
            (AttachPoint::Fentry("psi_memstall_enter"), "memstall_enter"),
        ]),
        AttachMethod(&[
            (AttachPoint::Kprobe("psi_memstall_leave"), "memstall_leave_kprobe"),
            (AttachPoint::Kprobe("psi_memstall_enter"), "memstall_enter_kprobe"),
        ]),
    ],
};

/// Switches of stalled tasks from and to a CPU; attached only on request.
pub(crate) const OFF_CPU: Fallbacks = Fallbacks {
    hook: functions::OFF_CPU,
    needs_members: false,
    methods: &[
        AttachMethod(&[(AttachPoint::BtfTracepoint("sched:sched_switch"), "sched_switch")]),
        AttachMethod(&[(AttachPoint::Tracepoint("sched:sched_switch"), "sched_switch_tp")]),
    ],
};

/// Evictions of file pages that come back; attached only on request.
pub(crate) const EVICTORS: Fallbacks = Fallbacks {
    hook: functions::EVICTORS,
    needs_members: true,
    methods: &[AttachMethod(&[
        (AttachPoint::BtfTracepoint("filemap:mm_filemap_add_to_page_cache"), "page_added"),
        (AttachPoint::BtfTracepoint("filemap:mm_filemap_delete_from_page_cache"), "page_deleted"),
    ])],
};

/// Evictions of anonymous memory that comes back; attached only on request.
pub(crate) const SWAP_EVICTORS: Fallbacks = Fallbacks {
    hook: functions::SWAP_EVICTORS,
    needs_members: true,
    methods: &[
        AttachMethod(&[(AttachPoint::Fentry("swap_read_folio"), "swapped_in"), WRITE_FOLIO]),
        AttachMethod(&[(AttachPoint::Fentry("swap_readpage"), "swapped_in"), WRITE_FOLIO]),
        AttachMethod(&[(AttachPoint::Fentry("swap_readpage"), "swapped_in"), WRITE_PAGE]),
    ],
};

/// The event of a folio that reclaim has written, since 5.18 (e0cd5e7ffa54, mm/vmscan: Convert pageout() to take a
/// folio); before, a page.
const WRITTEN: [&str; 2] = ["vmscan:mm_vmscan_write_folio", "vmscan:mm_vmscan_writepage"];
const WRITE_FOLIO: (AttachPoint, &str) = (AttachPoint::BtfTracepoint(WRITTEN[0]), "swapped_out");
const WRITE_PAGE: (AttachPoint, &str) = (AttachPoint::BtfTracepoint(WRITTEN[1]), "swapped_out");

/// Calls of the OOM killer, in which it marks its victims.
const OOM_CALL: Fallbacks = Fallbacks {
    hook: functions::OOM_CALL,
    needs_members: false,
    methods: &[
        AttachMethod(&[
            (AttachPoint::Fexit(functions::OOM_CALL.name), "oom_call_end"),
            (AttachPoint::Fentry(functions::OOM_CALL.name), "oom_call_begin"),
        ]),
        AttachMethod(&[
            (AttachPoint::Kretprobe(functions::OOM_CALL.name), "oom_call_end_kprobe"),
            (AttachPoint::Kprobe(functions::OOM_CALL.name), "oom_call_begin_kprobe"),
        ]),
    ],
};

/// The end of an address space. The event is there since Linux 6.1 (d4af56c5c7c6, mm: start tracking VMAs with maple
/// tree).
const MM_GONE: Fallbacks = Fallbacks {
    hook: functions::MM_GONE,
    needs_members: true,
    methods: &[
        AttachMethod(&[(AttachPoint::BtfTracepoint("mmap:exit_mmap"), "mm_gone")]),
        AttachMethod(&[(AttachPoint::Fexit("exit_mmap"), "mm_gone_fexit")]),
    ],
};

/// The work of kswapd, whose begin is `kswapd_wake`.
const BALANCE: Fallbacks = Fallbacks {
    hook: functions::BALANCE,
    needs_members: false,
    methods: &[
        AttachMethod(&[(AttachPoint::BtfTracepoint("vmscan:mm_vmscan_balance_pgdat_end"), "balance_end")]),
        AttachMethod(&[(AttachPoint::Fexit("balance_pgdat"), "balance_out")]),
        AttachMethod(&[(AttachPoint::Kretprobe("balance_pgdat"), "balance_out_kprobe")]),
    ],
};

/// Rounds in which kswapd reclaimed nothing.
pub(crate) const FAILURES: Fallbacks = Fallbacks {
    hook: functions::FAILURES,
    needs_members: true,
    methods: &[AttachMethod(&[
        (AttachPoint::BtfTracepoint("vmscan:mm_vmscan_kswapd_clear_hopeless"), "kswapd_clear"),
        (AttachPoint::BtfTracepoint("vmscan:mm_vmscan_kswapd_reclaim_fail"), "kswapd_fail"),
    ])],
};

#[cfg(test)]
mod tests {
    use super::{EVICTORS, FUNCTIONS, OFF_CPU, SWAP_EVICTORS};
    use memtrace_core::hook::functions;

    #[test]
    fn every_function_of_the_catalog_has_its_methods_in_the_same_order() {
        let ours = FUNCTIONS.iter().chain(&[OFF_CPU, EVICTORS, SWAP_EVICTORS]).map(|function| function.hook.name);
        let all = functions::FUNCTIONS.iter().map(|hook| hook.name);
        assert_eq!(ours.collect::<Vec<_>>(), all.collect::<Vec<_>>());
    }
}
