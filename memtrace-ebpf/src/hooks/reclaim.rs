//! Begin and end of the reclaims that stall a task.

use aya_ebpf::helpers::bpf_ktime_get_ns;
use memtrace_common::{
    config::{BeginFields, Field},
    histogram::bucket_of,
    kind::StallKind,
    record::{KIND_STALL, StallRecord, fields},
    span::{End, SOFT_LIMIT, Span, TaskSpans},
    totals::{Loss, SLOT_SELF, StallTotals},
};

use crate::{
    config::{CONFIG, loaded},
    emit::{Wake, emit, header, lost},
    fields::Values,
    hooks::{kswapd, oom},
    inflight,
    maps::{INFLIGHT, STALLS},
    task,
};

/// `mm_vmscan_direct_reclaim_begin`.
#[inline(always)]
pub(crate) fn direct_begin<V: Values>(v: &V) {
    begin(StallKind::Direct, v, &V::places().direct_begin);
}

/// `mm_vmscan_direct_reclaim_end`.
#[inline(always)]
pub(crate) fn direct_end<V: Values>(v: &V) {
    end(StallKind::Direct, fields::AFTER_GLOBAL, v, &V::places().direct_end);
}

/// `mm_vmscan_memcg_reclaim_begin`.
#[inline(always)]
pub(crate) fn memcg_begin<V: Values>(v: &V) {
    begin(StallKind::Memcg, v, &V::places().memcg_begin);
}

/// `mm_vmscan_memcg_reclaim_end`.
#[inline(always)]
pub(crate) fn memcg_end<V: Values>(v: &V) {
    end(StallKind::Memcg, fields::AFTER_MEMCG, v, &V::places().memcg_end);
}

/// `mm_vmscan_node_reclaim_begin`.
#[inline(always)]
pub(crate) fn node_begin<V: Values>(v: &V) {
    begin(StallKind::Node, v, &V::places().node_begin);
}

/// `mm_vmscan_node_reclaim_end`.
#[inline(always)]
pub(crate) fn node_end<V: Values>(v: &V) {
    end(StallKind::Node, 0, v, &V::places().node_end);
}

/// `mm_vmscan_memcg_softlimit_reclaim_begin`: a nested span of a stall, or a part of kswapd's work.
#[inline(always)]
pub(crate) fn soft_limit_begin<V: Values>(_: &V) {
    let (tid, tgid) = task::current_ids();
    let now = now_ns();
    if !kswapd::soft_limit_begin(tid, now) {
        inflight::open(tid, tgid, &Span { start_ns: now, kind: SOFT_LIMIT, ..Span::default() });
    }
}

/// `mm_vmscan_memcg_softlimit_reclaim_end`.
#[inline(always)]
pub(crate) fn soft_limit_end<V: Values>(_: &V) {
    let (tid, _) = task::current_ids();
    let now = now_ns();
    if kswapd::soft_limit_end(tid, now) {
        return;
    }
    // Outside a stall and outside kswapd it has nobody to be charged to, and is dropped.
    if let Some((_, Closed::Outermost { .. })) = close(tid, SOFT_LIMIT, now) {
        inflight::settle(tid);
    }
}

#[inline(always)]
fn now_ns() -> u64 {
    // SAFETY: the helper takes no argument and cannot fail.
    unsafe { bpf_ktime_get_ns() }
}

#[inline(always)]
fn begin<V: Values>(kind: StallKind, v: &V, places: &'static BeginFields) {
    let (order, order_read) = or_zero(v.get(&places.order), fields::ORDER);
    let (gfp, gfp_read) = or_zero(v.get(&places.gfp), fields::GFP);
    let (nid, nid_read) = or_zero(v.get(&places.nid), fields::NID);
    let (tid, tgid) = task::current_ids();
    inflight::open(
        tid,
        tgid,
        &Span {
            start_ns: now_ns(),
            gfp: gfp as u32,
            fields: order_read | gfp_read | nid_read,
            order: order as i16,
            nid: nid as i16,
            kind: kind as u8,
            pad: [0; 3],
        },
    );
}

enum Closed {
    Inner,
    Outermost { dur_ns: u64 },
}

/// Closes the span of this kind on this thread. All that cannot be paired is counted.
#[inline(always)]
fn close(tid: u32, kind: u8, now_ns: u64) -> Option<(*mut TaskSpans, Closed)> {
    let Some(spans) = INFLIGHT.get_ptr_mut(tid) else {
        lost(Loss::EndWithoutBegin, 1);
        return None;
    };
    // SAFETY: the entry is this thread's own; nobody else writes it.
    let (closed, inner) = match unsafe { (*spans).end(kind, now_ns) } {
        End::Unmatched => {
            lost(Loss::EndWithoutBegin, 1);
            return None;
        }
        End::Nested { lost } => (Closed::Inner, lost),
        End::Finished { lost, dur_ns } => (Closed::Outermost { dur_ns }, lost),
    };
    if inner > 0 {
        lost(Loss::LostEnd, u64::from(inner));
    }
    Some((spans, closed))
}

