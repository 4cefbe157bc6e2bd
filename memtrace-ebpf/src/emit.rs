//! Writes records into the ring, and counts into the maps.

use aya_ebpf::{
    bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP},
    helpers,
};
use memtrace_common::{count::Count, record::Header, totals::Loss};

use crate::{
    config::{CONFIG, loaded},
    log::log_lost,
    maps::{COUNTS, LOSS, RING},
};

/// Adds to a counter that other programs, or this one on another CPU, may add to at the same time.
#[inline(always)]
pub(crate) fn add(counter: *mut u64, n: u64) {
    // SAFETY: counters are 8-byte aligned map values that outlive the program. The result is not used, so that this
    // becomes `lock +=`, which every kernel with BPF knows.
    unsafe {
        core::intrinsics::atomic_xadd::<u64, u64, { core::intrinsics::AtomicOrdering::Relaxed }>(counter, n);
    }
}

/// Adds to a count.
#[inline(always)]
pub(crate) fn count(what: Count, n: u64) {
    if let Some(counter) = COUNTS.get_ptr_mut(what as u32) {
        add(counter, n);
    }
}

/// Counts events that could not be kept or paired.
#[inline(always)]
pub(crate) fn lost(what: Loss, n: u64) {
    lost_in(what, n, NO_KIND);
}

/// Counts events that could not be kept or paired, in a stall of this kind.
#[inline(always)]
pub(crate) fn lost_in(what: Loss, n: u64, kind: u8) {
    if let Some(counter) = LOSS.get_ptr_mut(what as u32) {
        add(counter, n);
    }
    if n > 0 {
        log_lost(what, kind);
    }
}

/// A number that is no kind of stall.
const NO_KIND: u8 = u8::MAX;

/// Time at which user space is woken for a record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// When the ring passes its mark; otherwise the reader's timer finds the record. A wake-up per record costs several
    /// times as much as the record.
    Lazily,
    /// At once.
    Now,
}

/// Reserves room for a record, lets `fill` write all of it, and submits; counts `loss` when the ring is full.
#[inline(always)]
pub(crate) fn emit<T: 'static>(loss: Loss, wake: Wake, fill: impl FnOnce(*mut T)) {
    let Some(mut entry) = RING.reserve::<T>(0) else {
        lost(loss, 1);
        return;
    };
    fill(entry.as_mut_ptr());
    let flags = if wake == Wake::Now || passes_mark() { BPF_RB_FORCE_WAKEUP } else { BPF_RB_NO_WAKEUP };
    entry.submit(u64::from(flags));
}

/// Writes a record into its reserved room, field by field: building it on the stack and copying it costs a third more.
/// All fields have to be named, since one that is left out would keep the bytes of an older record.
///
/// `$record` must point to the room of the record.
macro_rules! write_whole {
    ($record:expr, $Record:ident { $($field:ident: $value:expr),+ $(,)? }) => {{
        let _ = |whole: &$Record| {
            let $Record { $($field: _),+ } = whole;
        };
        let record: *mut $Record = $record;
        $(
            let value = $value;
            // SAFETY: by contract of the macro.
            unsafe { (&raw mut (*record).$field).write(value) };
        )+
    }};
}
pub(crate) use write_whole;

/// The header of a record of type `T`.
#[inline(always)]
pub(crate) fn header<T>(kind: u16, t_ns: u64) -> Header {
    // SAFETY: the helper takes no argument and cannot fail.
    let cpu = unsafe { helpers::generated::bpf_get_smp_processor_id() };
    Header { kind, len: size_of::<T>() as u16, cpu, t_ns }
}

/// True when the ring has just passed its mark: it is within a page above it, so that a slow reader is woken once and
/// not for each further record.
#[inline(always)]
fn passes_mark() -> bool {
    let mark = u64::from(loaded(&CONFIG.wake_bytes));
    RING.query(u64::from(BPF_RB_AVAIL_DATA)).wrapping_sub(mark) < 4096
}
