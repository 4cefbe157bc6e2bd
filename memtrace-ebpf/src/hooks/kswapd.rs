//! kswapd: who asked for it, when it works, what it reclaims.
//!
//! `kswapd_wake` fires on each round of its loop, not once per sleep, and `kswapd_sleep` only after a nap in which
//! nothing came up. So the state is kept per node and only its changes are told; the time from a round's begin to the
//! last shrink in it is a lower bound of its work.

use aya_ebpf::helpers::bpf_ktime_get_ns;
use memtrace_common::{
    record::{KIND_KSWAPD, KswapdRecord, KswapdStep, fields},
    totals::{KswapdTotals, Loss, MAX_NODES},
};

use crate::{
    emit::{Wake, add, emit, header, lost},
    fields::Values,
    maps::{KSWAPD, KSWAPD_TASKS, KswapdTask},
    task,
};

/// `mm_vmscan_wakeup_kswapd`, in the allocating task.
#[inline(always)]
pub(crate) fn wakeup<V: Values>(v: &V) {
    let places = &V::places().wakeup_kswapd;
    let Some(nid) = v.get(&places.nid) else { return };
    let now = now_ns();
    let Some(totals) = node(nid) else { return };
    // SAFETY: a map value.
    unsafe {
        add(&raw mut (*totals).wakeups, 1);
        (*totals).last_ns = now;
    }
    tell(nid, KswapdStep::Wakeup, now, v.get(&places.order), v.get(&places.gfp));
}

/// `mm_vmscan_kswapd_wake`, in kswapd.
#[inline(always)]
pub(crate) fn wake<V: Values>(v: &V) {
    let places = &V::places().kswapd_wake;
    let Some(nid) = v.get(&places.nid) else { return };
    let (tid, _) = task::current_ids();
    let now = now_ns();
    let Some(totals) = node(nid) else { return };
    let known = KswapdTask { counted_ns: now, soft_limit_ns: 0, nid: nid as u32, pad: 0 };
    if KSWAPD_TASKS.insert(tid, known, 0).is_err() {
        lost(Loss::NodeRange, 1);
    }
    // SAFETY: a map value; but for `wakeups` only this node's kswapd writes it.
    unsafe {
        (*totals).rounds += 1;
        (*totals).last_ns = now;
        (*totals).tid = tid;
        if (*totals).awake != 0 {
            return;
        }
        (*totals).awake = 1;
        (*totals).wakes += 1;
    }
    tell(nid, KswapdStep::Wake, now, v.get(&places.order), None);
}

/// `mm_vmscan_kswapd_sleep`, in kswapd.
#[inline(always)]
pub(crate) fn sleep<V: Values>(v: &V) {
    let Some(nid) = v.get(&V::places().kswapd_sleep.nid) else { return };
    let now = now_ns();
    let Some(totals) = node(nid) else { return };
    // SAFETY: a map value; only this node's kswapd writes these.
    unsafe {
        (*totals).sleeps += 1;
        (*totals).last_ns = now;
        (*totals).awake = 0;
    }
    tell(nid, KswapdStep::Sleep, now, None, None);
}

/// Charges a shrink to the node of this kswapd; `false` when the thread is none.
#[inline(always)]
pub(crate) fn shrink(tid: u32, scanned: u64, reclaimed: u64) -> bool {
    let Some(known) = KSWAPD_TASKS.get_ptr_mut(tid) else { return false };
    let now = now_ns();
    // SAFETY: map values that only this thread writes.
    unsafe {
        if let Some(totals) = node(u64::from((*known).nid)) {
            (*totals).scanned_pages += scanned;
            (*totals).reclaimed_pages += reclaimed;
            (*totals).busy_ns += now.saturating_sub((*known).counted_ns);
        }
        (*known).counted_ns = now;
    }
    true
}

/// Opens a soft-limit reclaim of this kswapd; `false` when the thread is none.
#[inline(always)]
pub(crate) fn soft_limit_begin(tid: u32, now: u64) -> bool {
    let Some(known) = KSWAPD_TASKS.get_ptr_mut(tid) else { return false };
    // SAFETY: only this thread writes it.
    unsafe { (*known).soft_limit_ns = now };
    true
}

/// Closes it; `false` when the thread is no kswapd.
#[inline(always)]
pub(crate) fn soft_limit_end(tid: u32, now: u64) -> bool {
    let Some(known) = KSWAPD_TASKS.get_ptr_mut(tid) else { return false };
    // SAFETY: map values that only this thread writes.
    unsafe {
        let began = (*known).soft_limit_ns;
        if began == 0 {
            lost(Loss::EndWithoutBegin, 1);
        } else if let Some(totals) = node(u64::from((*known).nid)) {
            (*totals).soft_limit_ns += now.saturating_sub(began);
        }
        (*known).soft_limit_ns = 0;
    }
    true
}

#[inline(always)]
fn now_ns() -> u64 {
    // SAFETY: the helper takes no argument and cannot fail.
    unsafe { bpf_ktime_get_ns() }
}

/// The totals of a node; a node out of range is counted.
#[inline(always)]
fn node(nid: u64) -> Option<*mut KswapdTotals> {
    if nid >= u64::from(MAX_NODES) {
        lost(Loss::NodeRange, 1);
        return None;
    }
    KSWAPD.get_ptr_mut(nid as u32)
}

#[inline(always)]
fn tell(nid: u64, step: KswapdStep, now: u64, order: Option<u64>, gfp: Option<u64>) {
    let (tid, tgid) = task::current_ids();
    let read =
        fields::NID | if order.is_some() { fields::ORDER } else { 0 } | if gfp.is_some() { fields::GFP } else { 0 };
    emit(Loss::RingKswapd, Wake::Lazily, |record: *mut KswapdRecord| {
        // SAFETY: `record` is the reserved room.
        unsafe {
            record.write(KswapdRecord {
                header: header::<KswapdRecord>(KIND_KSWAPD, now),
                nid: nid as i32,
                order: order.unwrap_or(0) as i32,
                gfp: gfp.unwrap_or(0) as u32,
                tgid,
                tid,
                fields: read,
                step: step as u8,
                pad: [0; 7],
                comm: task::current_comm(),
            });
        }
    });
}
