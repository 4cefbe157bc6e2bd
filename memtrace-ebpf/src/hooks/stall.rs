//! A finished stall: counted in the exact totals, and written as a record into the ring.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_get_numa_node_id;
use memtrace_common::{
    histogram::bucket_of,
    kind::StallKind,
    part::{Part, Spent},
    record::{KIND_STALL, StallRecord, fields},
    shrinker::{ShrinkerTime, largest},
    span::{End, TaskSpans},
    throttle::REASON_COUNT,
    totals::{Loss, SLOT_SELF, StallTotals},
    verifier::masked,
};

use crate::{
    config::{CONFIG, loaded},
    emit::{Wake, emit, header, lost_in, write_whole},
    hooks::{finished::Finished, off_cpu, shrink, stack},
    inflight,
    maps::STALLS,
    option::or_zero,
    task,
};

/// A span that ended.
pub(crate) enum Closed {
    /// Nested in another span.
    Inner,
    /// The outermost span: a stall.
    Outermost {
        /// Duration in ns.
        dur_ns: u64,
    },
}

/// Closes the span of this kind on this thread. Ends that cannot be paired are counted.
#[inline(always)]
pub(crate) fn close(tid: u32, kind: u8, now_ns: u64) -> Option<(*mut TaskSpans, Closed)> {
    let Some(spans) = inflight::find(tid) else {
        lost_in(Loss::EndWithoutBegin, 1, kind);
        return None;
    };
    // SAFETY: the entry is this thread's own.
    unsafe { close_in(spans, kind, now_ns) }.map(|closed| (spans, closed))
}

/// Closes the span of this kind in the entry of this thread.
///
/// # Safety
/// `spans` must be the current thread's entry.
#[inline(always)]
pub(crate) unsafe fn close_in(spans: *mut TaskSpans, kind: u8, now_ns: u64) -> Option<Closed> {
    // SAFETY: the entry is this thread's own; nobody else writes it.
    let (closed, inner) = match unsafe { (*spans).end(kind, now_ns) } {
        End::Unmatched => {
            lost_in(Loss::EndWithoutBegin, 1, kind);
            return None;
        }
        End::Nested { lost } => (Closed::Inner, lost),
        End::Finished { lost, dur_ns } => {
            // SAFETY: as above.
            shrink::count_node(unsafe { &(*spans).node });
            (Closed::Outermost { dur_ns }, lost)
        }
    };
    if inner > 0 {
        lost_in(Loss::LostEnd, u64::from(inner), kind);
    }
    Some(closed)
}

/// Pages and times inside a stall; all 0 for a wait in which the task itself did nothing.
#[derive(Default)]
pub(crate) struct Inside {
    scanned_pages: u64,
    spent: Spent,
    shrinks: u32,
    gfp: u32,
    order: i32,
    nid: i32,
    /// Bits of [`fields`] of the values that were read.
    fields: u32,
    shrinker: ShrinkerTime,
    off_cpu_ns: u64,
    throttled_us: [u32; REASON_COUNT],
    pub(crate) reclaimed_pages: u64,
}

impl Inside {
    /// Values of the outermost span and of its task's counters; `read` is the bit of the reclaimed pages, or 0 when
    /// they were not read.
    #[inline(always)]
    pub(crate) fn of(spans: &TaskSpans, reclaimed_pages: u64, read: u32) -> Self {
        let outermost = &spans.spans[0];
        Self {
            scanned_pages: spans.scanned_pages,
            spent: spans.spent,
            throttled_us: spans.throttled_us,
            shrinks: spans.shrinks,
            gfp: outermost.gfp,
            order: i32::from(outermost.order),
            nid: i32::from(outermost.nid),
            fields: outermost.fields | read | if loaded(&CONFIG.off_cpu) != 0 { fields::OFF_CPU } else { 0 },
            off_cpu_ns: spans.off_cpu_ns,
            shrinker: if spans.spent.ns(Part::Shrinkers) > 0 {
                largest(&spans.shrinkers)
            } else {
                ShrinkerTime::default()
            },
            reclaimed_pages,
        }
    }
}

