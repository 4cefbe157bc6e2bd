//! The entries of the threads that stall or have stalled.
//!
//! The slot of a thread's entry follows from its id, without a search: the first thread that claims a slot keeps it
//! until it exits. Other threads with the same slot get one of the slots beyond, which they find by their id in a hash
//! map. Adding and removing such a moved entry for each stall would cost more than the rest of its begin. So it stays,
//! with no span open, as long as there are few of them, and is removed at the exit of its thread. Beyond that number
//! the end of each stall removes its own.

use aya_ebpf::bindings::BPF_NOEXIST;
use memtrace_common::{
    span::{Begin, Span, TaskSpans},
    totals::Loss,
};

use crate::{
    emit::{add, lost, lost_in},
    maps::{ENTRIES, MORE_THREAD_SLOTS, MOVED, OWNERS, SPANS, THREAD_SLOTS},
    task,
};

/// Number of moved entries up to which one outlives its stall: most of their slots stay free for stalls in flight.
const KEPT: u64 = 2048;

/// Number of further slots that are tried for a thread.
const TRIES: u32 = 8;

/// The entry of a thread: the current one, or one that does not run on another CPU.
#[inline(always)]
pub(crate) fn find(tid: u32) -> Option<*mut TaskSpans> {
    if tid == 0 {
        return None;
    }
    let mut spans = SPANS.get_ptr_mut(slot_of(tid))?;
    // SAFETY: a map value. The id of another thread may come and go meanwhile, that of this thread does not.
    if unsafe { (*spans).tid } != tid {
        if moved() == 0 {
            return None;
        }
        let slot = MOVED.get_ptr(tid)?;
        // SAFETY: a map value, which the thread wrote itself.
        spans = SPANS.get_ptr_mut(unsafe { *slot })?;
    }
    Some(spans)
}

/// Number of threads whose slot does not follow from their id. It is mostly 0, which saves a search at each context
/// switch.
#[inline(always)]
fn moved() -> u64 {
    match ENTRIES.get_ptr(0) {
        // SAFETY: a map value; a thread's own entry is always included, others may come at any time.
        Some(entries) => unsafe { core::ptr::read_volatile(entries) },
        None => 0,
    }
}

#[inline(always)]
fn slot_of(tid: u32) -> u32 {
    tid & (THREAD_SLOTS - 1)
}

/// Opens a span on this thread. Spans that cannot be followed are counted. True when it is the outermost one: a stall
/// begins.
#[inline(always)]
pub(crate) fn open(tid: u32, tgid: u32, span: &Span) -> bool {
    let Some(spans) = entry(tid, tgid) else { return false };
    // SAFETY: the entry is this thread's own; nobody else writes it.
    unsafe {
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
            lost_in(Loss::SecondBegin, 1, span.kind);
            lost_in(Loss::LostEnd, u64::from(inner), span.kind);
        }
        Begin::Overflow => lost_in(Loss::NestOverflow, 1, span.kind),
    }
    // SAFETY: by contract.
    unsafe {
        if (*spans).depth == 1 {
            (*spans).ran_ns = task::ran_ns_to_estimate();
        }
    }
}

/// The entry of this thread, created if needed; `None` when there is no room, which is counted.
#[inline(always)]
pub(crate) fn entry(tid: u32, tgid: u32) -> Option<*mut TaskSpans> {
    // Looked up again, which costs next to nothing: the verifier need not follow the code below once per way that leads
    // here.
    if find(tid).is_none() {
        make(tid);
    }
    let spans = find(tid)?;
    // SAFETY: the entry is this thread's own; nobody else writes it.
    unsafe { (*spans).tgid = tgid };
    Some(spans)
}

/// Creates the entry of this thread, at its own slot if that is free.
#[inline(always)]
fn make(tid: u32) {
    let mut slot = slot_of(tid);
    let mut is_moved = 0;
    if !claim(slot, tid) {
        // Threads with the same slot have ids that differ in the bits above it.
        let first = tid.wrapping_mul(0x9e37_79b1) >> 16;
        let mut tried = 0;
        while tried < TRIES {
            slot = THREAD_SLOTS + (first.wrapping_add(tried) & (MORE_THREAD_SLOTS - 1));
            if claim(slot, tid) {
                is_moved = 1;
                break;
            }
            tried += 1;
        }
        if is_moved == 0 {
            lost(Loss::InflightFull, 1);
            return;
        }
        // There is room for as many entries as slots, but an update can be refused (EBUSY).
        if MOVED.insert(tid, slot, 0).is_err() {
            let _ = OWNERS.remove(slot);
            lost(Loss::InflightFull, 1);
            return;
        }
        count(1);
    }
    if let Some(spans) = SPANS.get_ptr_mut(slot) {
        // SAFETY: a map value that is this thread's own from here on.
        unsafe { *spans = TaskSpans { tid, is_moved, ..TaskSpans::default() } };
    }
}

/// Claims a slot for this thread, if it is free.
#[inline(always)]
fn claim(slot: u32, tid: u32) -> bool {
    OWNERS.insert(slot, tid, u64::from(BPF_NOEXIST)).is_ok()
}

/// The entry of a thread that has a span open.
#[inline(always)]
pub(crate) fn stalled(tid: u32) -> Option<*mut TaskSpans> {
    let spans = find(tid)?;
    // SAFETY: the entry is this thread's own; nobody else writes it.
    if unsafe { (*spans).depth } == 0 { None } else { Some(spans) }
}

/// Removes the entry of a thread with nothing open, unless there is room to keep it.
///
/// # Safety
/// `spans` must be the current thread's entry; it may be gone afterwards.
#[inline(always)]
pub(crate) unsafe fn settle(tid: u32, spans: *mut TaskSpans) {
    // SAFETY: by contract.
    if unsafe { (*spans).is_moved == 0 || !(*spans).is_idle() } {
        return;
    }
    if moved() > KEPT {
        // SAFETY: by contract.
        unsafe { remove(tid, spans) };
    }
}

/// Removes the entry of the current thread.
///
/// # Safety
/// `spans` must be that entry.
#[inline(always)]
pub(crate) unsafe fn remove(tid: u32, spans: *mut TaskSpans) {
    let mut slot = slot_of(tid);
    // SAFETY: by contract; the slot is a map value.
    unsafe {
        if (*spans).is_moved != 0 {
            let Some(moved) = MOVED.get_ptr(tid) else { return };
            slot = *moved;
            let _ = MOVED.remove(tid);
            count(u64::MAX); // one less
        }
        // Cleared before the slot is free for others.
        core::ptr::write_volatile(&raw mut (*spans).tid, 0);
    }
    let _ = OWNERS.remove(slot);
}

#[inline(always)]
fn count(n: u64) {
    if let Some(entries) = ENTRIES.get_ptr_mut(0) {
        add(entries, n);
    }
}
