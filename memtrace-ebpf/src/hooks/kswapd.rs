//! kswapd: the tasks that wake it, the time that it works, the pages that it reclaims.
//!
//! `kswapd_wake` fires on each round of its loop, not once per sleep, and `kswapd_sleep` only after a nap without new
//! work. So the state is kept per node and only its changes are reported. The time from a round's begin to the last
//! shrink in it is a lower bound of its work, until the end of the round is reported.

use aya_ebpf::helpers::bpf_ktime_get_ns;
use memtrace_common::{
    record::{KIND_KSWAPD, KswapdRecord, KswapdStep, fields},
    totals::{KswapdTotals, Loss, MAX_NODES, ORDERS, failures_from},
    verifier::masked,
    zone::HOPELESS,
};

use crate::{
    config::{CONFIG, loaded},
    emit::{Wake, add, emit, header, lost},
    fields::Values,
    hooks::node,
    maps::{KSWAPD, KSWAPD_TASKS, KswapdTask},
    memory::Address,
    task,
};

/// `mm_vmscan_wakeup_kswapd`, in the allocating task.
#[inline(always)]
pub(crate) fn wakeup<V: Values>(v: &V) {
    let layout = &V::layout().wakeup_kswapd;
    let Some(nid) = v.get(&layout.nid) else { return };
    let now = now_ns();
    let Some(totals) = node(nid) else { return };
    // SAFETY: a map value.
    unsafe {
        add(&raw mut (*totals).wakeups, 1);
        (*totals).last_ns = now;
    }
    let order = v.get(&layout.order);
    if let Some(order) = order {
        // SAFETY: a map value; the slot is masked to the array's length.
        unsafe { add((&raw mut (*totals).wakeups_by_order).cast::<u64>().add(slot(order)), 1) };
    }
    emit_step(nid, KswapdStep::Wakeup, now, order, v.get(&layout.gfp));
}

/// `mm_vmscan_kswapd_wake`, in kswapd.
#[inline(always)]
pub(crate) fn wake<V: Values>(v: &V) {
    let layout = &V::layout().kswapd_wake;
    let Some(nid) = v.get(&layout.nid) else { return };
    let (tid, _) = task::current_ids();
    let now = now_ns();
    let Some(totals) = node(nid) else { return };
    let known = KswapdTask { counted_ns: now, soft_limit_ns: 0, nid: nid as u32, pad: 0 };
    if KSWAPD_TASKS.insert(tid, known, 0).is_err() {
        lost(Loss::NodeRange, 1);
    }
    node::learn_current(nid);
    read_failures(nid as u32, totals);
    let order = v.get(&layout.order);
    // SAFETY: a map value; but for `wakeups` only this node's kswapd writes it.
    unsafe {
        if let Some(order) = order {
            *(&raw mut (*totals).rounds_by_order).cast::<u64>().add(slot(order)) += 1;
        }
        (*totals).rounds += 1;
        (*totals).last_ns = now;
        (*totals).tid = tid;
        if (*totals).awake != 0 {
            return;
        }
        (*totals).awake = 1;
        (*totals).wakes += 1;
    }
    emit_step(nid, KswapdStep::Wake, now, order, None);
}

/// `mm_vmscan_kswapd_sleep`, in kswapd.
#[inline(always)]
pub(crate) fn sleep<V: Values>(v: &V) {
    let Some(nid) = v.get(&V::layout().kswapd_sleep.nid) else { return };
    let now = now_ns();
    let Some(totals) = node(nid) else { return };
    read_failures(nid as u32, totals);
    // SAFETY: a map value; only this node's kswapd writes these.
    unsafe {
        (*totals).sleeps += 1;
        (*totals).last_ns = now;
        (*totals).awake = 0;
    }
    emit_step(nid, KswapdStep::Sleep, now, None, None);
}

/// `balance_pgdat` ended: the work of a round of kswapd's loop lasts until now.
#[inline(always)]
pub(crate) fn balanced() {
    let Some(known) = KSWAPD_TASKS.get_ptr_mut(task::current_ids().0) else { return };
    let now = now_ns();
    // SAFETY: map values that only this thread writes.
    unsafe {
        if let Some(totals) = node(u64::from((*known).nid)) {
            (*totals).busy_ns += now.saturating_sub((*known).counted_ns);
            (*totals).balances += 1;
        }
        (*known).counted_ns = now;
    }
}