#[inline(always)]
fn end<V: Values>(kind: StallKind, before_oom: u32, v: &V, place: &'static Field) {
    let (tid, tgid) = task::current_ids();
    if before_oom != 0 {
        oom::remember(tid, before_oom);
    }
    let now = now_ns();
    let Some((spans, Closed::Outermost { dur_ns })) = close(tid, kind as u8, now) else { return };
    let (reclaimed_pages, read) = or_zero(v.get(place), fields::RECLAIMED);
    let slot = if tgid == loaded(&CONFIG.self_tgid) { SLOT_SELF } else { kind as u32 };
    if let Some(totals) = STALLS.get_ptr_mut(slot) {
        // SAFETY: both are map values of this program's run.
        unsafe { count(totals, &*spans, dur_ns, reclaimed_pages) };
    }
    emit(Loss::RingStall, Wake::Lazily, |record: *mut StallRecord| {
        // SAFETY: `record` is the reserved room; the entry is this thread's own and lives until it is settled below.
        unsafe {
            (*record).header = header::<StallRecord>(KIND_STALL, now);
            (*record).dur_ns = dur_ns;
            (*record).reclaimed_pages = reclaimed_pages;
            (*record).tgid = tgid;
            (*record).tid = tid;
            (*record).stall_kind = kind as u8;
            (*record).pad = [0; 3];
            describe_spans(record, &*spans);
            describe_task(record, tid == tgid, read | (*spans).spans[0].fields);
        }
    });
    inflight::settle(tid);
}

/// Adds a finished stall to the exact totals. Plain additions: a slot belongs to one kind and one CPU, and the kernel
/// runs no program inside itself; only memtrace's own slot is shared by the kinds.
///
/// # Safety
/// `totals` must be a valid map value.
#[inline(always)]
unsafe fn count(totals: *mut StallTotals, spans: &TaskSpans, dur_ns: u64, reclaimed: u64) {
    // SAFETY: by contract; the bucket is masked to the array's length.
    unsafe {
        (*totals).count += 1;
        (*totals).total_ns += dur_ns;
        (*totals).scanned_pages += spans.scanned_pages;
        (*totals).reclaimed_pages += reclaimed;
        (*totals).throttled_ns += spans.throttled_ns;
        (*totals).soft_limit_ns += spans.soft_limit_ns;
        *(&raw mut (*totals).buckets).cast::<u64>().add(masked_bucket(dur_ns)) += 1;
        if dur_ns > (*totals).max_ns {
            (*totals).max_ns = dur_ns;
        }
    }
}

/// The bucket, bounded where the verifier sees it: the compiler would drop a mask that it can prove needless.
#[inline(always)]
fn masked_bucket(dur_ns: u64) -> usize {
    let mut index = bucket_of(dur_ns) as u64;
    // SAFETY: plain arithmetic on a register.
    unsafe { core::arch::asm!("{0} &= 511", inout(reg) index) };
    index as usize
}

/// Writes what happened inside the stall.
///
/// # Safety
/// `record` must be reserved room.
#[inline(always)]
unsafe fn describe_spans(record: *mut StallRecord, spans: &TaskSpans) {
    let outermost = &spans.spans[0];
    // SAFETY: by contract.
    unsafe {
        (*record).scanned_pages = spans.scanned_pages;
        (*record).throttled_ns = spans.throttled_ns;
        (*record).soft_limit_ns = spans.soft_limit_ns;
        (*record).shrinks = spans.shrinks;
        (*record).gfp = outermost.gfp;
        (*record).order = i32::from(outermost.order);
        (*record).nid = i32::from(outermost.nid);
    }
}

/// Writes who the current task is, and with it which values of the record were read.
///
/// # Safety
/// `record` must be reserved room.
#[inline(always)]
unsafe fn describe_task(record: *mut StallRecord, leads: bool, read: u32) {
    let task = task::current();
    let (cgroup_id, cgroup_read) = or_zero(task::current_memory_cgroup(task), fields::CGROUP);
    let (start_ns, start_read) = or_zero(task::process_start_ns(task, leads), fields::PROCESS_START);
    // SAFETY: by contract.
    unsafe {
        (*record).cgroup_id = cgroup_id;
        (*record).process_start_ns = start_ns;
        (*record).fields = read | cgroup_read | start_read;
        (*record).comm = task::current_comm();
    }
}

/// A value and its bit, both 0 when it was not read. Always initialised: before 5.12 the verifier refuses to move an
/// `Option` whose payload was never written.
#[inline(always)]
fn or_zero(value: Option<u64>, bit: u32) -> (u64, u32) {
    match value {
        Some(value) => (value, bit),
        None => (0, 0),
    }
}
