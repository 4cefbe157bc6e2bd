//! What happens inside a reclaim: LRU scans and throttles, charged to the reclaim in progress.

use memtrace_common::totals::OtherShrinks;

use crate::{
    emit::add,
    fields::Values,
    hooks::{kswapd, stall::now_ns},
    inflight,
    maps::OTHER_SHRINKS,
    task,
};

/// `mm_vmscan_lru_shrink_inactive`: charged to the stall of this task, else to its node if it is a kswapd, else apart.
#[inline(always)]
pub(crate) fn shrink_inactive<V: Values>(v: &V) {
    let places = &V::places().shrink;
    let (Some(scanned), Some(reclaimed)) = (v.get(&places.scanned), v.get(&places.reclaimed)) else { return };
    let (tid, _) = task::current_ids();
    if let Some(spans) = inflight::stalled(tid) {
        // SAFETY: the entry is this thread's own; nobody else writes it.
        unsafe { (*spans).shrink(scanned) };
    } else if !kswapd::shrink(tid, scanned, reclaimed)
        && let Some(other) = OTHER_SHRINKS.get_ptr_mut(0)
    {
        // SAFETY: a map value, valid for the run of the program.
        unsafe { count_other(other, scanned, reclaimed) };
    }
}

#[inline(always)]
unsafe fn count_other(other: *mut OtherShrinks, scanned: u64, reclaimed: u64) {
    // SAFETY: the caller hands a valid map value.
    unsafe {
        add(&raw mut (*other).scanned_pages, scanned);
        add(&raw mut (*other).reclaimed_pages, reclaimed);
    }
}

/// `mm_shrink_slab_start`: a shrinker begins to free objects, inside a stall or for kswapd.
#[inline(always)]
pub(crate) fn shrinker_begin<V: Values>(_: &V) {
    if let Some(spans) = inflight::stalled(task::current_ids().0) {
        // SAFETY: the entry is this thread's own; nobody else writes it.
        unsafe { (*spans).shrinker_begin(now_ns()) };
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

/// `mm_vmscan_throttled`: emitted at the end of the sleep, inside the reclaim that it holds up.
#[inline(always)]
pub(crate) fn throttled<V: Values>(v: &V) {
    let Some(usec) = v.get(&V::places().throttled) else { return };
    let (tid, _) = task::current_ids();
    if let Some(spans) = inflight::stalled(tid) {
        // SAFETY: the entry is this thread's own; nobody else writes it.
        unsafe { (*spans).throttled_ns += usec * 1000 };
    }
}
