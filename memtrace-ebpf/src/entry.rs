//! The entry points. Each event has two, one per way to attach it; both read their values at the places that the loader
//! sets (`fields`) and call the same handler (`hooks`).

use crate::{
    fields::{Args, Record},
    hooks::{evict, evict_swap, exit, freed, kswapd, off_cpu, oom, reclaim, refault, shrink, stalled, wait},
};
use aya_ebpf::{
    EbpfContext as _,
    macros::{btf_tracepoint, fentry, fexit, kprobe, kretprobe, perf_event, raw_tracepoint},
    programs::{
        BtfTracePointContext, FEntryContext, FExitContext, PerfEventContext, ProbeContext, RawTracePointContext,
        RetProbeContext, TracePointContext,
    },
};

/// Defines the two entry points of an event: `$raw` with `$n` raw arguments, `$classic` with the record. With `typed`
/// the verifier knows the types of the arguments, and `Typed` follows pointers among them; the loader and the kernel
/// then search all of the kernel's BTF for the event, which takes some milliseconds.
macro_rules! event {
    ($raw:ident, $classic:ident, [$n:literal] => $handler:expr) => {
        #[raw_tracepoint]
        fn $raw(ctx: RawTracePointContext) -> i32 {
            $handler(&Args::<$n>::read(&ctx));
            0
        }

        event!(classic $classic => $handler);
    };
    (typed $btf:ident, $classic:ident, [$n:literal] => $handler:expr) => {
        #[btf_tracepoint]
        fn $btf(ctx: BtfTracePointContext) -> i32 {
            $handler(&Args::<$n>::read(&ctx));
            0
        }

        event!(classic $classic => $handler);
    };
    (classic $classic:ident => $handler:expr) => {
        // Written by hand: aya's macro returns 0, which hides the event from all its perf users.
        #[unsafe(no_mangle)]
        #[unsafe(link_section = "tracepoint")]
        fn $classic(ctx: *mut core::ffi::c_void) -> u32 {
            $handler(&Record(&TracePointContext::new(ctx)));
            1
        }
    };
}

event!(direct_begin, direct_begin_tp, [2] => reclaim::direct_begin);
event!(direct_end, direct_end_tp, [1] => reclaim::direct_end);
event!(memcg_begin, memcg_begin_tp, [2] => reclaim::memcg_begin);
event!(memcg_end, memcg_end_tp, [1] => reclaim::memcg_end);
event!(node_begin, node_begin_tp, [3] => reclaim::node_begin);
event!(node_end, node_end_tp, [1] => reclaim::node_end);
event!(soft_limit_begin, soft_limit_begin_tp, [1] => reclaim::soft_limit_begin);
event!(soft_limit_end, soft_limit_end_tp, [1] => reclaim::soft_limit_end);
event!(typed shrinker_begin, shrinker_begin_tp, [1] => shrink::shrinker_begin);
event!(shrinker_end, shrinker_end_tp, [1] => shrink::shrinker_end);
event!(throttled, throttled_tp, [4] => shrink::throttled);
event!(shrink_inactive, shrink_inactive_tp, [3] => shrink::shrink_inactive);
event!(wakeup_kswapd, wakeup_kswapd_tp, [4] => kswapd::wakeup);
event!(kswapd_wake, kswapd_wake_tp, [3] => kswapd::wake);
event!(kswapd_sleep, kswapd_sleep_tp, [1] => kswapd::sleep);
event!(mark_victim, mark_victim_tp, [1] => oom::mark_victim);
event!(task_reaped, task_reaped_tp, [1] => freed::reaped);
event!(retry_zone, retry_zone_tp, [1] => oom::retry_zone);
event!(process_exit, process_exit_tp, [1] => exit::process_exit);
event!(typed sched_switch, sched_switch_tp, [3] => off_cpu::switch);

