//! Begin and end of the reclaims that stall a task.

use memtrace_common::{
    config::BeginFields,
    field::ArgSource,
    kind::StallKind,
    record::fields,
    span::{SOFT_LIMIT, Span},
};

use crate::{
    config::{CONFIG, loaded},
    fields::Values,
    hooks::{
        finished::Finished,
        kswapd, oom,
        stall::{Closed, Inside, close, finish},
        zone,
    },
    inflight,
    option::or_zero,
    task,
    time::now_ns,
};

/// `mm_vmscan_direct_reclaim_begin`.
#[inline(always)]
pub(crate) fn direct_begin<V: Values>(v: &V) {
    let (tid, tgid) = task::current_ids();
    let is_stall = inflight::open(tid, tgid, &span(StallKind::Direct, v, &V::layout().direct_begin));
    if is_stall && tgid != loaded(&CONFIG.self_tgid) {
        zone::count();
    }
}

/// `mm_vmscan_direct_reclaim_end`.
#[inline(always)]
pub(crate) fn direct_end<V: Values>(v: &V) {
    end(StallKind::Direct, fields::AFTER_GLOBAL, v, &V::layout().direct_end);
}

/// `mm_vmscan_memcg_reclaim_begin`.
#[inline(always)]
pub(crate) fn memcg_begin<V: Values>(v: &V) {
    begin(StallKind::Memcg, v, &V::layout().memcg_begin);
}

/// `mm_vmscan_memcg_reclaim_end`.
#[inline(always)]
pub(crate) fn memcg_end<V: Values>(v: &V) {
    end(StallKind::Memcg, fields::AFTER_MEMCG, v, &V::layout().memcg_end);
}

/// `mm_vmscan_node_reclaim_begin`.
#[inline(always)]
pub(crate) fn node_begin<V: Values>(v: &V) {
    begin(StallKind::Node, v, &V::layout().node_begin);
}

/// `mm_vmscan_node_reclaim_end`.
#[inline(always)]
pub(crate) fn node_end<V: Values>(v: &V) {
    end(StallKind::Node, 0, v, &V::layout().node_end);
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
    // Outside a stall and outside kswapd there is no task to charge it to, and it is dropped.
    if let Some((spans, Closed::Outermost { .. })) = close(tid, SOFT_LIMIT, now) {
        // SAFETY: the entry is this thread's own.
        unsafe { inflight::settle(tid, spans) };
    }
}

/// Opens a span of this kind with the values of its begin.
#[inline(always)]
pub(crate) fn begin<V: Values>(kind: StallKind, v: &V, layout: &'static BeginFields) {
    let (tid, tgid) = task::current_ids();
    inflight::open(tid, tgid, &span(kind, v, layout));
}

/// A span of this kind with the values of its begin.
#[inline(always)]
pub(crate) fn span<V: Values>(kind: StallKind, v: &V, layout: &'static BeginFields) -> Span {
    let (order, order_read) = or_zero(v.get(&layout.order), fields::ORDER);
    let (gfp, gfp_read) = or_zero(v.get(&layout.gfp), fields::GFP);
    let (nid, nid_read) = or_zero(v.get(&layout.nid), fields::NID);
    Span {
        start_ns: now_ns(),
        gfp: gfp as u32,
        fields: order_read | gfp_read | nid_read,
        order: order as i16,
        nid: nid as i16,
        kind: kind as u8,
        pad: [0; 3],
    }
}

#[inline(always)]
fn end<V: Values>(kind: StallKind, before_oom: u32, v: &V, source: &'static ArgSource) {
    let (tid, tgid) = task::current_ids();
    if before_oom != 0 {
        oom::remember(tid, before_oom);
    }
    let now_ns = now_ns();
    let Some((spans, closed)) = close(tid, kind as u8, now_ns) else { return };
    // Converted at once, so that no `Option` with an unwritten payload is moved: the verifier refuses that.
    let (reclaimed, read) = or_zero(v.get(source), fields::RECLAIMED);
    // SAFETY: the entry is this thread's own and lives until it is settled.
    unsafe {
        match closed {
            Closed::Inner => (*spans).reclaimed_pages += reclaimed,
            Closed::Outermost { dur_ns } => {
                let inside = Inside::of(&*spans, reclaimed, read);
                finish(v.context(), spans, &Finished { kind, tid, tgid, now_ns, dur_ns }, &inside);
            }
        }
    }
}
