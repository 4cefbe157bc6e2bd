//! Stalls that are measured at functions instead of events, and reclaim that is no stall: the wait for kswapd, the
//! sleep at `memory.high`, direct compaction, proactive reclaim, the wait for a page from swap, and other sections that
//! the kernel counts as memory stalls.

use core::ffi::c_void;

use memtrace_common::{
    kind::StallKind,
    record::fields,
    span::{PROACTIVE, Span, TaskSpans},
    totals::{Loss, SLOT_PROACTIVE},
};

use crate::{
    config::CONFIG,
    emit::lost,
    fields::Values,
    hooks::{
        finished::Finished,
        reclaim::span,
        stall::{Closed, Inside, close_in, count_apart, finish},
    },
    inflight,
    memory::Address,
    option::or_zero,
    task,
    time::now_ns,
};

/// `COMPACT_DEFERRED` of `enum compact_result`. Results up to it mean that nothing was done: each zone was skipped, or
/// deferred after a recent failure. The same on all supported kernels (`include/linux/compaction.h`).
const COMPACT_DEFERRED: u32 = 2;
/// `VM_FAULT_MAJOR` of `enum vm_fault_reason`: the page was read. The same on all supported kernels
/// (`include/linux/mm_types.h`).
const VM_FAULT_MAJOR: u32 = 4;

/// `throttle_direct_reclaim` begins.
#[inline(always)]
pub(crate) fn pfmemalloc_begin<V: Values>(v: &V) {
    open(&span(StallKind::Pfmemalloc, v, &V::layout().pfmemalloc_begin));
}

/// `throttle_direct_reclaim` ends. Each direct reclaim passes here; only one that slept was stalled.
#[inline(always)]
pub(crate) fn pfmemalloc_end(ctx: *mut c_void) {
    end(ctx, StallKind::Pfmemalloc, |spans| (spans.switches != switches()).then_some(None));
}

/// `mem_cgroup_handle_over_high` begins. Before 6.18 each return to user mode passes here
/// (`include/linux/resume_user_mode.h`), so the task's debt is checked first.
#[inline(always)]
pub(crate) fn memcg_high_begin<V: Values>(_: &V) {
    if task::over_high() == Some(0) {
        return;
    }
    open(&Span { start_ns: now_ns(), kind: StallKind::MemcgHigh as u8, ..Span::default() });
}

/// `mem_cgroup_handle_over_high` ends. Without a sleep or a reclaim it did nothing.
#[inline(always)]
pub(crate) fn memcg_high_end(ctx: *mut c_void) {
    end(ctx, StallKind::MemcgHigh, |spans| {
        (spans.inner > 0 || spans.switches != switches()).then_some(Some(spans.reclaimed_pages))
    });
}

/// `user_proactive_reclaim` (`mm/vmscan.c`, 6.17) or `memory_reclaim` (5.19: 94968384dde1, memcg: introduce per-memcg
/// reclaim interface) begins: reclaim on request.
#[inline(always)]
pub(crate) fn proactive_begin<V: Values>(_: &V) {
    open(&Span { start_ns: now_ns(), kind: PROACTIVE, ..Span::default() });
}

/// The reclaim on request ends: it is no stall, but its time and pages are counted separately.
#[inline(always)]
pub(crate) fn proactive_end(_: *mut c_void) {
    let (tid, _) = task::current_ids();
    let Some(spans) = inflight::find(tid) else { return };
    // SAFETY: the entry is this thread's own and lives until it is settled.
    unsafe {
        if !(*spans).is_open(PROACTIVE) {
            return;
        }
        let Some(Closed::Outermost { dur_ns }) = close_in(spans, PROACTIVE, now_ns()) else { return };
        let inside = Inside::of(&*spans, (*spans).reclaimed_pages, fields::RECLAIMED);
        count_apart(SLOT_PROACTIVE, &inside, dur_ns);
        inflight::settle(tid, spans);
    }
}

/// `try_to_compact_pages` begins.
#[inline(always)]
pub(crate) fn compaction_begin<V: Values>(v: &V) {
    open(&span(StallKind::Compaction, v, &V::layout().compaction_begin));
}

/// `try_to_compact_pages` ends with this result.
#[inline(always)]
pub(crate) fn compaction_end(ctx: *mut c_void, result: u32) {
    end(ctx, StallKind::Compaction, |_| (result > COMPACT_DEFERRED).then_some(None));
}

