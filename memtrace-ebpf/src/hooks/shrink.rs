//! Events inside a reclaim: LRU scans and throttles, charged to the reclaim in progress.

use aya_ebpf::bindings::BPF_NOEXIST;
use memtrace_common::{
    shrinker::{SHRINKERS, ShrinkerKey, ShrinkerTime, ShrinkerTotals},
    span::NodePages,
    totals::{Loss, OtherShrinks},
};

use crate::{
    config::CONFIG,
    emit::{add, lost},
    fields::{Args, Record, Values},
    hooks::kswapd,
    inflight,
    maps::{NODE_SHRINKS, OTHER_SHRINKS, SHRINKER_TOTALS},
    memory::{Memory as _, Typed},
    option::or_zero,
    task,
    time::now_ns,
};

/// `mm_vmscan_lru_shrink_inactive`: charged to the stall of this task and to the reclaimed node; else, for a kswapd, to
/// its node; else to the other shrinks.
#[inline(always)]
pub(crate) fn shrink_inactive<V: Values>(v: &V) {
    let layout = &V::layout().shrink;
    let (Some(scanned), Some(reclaimed)) = (v.get(&layout.scanned), v.get(&layout.reclaimed)) else { return };
    let (tid, _) = task::current_ids();
    if let Some(spans) = inflight::stalled(tid) {
        // SAFETY: the entry is this thread's own; nobody else writes it.
        unsafe {
            (*spans).scan(scanned);
            if let Some(nid) = v.get(&layout.nid) {
                let node = &mut (*spans).node;
                if node.nid != nid as u32 {
                    count_node(node);
                    *node = NodePages { nid: nid as u32, ..NodePages::default() };
                }
                node.scanned += scanned;
                node.reclaimed += reclaimed;
            }
        }
    } else if !kswapd::shrink(tid, scanned, reclaimed)
        && let Some(other) = OTHER_SHRINKS.get_ptr_mut(0)
    {
        // SAFETY: a map value, valid for the run of the program.
        unsafe { count_other(other, scanned, reclaimed) };
    }
}

/// Adds the pages that a stall scanned and reclaimed on a node to the node's counts.
#[inline(always)]
pub(crate) fn count_node(pages: &NodePages) {
    if pages.scanned == 0 {
        return;
    }
    if let Some(node) = NODE_SHRINKS.get_ptr_mut(pages.nid) {
        // SAFETY: a map value, valid for the run of the program.
        unsafe { count_other(node, pages.scanned, pages.reclaimed) };
    }
}

#[inline(always)]
unsafe fn count_other(other: *mut OtherShrinks, scanned: u64, reclaimed: u64) {
    // SAFETY: the caller passes a valid map value.
    unsafe {
        add(&raw mut (*other).scanned_pages, scanned);
        add(&raw mut (*other).reclaimed_pages, reclaimed);
    }
}

/// Finds the function of a shrinker in the values of `mm_shrink_slab_start`.
pub(crate) trait FindFunction: Values {
    /// Address of the function; 0 when it cannot be read.
    fn function(&self) -> u64;
}

impl FindFunction for Record<'_> {
    #[inline(always)]
    fn function(&self) -> u64 {
        or_zero(self.get(&CONFIG.record.shrinker), 0).0
    }
}

impl<const N: usize> FindFunction for Args<N> {
    #[inline(always)]
    fn function(&self) -> u64 {
        let (shrinker, _) = or_zero(self.get(&CONFIG.args.shrinker), 0);
        or_zero(Typed(shrinker).read(&CONFIG.shrinker_function), 0).0
    }
}

/// `mm_shrink_slab_start`: a shrinker begins to free objects, inside a stall or for kswapd.
#[inline(always)]
pub(crate) fn shrinker_begin<V: FindFunction>(v: &V) {
    if let Some(spans) = inflight::stalled(task::current_ids().0) {
        let function = v.function();
        // SAFETY: the entry is this thread's own; nobody else writes it.
        unsafe { (*spans).shrinker_begin(function, now_ns()) };
    }
}

/// Adds the time by shrinker of a finished stall to the totals of its slot.
#[inline(always)]
pub(crate) fn count_shrinkers(times: &[ShrinkerTime; SHRINKERS], slot: u32) {
    let mut i = 0;
    while i < SHRINKERS {
        let time = &times[i];
        if time.function != 0 {
            count_shrinker(&ShrinkerKey { function: time.function, slot, pad: 0 }, time.ns);
        }
        i += 1;
    }
}

#[inline(always)]
fn count_shrinker(key: &ShrinkerKey, ns: u64) {
    if SHRINKER_TOTALS.get_ptr(key).is_none() {
        // The insertion fails when another CPU was first, or when there is no room: the lookup below handles both.
        let _ = SHRINKER_TOTALS.insert(key, ShrinkerTotals::default(), BPF_NOEXIST.into());
    }
    match SHRINKER_TOTALS.get_ptr_mut(key) {
        // SAFETY: a map value, valid for the run of the program.
        Some(totals) => unsafe {
            add(&raw mut (*totals).total_ns, ns);
            add(&raw mut (*totals).stalls, 1);
        },
        None => lost(Loss::Shrinker, 1),
    }
}

/// `mm_shrink_slab_end`.
#[inline(always)]
pub(crate) fn shrinker_end<V: Values>(_: &V) {
    if let Some(spans) = inflight::stalled(task::current_ids().0) {
        // SAFETY: the entry is this thread's own; nobody else writes it.
        unsafe { (*spans).shrinker_end(now_ns()) };
    }
}

/// `mm_vmscan_throttled`: emitted at the end of the sleep, inside the reclaim that it delays.
#[inline(always)]
pub(crate) fn throttled<V: ThrottleReason>(v: &V) {
    let Some(usec) = v.get(&V::layout().throttled.usec) else { return };
    let (tid, _) = task::current_ids();
    if let Some(spans) = inflight::stalled(tid) {
        // SAFETY: the entry is this thread's own; nobody else writes it.
        unsafe { (*spans).throttled(v.reason(), usec, now_ns()) };
    }
}

/// Finds the reason of a throttle in the values of `mm_vmscan_throttled`.
pub(crate) trait ThrottleReason: Values {
    /// Index into [`memtrace_common::throttle::REASONS`]; beyond the last one when the reason is not known.
    fn reason(&self) -> u64;
}

impl<const N: usize> ThrottleReason for Args<N> {
    #[inline(always)]
    fn reason(&self) -> u64 {
        match self.get(&CONFIG.args.throttled.reason) {
            Some(reason) => reason,
            None => u64::MAX,
        }
    }
}

impl ThrottleReason for Record<'_> {
    /// The record has the bit of the reason.
    #[inline(always)]
    fn reason(&self) -> u64 {
        match self.get(&CONFIG.record.throttled.reason) {
            Some(1) => 0,
            Some(2) => 1,
            Some(4) => 2,
            Some(8) => 3,
            _ => u64::MAX,
        }
    }
}
