//! The entries of the threads that stall or have stalled.
//!
//! To insert and remove an entry for each stall costs more than all the rest of its begin. So an entry stays, with no
//! span open, as long as there are few; its thread's exit removes it. Beyond that each stall's end removes its own.

use memtrace_common::{
    span::{Begin, Span, TaskSpans},
    totals::Loss,
};

use crate::{
    emit::{add, lost},
    hooks::off_cpu,
    maps::{ENTRIES, INFLIGHT},
};

/// Entries up to which one outlives its stall: most of the map stays free for stalls in flight.
const KEPT: u64 = 2048;

/// Opens a span on this thread. All that cannot be followed is counted. Whether it is the outermost one: a stall begins.
#[inline(always)]
pub(crate) fn open(tid: u32, tgid: u32, span: &Span) -> bool {
    if let Some(spans) = INFLIGHT.get_ptr_mut(tid) {
        // SAFETY: the entry is this thread's own; nobody else writes it.
        unsafe {
            (*spans).tgid = tgid;
            open_in(spans, span);
            return (*spans).depth == 1;
        }
    }
    let mut spans = TaskSpans { tgid, ..TaskSpans::default() };
    spans.begin(span);
    spans.ran_ns = off_cpu::ran_ns();
    insert(tid, &spans)
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
    if INFLIGHT.get_ptr(tid).is_none() {
        insert(tid, &TaskSpans { tgid, ..TaskSpans::default() });
    }
    INFLIGHT.get_ptr_mut(tid)
}

#[inline(always)]
fn insert(tid: u32, spans: &TaskSpans) -> bool {
    if INFLIGHT.insert(tid, spans, 0).is_err() {
        lost(Loss::InflightFull, 1);
        return false;
    }
    count(1);
    true
}

/// The entry of a thread that has a span open.
#[inline(always)]
pub(crate) fn stalled(tid: u32) -> Option<*mut TaskSpans> {
    let spans = INFLIGHT.get_ptr_mut(tid)?;
    // SAFETY: the entry is this thread's own; nobody else writes it.
    if unsafe { (*spans).depth } == 0 { None } else { Some(spans) }
}

/// When the thread has nothing open any more, its entry goes, unless there is room to keep it.
///
/// # Safety
/// `spans` must be the current thread's entry; it may be gone afterwards.
#[inline(always)]
pub(crate) unsafe fn settle(tid: u32, spans: *const TaskSpans) {
    let Some(entries) = ENTRIES.get_ptr(0) else { return };
    // SAFETY: a map value; one that is a little old does no harm. The entry by contract.
    if unsafe { core::ptr::read_volatile(entries) > KEPT && (*spans).is_idle() } {
        remove(tid);
    }
}

/// Removes the entry of a thread.
#[inline(always)]
pub(crate) fn remove(tid: u32) {
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
