//! OOM kills: victim and trigger, which are often not the same task.

use aya_ebpf::helpers::bpf_ktime_get_ns;
use memtrace_common::{
    count::Count,
    record::{COMM_LEN, KIND_OOM, OomRecord, fields},
    totals::{Loss, OomCalls},
};

use crate::{
    config::{CONFIG, loaded},
    emit::{Wake, count, emit, header},
    fields::{Args, Record, Values},
    hooks::freed,
    maps::{LAST_RECLAIM, MarkedVictim, OOM_CALLS},
    memory::Address,
    option::or_zero,
    task,
};

/// Records the kind of reclaim that the current thread has just ended on this CPU. An OOM kill follows at once, in the
/// same task.
#[inline(always)]
pub(crate) fn remember(tid: u32, what: u32) {
    if let Some(last) = LAST_RECLAIM.get_ptr_mut(0) {
        // SAFETY: a map value of this CPU.
        unsafe {
            (*last).tid = tid;
            (*last).what = what;
        }
    }
}

/// `oom:reclaim_retry_zone`: global reclaim failed and is tried again.
#[inline(always)]
pub(crate) fn retry_zone<V: Values>(_: &V) {
    remember(task::current_ids().0, fields::AFTER_GLOBAL);
}

/// `oom_kill_process(oc, message)` begins: the OOM killer has chosen, and will mark one or several victims in this
/// task.
#[inline(always)]
pub(crate) fn call_begin(args: &Args<1>) {
    count(Count::OomCalls, 1);
    let Some(calls) = OOM_CALLS.get_ptr_mut(0) else { return };
    let (control, members) = (Address(args.raw(0)), &CONFIG.oom);
    let memcg = match control.follow(&members.memcg) {
        Some(memcg) => task::id_of_memcg(memcg),
        None => None,
    };
    let (limit_cgroup_id, limit_read) = or_zero(memcg, fields::LIMIT_CGROUP);
    let (total_pages, total_read) = or_zero(control.read(&members.total_pages), fields::TOTAL_PAGES);
    let (points, points_read) = or_zero(control.read(&members.points), fields::POINTS);
    let (chosen, _) = or_zero(control.read(&members.chosen), 0);
    let narrow = |value: Option<u32>, bit: u32| or_zero(value.map(u64::from), bit);
    let (constraint, constraint_read) = narrow(control.read(&members.constraint), fields::CONSTRAINT);
    let (gfp, gfp_read) = narrow(control.read(&members.gfp), fields::GFP);
    let (order, order_read) = narrow(control.read(&members.order), fields::ORDER);
    // SAFETY: a map value, written only under the kernel's oom_lock.
    unsafe {
        (*calls).calls += 1;
        (*calls).limit_cgroup_id = limit_cgroup_id;
        (*calls).total_pages = total_pages;
        (*calls).points = points as i64;
        (*calls).chosen = chosen;
        (*calls).tid = task::current_ids().0;
        (*calls).victims = 0;
        (*calls).constraint = constraint as u32;
        (*calls).gfp = gfp as u32;
        (*calls).order = order as i32;
        (*calls).fields =
            limit_read | total_read | points_read | constraint_read | gfp_read | order_read | fields::CALL;
    }
}

/// The call returns: victims that are marked from now on belong to no call.
#[inline(always)]
pub(crate) fn call_end(_: *mut core::ffi::c_void) {
    if let Some(calls) = OOM_CALLS.get_ptr_mut(0) {
        // SAFETY: a map value, written only under the kernel's oom_lock.
        unsafe { (*calls).tid = 0 };
    }
}

/// The open call, if this thread is in it.
#[inline(always)]
fn open_call(tid: u32) -> Option<*mut OomCalls> {
    let calls = OOM_CALLS.get_ptr_mut(0)?;
    // SAFETY: a map value.
    unsafe { ((*calls).tid == tid).then_some(calls) }
}

/// The chosen task of the open call, if it has this thread id: before 6.8 and its backports (72ba14deb40a, mm: update
/// mark_victim tracepoints fields) the event has only the id.
#[inline(always)]
fn chosen(tid: u32) -> Option<Address> {
    let calls = open_call(task::current_ids().0)?;
    // SAFETY: a map value.
    let chosen = Address(unsafe { (*calls).chosen });
    (chosen.read::<u32>(&CONFIG.task.pid)? == tid).then_some(chosen)
}

/// Properties of the victim, from the record or from the task.
#[derive(Default)]
pub(crate) struct Victim {
    pid: u32,
    tid: u32,
    mm: u64,
    cgroup_id: u64,
    anon_rss_bytes: u64,
    file_rss_bytes: u64,
    shmem_rss_bytes: u64,
    oom_score_adj: i32,
    fields: u32,
    comm: [u8; COMM_LEN],
}

/// Finds the victim in the values of `oom:mark_victim`.
pub(crate) trait FindVictim: Values {
    /// The victim; `None` when the event has no task that can be read.
    fn victim(&self) -> Option<Victim>;
}