/// Counts and reports a stall, and settles the thread's entry; `ctx` is the program's context.
///
/// # Safety
/// `spans` must be the current thread's entry.
#[inline(always)]
pub(crate) unsafe fn finish(ctx: *mut c_void, spans: *mut TaskSpans, finished: &Finished, inside: &Inside) {
    let &Finished { kind, tid, tgid, now_ns, dur_ns } = finished;
    // SAFETY: by contract.
    unsafe { (*spans).counted(dur_ns) };
    let slot = if tgid == loaded(&CONFIG.self_tgid) { SLOT_SELF } else { kind as u32 };
    if let Some(totals) = STALLS.get_ptr_mut(slot) {
        // SAFETY: a map value of this program's run.
        unsafe { count(totals, inside, dur_ns) };
    }
    if inside.shrinker.function != 0 {
        // SAFETY: by contract.
        shrink::count_shrinkers(unsafe { &(*spans).shrinkers }, slot);
    }
    let (nid, fields) = node(kind, inside);
    // The run time at the begin is kept for spans only, not for waits.
    let (off_cpu_ns, estimated) = match kind.is_wait() {
        true => (0, 0),
        // SAFETY: by contract.
        false => off_cpu::estimated(unsafe { &*spans }, dur_ns),
    };
    emit(Loss::RingStall, Wake::Lazily, |record: *mut StallRecord| {
        let (cgroup_id, cgroup_read) = or_zero(task::current_memory_cgroup(), fields::CGROUP);
        let (process_start_ns, start_read) = or_zero(task::process_start_ns(tid == tgid), fields::PROCESS_START);
        write_whole!(
            record,
            StallRecord {
                header: header::<StallRecord>(KIND_STALL, now_ns),
                dur_ns: dur_ns,
                cgroup_id: cgroup_id,
                process_start_ns: process_start_ns,
                scanned_pages: inside.scanned_pages,
                reclaimed_pages: inside.reclaimed_pages,
                spent: inside.spent,
                shrinker: inside.shrinker.function,
                shrinker_ns: inside.shrinker.ns,
                off_cpu_ns: inside.off_cpu_ns + off_cpu_ns,
                throttled_us: inside.throttled_us,
                tgid: tgid,
                tid: tid,
                gfp: inside.gfp,
                order: inside.order,
                nid: nid,
                shrinks: inside.shrinks,
                fields: fields | estimated | cgroup_read | start_read,
                stall_kind: kind as u8,
                pad: [0; 3],
                comm: task::current_comm(),
            }
        );
    });
    stack::count(ctx, finished);
    // SAFETY: by contract.
    unsafe { inflight::settle(tid, spans) };
}

/// Counts reclaim that is no stall in a slot of its own.
#[inline(always)]
pub(crate) fn count_apart(slot: u32, inside: &Inside, dur_ns: u64) {
    if let Some(totals) = STALLS.get_ptr_mut(slot) {
        // SAFETY: a map value of this program's run.
        unsafe { count(totals, inside, dur_ns) };
    }
}

/// The node that was reclaimed, for the kind whose event names it; otherwise the node of the CPU on which the task
/// runs.
#[inline(always)]
fn node(kind: StallKind, inside: &Inside) -> (i32, u32) {
    if matches!(kind, StallKind::Node) {
        return (inside.nid, inside.fields);
    }
    // SAFETY: a helper without arguments.
    (unsafe { bpf_get_numa_node_id() } as i32, inside.fields | fields::NID)
}

/// Adds a finished stall to the exact totals. Plain additions: a slot belongs to one kind and one CPU, and the kernel
/// runs no program inside itself; only memtrace's own slot is shared by the kinds.
///
/// # Safety
/// `totals` must be a valid map value.
#[inline(always)]
unsafe fn count(totals: *mut StallTotals, inside: &Inside, dur_ns: u64) {
    // SAFETY: by contract; the bucket is masked to the array's length.
    unsafe {
        (*totals).count += 1;
        (*totals).total_ns += dur_ns;
        (*totals).scanned_pages += inside.scanned_pages;
        (*totals).reclaimed_pages += inside.reclaimed_pages;
        let mut i = 0;
        while i < REASON_COUNT {
            (*totals).throttled_us[i] += u64::from(inside.throttled_us[i]);
            i += 1;
        }
        (*totals).spent.count(&inside.spent);
        (*totals).off_cpu_ns += inside.off_cpu_ns;
        *(&raw mut (*totals).buckets).cast::<u64>().add(masked::<511>(bucket_of(dur_ns) as u64)) += 1;
        if dur_ns > (*totals).max_ns {
            (*totals).max_ns = dur_ns;
        }
    }
}