/// `mm_compaction_begin`: one zone is compacted, for an allocation that waits for it or in the background.
#[inline(always)]
pub(crate) fn compact_zone_begin(control: u64) {
    let control = Address(control);
    if control.read::<u8>(&CONFIG.compact.direct).unwrap_or(0) & 1 == 0 {
        return;
    }
    let (order, order_read) = or_zero(control.read::<i32>(&CONFIG.compact.order).map(|n| n as u64), fields::ORDER);
    let (gfp, gfp_read) = or_zero(control.read::<u32>(&CONFIG.compact.gfp).map(u64::from), fields::GFP);
    open(&Span {
        start_ns: now_ns(),
        gfp: gfp as u32,
        fields: order_read | gfp_read,
        order: order as i16,
        kind: StallKind::Compaction as u8,
        ..Span::default()
    });
}

/// `mm_compaction_end`.
#[inline(always)]
pub(crate) fn compact_zone_end(ctx: *mut c_void) {
    end(ctx, StallKind::Compaction, |_| Some(None));
}

/// `do_swap_page` begins.
#[inline(always)]
pub(crate) fn swap_fault_begin<V: Values>(_: &V) {
    let (tid, tgid) = task::current_ids();
    if let Some(spans) = inflight::entry(tid, tgid) {
        // SAFETY: the entry is this thread's own.
        unsafe { (*spans).swap_fault_begin(now_ns(), switches()) };
    }
}

/// `do_swap_page` ends with this fault result.
#[inline(always)]
pub(crate) fn swap_fault_end(ctx: *mut c_void, result: u32) {
    let major = result & VM_FAULT_MAJOR != 0;
    wait_ends(ctx, StallKind::Swapin, |spans, now_ns| spans.swap_fault_end(now_ns, switches(), major));
}

/// `psi_memstall_enter`. kswapd and kcompactd do not stall, they work.
#[inline(always)]
pub(crate) fn memstall_enter<V: Values>(_: &V) {
    if task::current_is_kthread() {
        return;
    }
    let (tid, tgid) = task::current_ids();
    if let Some(spans) = inflight::entry(tid, tgid) {
        // SAFETY: the entry is this thread's own.
        let was_lost = unsafe { (*spans).memstall_enter(now_ns(), task::current_enters_memstall()) };
        if was_lost {
            lost(Loss::LostEnd, 1);
        }
    }
}

/// `psi_memstall_leave`.
#[inline(always)]
pub(crate) fn memstall_leave<V: Values>(v: &V) {
    wait_ends(v.context(), StallKind::Thrash, TaskSpans::memstall_leave);
}

/// Voluntary context switches of the current task; a change shows that it slept.
#[inline(always)]
fn switches() -> u64 {
    or_zero(task::switches(), 0).0
}

/// Opens a span whose end checks whether the task slept.
#[inline(always)]
fn open(span: &Span) {
    let (tid, tgid) = task::current_ids();
    if let Some(spans) = inflight::entry(tid, tgid) {
        // SAFETY: the entry is this thread's own.
        unsafe {
            inflight::open_in(spans, span);
            // This also covers a span that replaces one whose end was lost.
            if (*spans).depth == 1 {
                (*spans).switches = switches();
            }
        }
    }
}

/// Ends a span, if one of this kind is open. It is a stall when `stalled` returns `Some`, with the number of reclaimed
/// pages if that is known.
#[inline(always)]
fn end(ctx: *mut c_void, kind: StallKind, stalled: impl FnOnce(&TaskSpans) -> Option<Option<u64>>) {
    let (tid, tgid) = task::current_ids();
    let Some(spans) = inflight::find(tid) else { return };
    // SAFETY: the entry is this thread's own and lives until it is settled.
    unsafe {
        if !(*spans).is_open(kind as u8) {
            return;
        }
        let now_ns = now_ns();
        let Some(Closed::Outermost { dur_ns }) = close_in(spans, kind as u8, now_ns) else { return };
        match stalled(&*spans) {
            Some(reclaimed) => {
                let (reclaimed, read) = or_zero(reclaimed, fields::RECLAIMED);
                let inside = Inside::of(&*spans, reclaimed, read);
                finish(ctx, spans, &Finished { kind, tid, tgid, now_ns, dur_ns }, &inside);
            }
            None => inflight::settle(tid, spans),
        }
    }
}

/// Ends a wait. `wait` returns its duration in ns, if it was a stall.
#[inline(always)]
fn wait_ends(ctx: *mut c_void, kind: StallKind, wait: impl FnOnce(&mut TaskSpans, u64) -> Option<u64>) {
    let (tid, tgid) = task::current_ids();
    let Some(spans) = inflight::find(tid) else { return };
    let now_ns = now_ns();
    // SAFETY: the entry is this thread's own and lives until it is settled.
    unsafe {
        match wait(&mut *spans, now_ns) {
            Some(dur_ns) => {
                finish(ctx, spans, &Finished { kind, tid, tgid, now_ns, dur_ns }, &Inside::default());
            }
            None => inflight::settle(tid, spans),
        }
    }
}