impl FindVictim for Record<'_> {
    /// The record has all values except the cgroup; the sizes are in kB.
    #[inline(always)]
    fn victim(&self) -> Option<Victim> {
        let layout = &CONFIG.record.victim;
        let pid = self.get(&layout.pid)? as u32;
        let mut victim = Victim { pid, tid: pid, ..Victim::default() };
        if self.read_string(&layout.comm, &mut victim.comm) {
            victim.fields |= fields::VICTIM_COMM;
        }
        if let (Some(anon), Some(file), Some(shmem)) =
            (self.get(&layout.anon_rss), self.get(&layout.file_rss), self.get(&layout.shmem_rss))
        {
            (victim.anon_rss_bytes, victim.file_rss_bytes, victim.shmem_rss_bytes) =
                (anon << 10, file << 10, shmem << 10);
            victim.fields |= fields::VICTIM_RSS;
        }
        if let Some(adj) = self.get(&layout.oom_score_adj) {
            victim.oom_score_adj = i32::from(adj as i16);
            victim.fields |= fields::VICTIM_ADJ;
        }
        Some(victim)
    }
}

impl<const N: usize> FindVictim for Args<N> {
    /// The argument is the task itself, or only its pid before 72ba14deb40a: all values are read from the task.
    #[inline(always)]
    fn victim(&self) -> Option<Victim> {
        let layout = &CONFIG.args.victim;
        let task = match self.get(&layout.task) {
            Some(task) => Address(task),
            None => {
                let pid = self.get(&layout.pid)? as u32;
                match chosen(pid) {
                    Some(task) => task,
                    None => return Some(Victim { pid, tid: pid, ..Victim::default() }),
                }
            }
        };
        let members = &CONFIG.task;
        let mut victim = Victim { tid: task.read(&members.pid)?, ..Victim::default() };
        victim.pid = victim.tid;
        if let Some(tgid) = task.read(&members.tgid) {
            victim.pid = tgid;
            victim.fields |= fields::VICTIM_TGID;
        }
        if let Some(comm) = task.read(&members.comm) {
            victim.comm = comm;
            victim.fields |= fields::VICTIM_COMM;
        }
        if let Some(id) = task::memory_cgroup_of(task) {
            victim.cgroup_id = id;
            victim.fields |= fields::CGROUP;
        }
        if let Some(adj) = task.follow(&members.signal).and_then(|signal| signal.read::<i16>(&members.oom_score_adj)) {
            victim.oom_score_adj = i32::from(adj);
            victim.fields |= fields::VICTIM_ADJ;
        }
        if let Some(mm) = task.follow(&members.mm) {
            victim.mm = mm.0;
            if let Some(rss) = resident(mm) {
                (victim.file_rss_bytes, victim.anon_rss_bytes, victim.shmem_rss_bytes) = rss;
                victim.fields |= fields::VICTIM_RSS;
            }
        }
        Some(victim)
    }
}

/// File, anonymous and shared resident bytes of an mm: counters 0, 1 and 3 of `rss_stat` (`MM_FILEPAGES`,
/// `MM_ANONPAGES`, `MM_SHMEMPAGES` of `include/linux/mm_types_task.h`, the same on all supported kernels).
#[inline(always)]
fn resident(mm: Address) -> Option<(u64, u64, u64)> {
    let stride = u64::from(loaded(&CONFIG.task.rss_stride).offset()?);
    let shift = loaded(&CONFIG.page_shift);
    let bytes = |counter: u64| -> Option<u64> {
        let pages = Address(mm.0 + counter * stride).read::<i64>(&CONFIG.task.rss_stat)?;
        Some((if pages > 0 { pages as u64 } else { 0 }) << shift)
    };
    Some((bytes(0)?, bytes(1)?, bytes(3)?))
}

/// `oom:mark_victim`. The current task is the one that ran out of memory, often not the victim.
#[inline(always)]
pub(crate) fn mark_victim<V: FindVictim>(v: &V) {
    let Some(victim) = v.victim() else { return };
    let (trigger_tid, trigger_tgid) = task::current_ids();
    let mut read = victim.fields;
    if let Some(last) = LAST_RECLAIM.get_ptr(0) {
        // SAFETY: a map value of this CPU.
        unsafe {
            if (*last).tid == trigger_tid {
                read |= (*last).what;
            }
        }
    }
    let mut call = OomCalls::default();
    if let Some(open) = open_call(trigger_tid) {
        // SAFETY: a map value, written only under the kernel's oom_lock.
        unsafe {
            (*open).victims += 1;
            call = *open;
        }
        read |= call.fields;
    }
    // SAFETY: the helper takes no argument and cannot fail.
    let now = unsafe { bpf_ktime_get_ns() };
    emit(Loss::RingOom, Wake::Now, |record: *mut OomRecord| {
        // SAFETY: `record` is the reserved room.
        unsafe {
            record.write(OomRecord {
                header: header::<OomRecord>(KIND_OOM, now),
                cgroup_id: victim.cgroup_id,
                anon_rss_bytes: victim.anon_rss_bytes,
                file_rss_bytes: victim.file_rss_bytes,
                shmem_rss_bytes: victim.shmem_rss_bytes,
                call: call.calls,
                limit_cgroup_id: call.limit_cgroup_id,
                total_pages: call.total_pages,
                points: call.points,
                pid: victim.pid,
                tid: victim.tid,
                trigger_tgid,
                trigger_tid,
                fields: read,
                oom_score_adj: victim.oom_score_adj,
                victim_of_call: call.victims,
                constraint: call.constraint,
                gfp: call.gfp,
                order: call.order,
                comm: victim.comm,
                trigger_comm: task::current_comm(),
            });
        }
    });
    // After the record: the record of the end must come after it.
    freed::expect(&MarkedVictim {
        marked_ns: now,
        mm: victim.mm,
        pid: victim.pid,
        tid: victim.tid,
        fields: read & fields::VICTIM_COMM,
        pad: 0,
        comm: victim.comm,
    });
}