/// Defines the two entry points at the entry of a function: `$typed` with `$n` arguments, `$probe` with the registers.
macro_rules! entry {
    ($typed:ident, $probe:ident, [$n:literal] => $handler:expr) => {
        #[fentry]
        fn $typed(ctx: FEntryContext) -> i32 {
            $handler(&Args::<$n>::read(&ctx));
            0
        }

        #[kprobe]
        fn $probe(ctx: ProbeContext) -> u32 {
            $handler(&Args::<$n>::of_probe(&ctx));
            0
        }
    };
}

/// Defines the two entry points at the return of a function; `$n` is the number of its arguments, after which the typed
/// program finds the result.
macro_rules! leave {
    ($typed:ident, $probe:ident => $handler:expr) => {
        #[fexit]
        fn $typed(ctx: FExitContext) -> i32 {
            $handler(ctx.as_ptr());
            0
        }

        #[kretprobe]
        fn $probe(ctx: RetProbeContext) -> u32 {
            $handler(ctx.as_ptr());
            0
        }
    };
    ($typed:ident, $probe:ident, [$n:literal] => $handler:expr) => {
        #[fexit]
        fn $typed(ctx: FExitContext) -> i32 {
            $handler(ctx.as_ptr(), ctx.arg($n));
            0
        }

        #[kretprobe]
        fn $probe(ctx: RetProbeContext) -> u32 {
            $handler(ctx.as_ptr(), ctx.ret());
            0
        }
    };
}

entry!(pfmemalloc_begin, pfmemalloc_begin_kprobe, [1] => wait::pfmemalloc_begin);
leave!(pfmemalloc_end, pfmemalloc_end_kprobe => wait::pfmemalloc_end);
entry!(memcg_high_begin, memcg_high_begin_kprobe, [0] => wait::memcg_high_begin);
leave!(memcg_high_end, memcg_high_end_kprobe => wait::memcg_high_end);
entry!(proactive_begin, proactive_begin_kprobe, [0] => wait::proactive_begin);
leave!(proactive_end, proactive_end_kprobe => wait::proactive_end);
entry!(compaction_begin, compaction_begin_kprobe, [2] => wait::compaction_begin);
leave!(compaction_end, compaction_end_kprobe, [6] => wait::compaction_end);
entry!(swap_fault_begin, swap_fault_begin_kprobe, [0] => wait::swap_fault_begin);
leave!(swap_fault_end, swap_fault_end_kprobe, [1] => wait::swap_fault_end);
entry!(memstall_enter, memstall_enter_kprobe, [0] => wait::memstall_enter);
entry!(memstall_leave, memstall_leave_kprobe, [0] => wait::memstall_leave);
entry!(oom_call_begin, oom_call_begin_kprobe, [1] => oom::call_begin);
leave!(oom_call_end, oom_call_end_kprobe => oom::call_end);

/// Compaction of one zone, where functions cannot be traced; the first argument is the `compact_control` since 5.18
/// (abd4349ff9b8, mm: compaction: cleanup the compaction trace events).
#[raw_tracepoint]
fn compact_zone_begin(ctx: RawTracePointContext) -> i32 {
    wait::compact_zone_begin(Args::<1>::read(&ctx).raw(0));
    0
}

/// The end of a zone's compaction.
#[raw_tracepoint]
fn compact_zone_end(ctx: RawTracePointContext) -> i32 {
    wait::compact_zone_end(ctx.as_ptr());
    0
}

/// A page of a file leaves the page cache; the argument is the folio.
#[btf_tracepoint]
fn page_deleted(ctx: BtfTracePointContext) -> i32 {
    evict::deleted(Args::<1>::read(&ctx).raw(0));
    0
}

/// A page of a file enters the page cache; the argument is the folio.
#[btf_tracepoint]
fn page_added(ctx: BtfTracePointContext) -> i32 {
    evict::added(Args::<1>::read(&ctx).raw(0));
    0
}

