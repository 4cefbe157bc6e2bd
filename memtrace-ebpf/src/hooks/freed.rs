//! Reports the time at which the memory of an OOM victim is freed.
//!
//! A victim's memory is freed when the last user of its address space lets go of it (`exit_mmap`), or, when the victim
//! lingers for two seconds (`OOM_REAPER_DELAY` of `mm/oom_kill.c`), by the OOM reaper before that. The exit of a thread
//! shows neither: since 6.16 (3e816361e94a, sched/tracepoints: Move and extend the sched_process_exit() tracepoint) its
//! event comes before the thread lets go of its memory, and another thread may still hold it.

use memtrace_common::{
    record::{FreedRecord, KIND_FREED, freed_by},
    totals::Loss,
};

use crate::{
    emit::{Wake, emit, header, lost},
    fields::Values,
    maps::{MarkedVictim, VICTIMS},
    task,
    time::now_ns,
};

/// A victim was marked. Where there is no room (many victims at once), the end of its memory is not reported.
#[inline(always)]
pub(crate) fn expect(victim: &MarkedVictim) {
    let key = key_of(victim);
    let mut is_full = VICTIMS.insert(key, victim, 0).is_err();
    if key != u64::from(victim.tid) {
        is_full |= VICTIMS.insert(u64::from(victim.tid), victim, 0).is_err();
    }
    if is_full {
        lost(Loss::VictimsFull, 1);
    }
}

/// An address space is torn down and its pages are free. The current task is its last user.
#[inline(always)]
pub(crate) fn mm_gone(mm: u64) {
    if let Some(victim) = VICTIMS.get_ptr(mm) {
        // SAFETY: a map value. Entries are preallocated: one that is removed meanwhile is stale, not invalid.
        freed(unsafe { *victim }, freed_by::EXIT);
        return;
    }
    let (_, tgid) = task::current_ids();
    if let Some(victim) = VICTIMS.get_ptr(u64::from(tgid)) {
        // SAFETY: as above.
        let victim = unsafe { *victim };
        // A victim with a known mm would have been found by it: this address space is another one, from before an exec.
        if victim.mm == 0 {
            freed(victim, freed_by::EXIT);
        }
    }
}

/// `oom:finish_task_reaping`: the reaper has freed the memory that it may take.
#[inline(always)]
pub(crate) fn reaped<V: Values>(v: &V) {
    let Some(tid) = v.get(&V::layout().reaped) else { return };
    if let Some(victim) = VICTIMS.get_ptr(tid) {
        // SAFETY: as above.
        freed(unsafe { *victim }, freed_by::REAPER);
    }
}

/// A thread exits. A victim that is known by its id alone is forgotten, since the id may be used again. Where only ids
/// are known (5.10), this event comes after the thread let go of its memory (`do_exit` of `kernel/exit.c`).
#[inline(always)]
pub(crate) fn thread_exited(tid: u32) {
    if let Some(victim) = VICTIMS.get_ptr(u64::from(tid)) {
        // SAFETY: as above.
        let victim = unsafe { *victim };
        if victim.mm == 0 {
            forget(&victim);
        }
    }
}

#[inline(always)]
fn freed(victim: MarkedVictim, by: u32) {
    forget(&victim);
    let now = now_ns();
    emit(Loss::RingFreed, Wake::Lazily, |record: *mut FreedRecord| {
        // SAFETY: `record` is the reserved room.
        unsafe {
            record.write(FreedRecord {
                header: header::<FreedRecord>(KIND_FREED, now),
                marked_ns: victim.marked_ns,
                pid: victim.pid,
                tid: victim.tid,
                by,
                fields: victim.fields,
                comm: victim.comm,
            });
        }
    });
}

#[inline(always)]
fn forget(victim: &MarkedVictim) {
    let _ = VICTIMS.remove(key_of(victim));
    let _ = VICTIMS.remove(u64::from(victim.tid));
}

/// Key of a victim in [`VICTIMS`]. Addresses of the kernel are far above all process ids.
#[inline(always)]
fn key_of(victim: &MarkedVictim) -> u64 {
    if victim.mm != 0 { victim.mm } else { u64::from(victim.pid) }
}