/// `mm_vmscan_kswapd_reclaim_fail`, in kswapd: a round that reclaimed nothing.
#[inline(always)]
pub(crate) fn failed<V: Values>(v: &V) {
    let layout = &V::layout().kswapd_fail;
    let (Some(nid), Some(failures)) = (v.get(&layout.nid), v.get(&layout.failures)) else { return };
    let Some(totals) = node(nid) else { return };
    let failures = failures as u32;
    // SAFETY: a map value; only this node's kswapd and the task that resets its failures write these.
    unsafe {
        (*totals).failures += 1;
        if failures == HOPELESS {
            (*totals).hopeless += 1;
        }
        stands(totals, failures, failures_from::EVENTS);
    }
}

/// `mm_vmscan_kswapd_clear_hopeless`, in the task that reclaimed something: failures are counted from 0 again. It is
/// emitted for nodes that were not hopeless, too.
#[inline(always)]
pub(crate) fn cleared<V: Values>(v: &V) {
    let Some(nid) = v.get(&V::layout().kswapd_clear) else { return };
    let Some(totals) = node(nid) else { return };
    // SAFETY: a map value, as above.
    unsafe {
        if (*totals).failures_in_a_row >= HOPELESS {
            add(&raw mut (*totals).cleared, 1);
        }
        stands(totals, 0, failures_from::EVENTS);
    }
}

/// Records the node of a kswapd, and its failures so far, as a base for their count.
#[inline(always)]
pub(crate) fn know(task: Address) {
    // Only tasks of this name have a node at the place where it is looked up.
    if task.read::<u32>(&CONFIG.task.comm) != Some(u32::from_ne_bytes(*b"kswa")) {
        return;
    }
    let Some(nid) = node::learn(task) else { return };
    let Some(totals) = node(u64::from(nid)) else { return };
    let Some(failures) = failures_of(nid) else { return };
    // SAFETY: a map value; kswapd itself has the same value or a later one.
    unsafe {
        if (*totals).failures_from == failures_from::NOWHERE {
            stands(totals, failures, failures_from::READINGS);
        }
    }
}

/// The number of a node's failures in a row, from the kernel's own count.
#[inline(always)]
fn failures_of(nid: u32) -> Option<u32> {
    node::address(nid)?.read::<u32>(&CONFIG.zones.failures)
}

/// Counts the failures since the last reading, where no event reports them.
#[inline(always)]
fn read_failures(nid: u32, totals: *mut KswapdTotals) {
    if loaded(&CONFIG.args.kswapd_fail.nid).is_read() {
        return;
    }
    let Some(now) = failures_of(nid) else { return };
    // SAFETY: a map value; only this node's kswapd writes these.
    unsafe {
        if (*totals).failures_from != failures_from::NOWHERE {
            let before = (*totals).failures_in_a_row;
            // Fewer than before: they were reset, and counted from 0.
            (*totals).failures += u64::from(if now >= before { now - before } else { now });
            if before < HOPELESS && now >= HOPELESS {
                (*totals).hopeless += 1;
            }
            if before >= HOPELESS && now < HOPELESS {
                (*totals).cleared += 1;
            }
        }
        stands(totals, now, failures_from::READINGS);
    }
}

/// Sets the failures of a node.
///
/// # Safety
/// `totals` must be a valid map value.
#[inline(always)]
unsafe fn stands(totals: *mut KswapdTotals, failures: u32, from: u32) {
    // SAFETY: by contract.
    unsafe {
        (*totals).failures_in_a_row = failures;
        (*totals).failures_from = from;
        if failures > (*totals).most_failures_in_a_row {
            (*totals).most_failures_in_a_row = failures;
        }
    }
}

const _: () = assert!(ORDERS == 16, "the mask below");

/// Index of the counter of an order, bounded where the verifier sees it.
#[inline(always)]
fn slot(order: u64) -> usize {
    const LAST: u64 = ORDERS as u64 - 1;
    masked::<LAST>(if order < LAST { order } else { LAST })
}

/// Charges a shrink to the node of this kswapd; `false` when the thread is no kswapd.
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

/// Opens a soft-limit reclaim of this kswapd; `false` when the thread is no kswapd.
#[inline(always)]
pub(crate) fn soft_limit_begin(tid: u32, now: u64) -> bool {
    let Some(known) = KSWAPD_TASKS.get_ptr_mut(tid) else { return false };
    // SAFETY: only this thread writes it.
    unsafe { (*known).soft_limit_ns = now };
    true
}

/// Closes the soft-limit reclaim; `false` when the thread is no kswapd.
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

/// The totals of a node. A node out of range counts as a loss.
#[inline(always)]
fn node(nid: u64) -> Option<*mut KswapdTotals> {
    if nid >= u64::from(MAX_NODES) {
        lost(Loss::NodeRange, 1);
        return None;
    }
    KSWAPD.get_ptr_mut(nid as u32)
}

#[inline(always)]
fn emit_step(nid: u64, step: KswapdStep, now: u64, order: Option<u64>, gfp: Option<u64>) {
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
