//! The kernel side of memtrace: the maps and the entry points. Each event has two, one per way to attach it; both read
//! their values as the loader says (`fields`) and call the same handler (`hooks`).
#![no_std]
#![no_main]
#![feature(asm_experimental_arch, core_intrinsics)]
#![expect(internal_features, reason = "BPF has no atomic add in core::sync yet")]

mod config;
mod emit;
mod fields;
mod hooks;
mod inflight;
mod maps;
mod task;

use crate::{
    fields::{Args, Record},
    hooks::{exit, kswapd, oom, reclaim, shrink},
};
use aya_ebpf::{
    macros::btf_tracepoint,
    programs::{BtfTracePointContext, TracePointContext},
};

/// Defines the two entry points of an event: `$btf` with `$n` raw arguments, `$classic` with the record.
macro_rules! event {
    ($btf:ident, $classic:ident, [$n:literal] => $handler:expr) => {
        #[btf_tracepoint]
        fn $btf(ctx: BtfTracePointContext) -> i32 {
            $handler(&Args::<$n>::read(&ctx));
            0
        }

        // By hand: aya's macro returns 0, and that hides the event from all who watch it through perf.
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
event!(throttled, throttled_tp, [4] => shrink::throttled);
event!(shrink_inactive, shrink_inactive_tp, [3] => shrink::shrink_inactive);
event!(wakeup_kswapd, wakeup_kswapd_tp, [4] => kswapd::wakeup);
event!(kswapd_wake, kswapd_wake_tp, [3] => kswapd::wake);
event!(kswapd_sleep, kswapd_sleep_tp, [1] => kswapd::sleep);
event!(mark_victim, mark_victim_tp, [1] => oom::mark_victim);
event!(retry_zone, retry_zone_tp, [1] => oom::retry_zone);
event!(process_exit, process_exit_tp, [1] => exit::process_exit);

/// Lists the tasks that are stalled on memory right now; aya has no macro for iterators.
#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/task")]
fn stalled_tasks(ctx: *mut core::ffi::c_void) -> i32 {
    task::list_if_stalled(ctx);
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
