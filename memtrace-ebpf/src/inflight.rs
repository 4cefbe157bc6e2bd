//! The entries of the threads that stall or have stalled.
//!
//! A thread finds its entry at a place that follows from its id, without a search: the first thread to come to a place has
//! it until it exits. The others of the same place are found by their id in a hash map. To insert and remove an entry there
//! for each stall costs more than all the rest of its begin. So it stays, with no span open, as long as there are few; its
//! thread's exit removes it. Beyond that each stall's end removes its own.

use aya_ebpf::bindings::BPF_NOEXIST;
use memtrace_common::{
    span::{Begin, Span, TaskSpans},
    totals::Loss,
};

use crate::{
    emit::{add, lost},
    hooks::off_cpu,
    maps::{EMPTY, ENTRIES, INFLIGHT, OWNERS, PLACES, SPANS},
};

/// Entries up to which one outlives its stall: most of the map stays free for stalls in flight.
const KEPT: u64 = 2048;

/// The entry of a thread: the current one, or one that runs on no other CPU.
#[inline(always)]
pub(crate) fn find(tid: u32) -> Option<*mut TaskSpans> {
    match SPANS.get_ptr_mut(place_of(tid)) {
        // SAFETY: a map value. Another thread's id may come and go meanwhile, this thread's not.
        Some(spans) if tid != 0 && unsafe { (*spans).tid } == tid => Some(spans),
        _ => INFLIGHT.get_ptr_mut(tid),
    }
}

#[inline(always)]
fn place_of(tid: u32) -> u32 {
    tid & (PLACES - 1)
}

/// Opens a span on this thread. All that cannot be followed is counted. Whether it is the outermost one: a stall begins.
#[inline(always)]
pub(crate) fn open(tid: u32, tgid: u32, span: &Span) -> bool {
    let Some(spans) = entry(tid, tgid) else { return false };
    // SAFETY: the entry is this thread's own; nobody else writes it.
    unsafe {
        (*spans).tgid = tgid;
        open_in(spans, span);
        (*spans).depth == 1
    }
}

/// Opens a span in the entry of this thread.
///
/// # Safety
/// `spans` must be the current thread's entry.
#[inline(always)]
pub(crate) unsafe fn open_in(spans: *mut TaskSpans, span: &Span) {
    // SAFETY: by contract.
    match unsafe { (*spans).begin(span) } {
        Begin::Opened => {}
        Begin::Replaced { inner } => {
            lost(Loss::SecondBegin, 1);
            lost(Loss::LostEnd, u64::from(inner));
        }
        Begin::Overflow => lost(Loss::NestOverflow, 1),
    }
    // SAFETY: by contract.
    unsafe {
        if (*spans).depth == 1 {
            (*spans).ran_ns = off_cpu::ran_ns();
        }
    }
}

/// The entry of this thread, made when there is none; `None` when there is no room, which is counted.
#[inline(always)]
pub(crate) fn entry(tid: u32, tgid: u32) -> Option<*mut TaskSpans> {
    if let Some(spans) = find(tid) {
        return Some(spans);
    }
    make(tid);
    let spans = find(tid)?;
    // SAFETY: the entry is this thread's own; nobody else writes it.
    unsafe { (*spans).tgid = tgid };
    Some(spans)
}

/// Makes the entry of this thread, at its place if that is free.
#[inline(always)]
fn make(tid: u32) {
    let place = place_of(tid);
    if OWNERS.insert(place, tid, u64::from(BPF_NOEXIST)).is_ok() {
        if let Some(spans) = SPANS.get_ptr_mut(place) {
            // SAFETY: a map value that is this thread's own from here on.
            unsafe { *spans = TaskSpans { tid, ..TaskSpans::default() } };
        }
        return;
    }
    let Some(empty) = EMPTY.get_ptr(0) else { return };
    // SAFETY: a map value, which nobody writes.
    if INFLIGHT.insert(tid, unsafe { &*empty }, 0).is_ok() {
        count(1);
    } else {
        lost(Loss::InflightFull, 1);
    }
}

/// The entry of a thread that has a span open.
#[inline(always)]
pub(crate) fn stalled(tid: u32) -> Option<*mut TaskSpans> {
    let spans = find(tid)?;
    // SAFETY: the entry is this thread's own; nobody else writes it.
    if unsafe { (*spans).depth } == 0 { None } else { Some(spans) }
}

/// When the thread has nothing open any more, its entry goes, unless there is room to keep it.
///
/// # Safety
/// `spans` must be the current thread's entry; it may be gone afterwards.
#[inline(always)]
pub(crate) unsafe fn settle(tid: u32, spans: *const TaskSpans) {
    // SAFETY: by contract.
    let (has_place, is_idle) = unsafe { ((*spans).tid != 0, (*spans).is_idle()) };
    if has_place || !is_idle {
        return;
    }
    let Some(entries) = ENTRIES.get_ptr(0) else { return };
    // SAFETY: a map value; one that is a little old does no harm.
    if unsafe { core::ptr::read_volatile(entries) } > KEPT {
        remove_by_key(tid);
    }
}

/// Removes the entry of the current thread, which exits.
#[inline(always)]
pub(crate) fn remove(tid: u32, spans: *mut TaskSpans) {
    // SAFETY: the caller's entry.
    unsafe {
        if (*spans).tid == tid {
            // Before the place is free for others.
            core::ptr::write_volatile(&raw mut (*spans).tid, 0);
            let _ = OWNERS.remove(place_of(tid));
        } else {
            remove_by_key(tid);
        }
    }
}

#[inline(always)]
fn remove_by_key(tid: u32) {
    if INFLIGHT.remove(tid).is_ok() {
        count(u64::MAX); // one less
    }
}

#[inline(always)]
fn count(n: u64) {
    if let Some(entries) = ENTRIES.get_ptr_mut(0) {
        add(entries, n);
    }
}