/// Reclaim has written a folio; the argument is the folio (a page before 5.18: e0cd5e7ffa54, mm/vmscan: Convert
/// pageout() to take a folio).
#[btf_tracepoint]
fn swapped_out(ctx: BtfTracePointContext) -> i32 {
    evict_swap::written(Args::<1>::read(&ctx).raw(0));
    0
}

/// A folio is read back from swap; the first argument is the folio (a page before 6.8: c9bdf768dd93, mm: convert
/// swap_readpage() to swap_read_folio()).
#[fentry]
fn swapped_in(ctx: FEntryContext) -> i32 {
    evict_swap::read_back(ctx.arg(0));
    0
}

/// An address space is torn down; the first argument is the mm.
#[btf_tracepoint]
fn mm_gone(ctx: BtfTracePointContext) -> i32 {
    freed::mm_gone(Args::<1>::read(&ctx).raw(0));
    0
}

/// An address space is torn down, on kernels that have no event for it (before Linux 6.1: d4af56c5c7c6, mm: start
/// tracking VMAs with maple tree).
#[fexit]
fn mm_gone_fexit(ctx: FExitContext) -> i32 {
    freed::mm_gone(ctx.arg(0));
    0
}

/// A round in which kswapd reclaimed nothing.
#[btf_tracepoint]
fn kswapd_fail(ctx: BtfTracePointContext) -> i32 {
    kswapd::failed(&Args::<2>::read(&ctx));
    0
}

/// The failures of a node are reset.
#[btf_tracepoint]
fn kswapd_clear(ctx: BtfTracePointContext) -> i32 {
    kswapd::cleared(&Args::<1>::read(&ctx));
    0
}

/// A round of kswapd's loop is over, by its event.
#[btf_tracepoint]
fn balance_end(_ctx: BtfTracePointContext) -> i32 {
    kswapd::balanced();
    0
}

/// A round of kswapd's loop is over, at the return of the function.
#[fexit]
fn balance_out(_ctx: FExitContext) -> i32 {
    kswapd::balanced();
    0
}

/// A round of kswapd's loop is over, by a probe.
#[kretprobe]
fn balance_out_kprobe(_ctx: RetProbeContext) -> u32 {
    kswapd::balanced();
    0
}

/// Refaults where fexit programs may be attached: cheapest, and the folio's fate is known.
#[fexit]
fn refault_out(ctx: FExitContext) -> i32 {
    refault::refault(ctx.arg(0), true);
    0
}

/// Refaults where only kprobes may be attached.
#[kprobe]
fn refault_in(ctx: ProbeContext) -> u32 {
    if let Some(folio) = ctx.arg(0) {
        refault::refault(folio, false);
    }
    0
}

/// Refaults where neither may be attached: every change of a memory cgroup's counters passes here.
#[btf_tracepoint]
fn lruvec_state(ctx: BtfTracePointContext) -> i32 {
    refault::lruvec_state(&Args::<3>::read(&ctx));
    0
}

/// Pages read back from swap.
#[fentry]
fn swap_in(ctx: FEntryContext) -> i32 {
    refault::swap_in(ctx.arg(0));
    0
}

/// Pages read back from swap, by a kprobe.
#[kprobe]
fn swap_in_kprobe(ctx: ProbeContext) -> u32 {
    if let Some(folio) = ctx.arg(0) {
        refault::swap_in(folio);
    }
    0
}

/// Major faults.
#[perf_event]
fn major_fault(_ctx: PerfEventContext) -> u32 {
    refault::major_fault();
    0
}

/// Lists the tasks that are stalled on memory right now, and finds the kswapds; aya has no macro for iterators.
#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/task")]
fn stalled_tasks(ctx: *mut core::ffi::c_void) -> i32 {
    stalled::list_if_stalled(ctx);
    0
}

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// The kernel lets only programs with a GPL-compatible licence call the helpers that tracing needs.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
