//! OOM kills: victim and trigger, which are often not the same task.

use aya_ebpf::helpers::bpf_ktime_get_ns;
use memtrace_common::{
    record::{COMM_LEN, KIND_OOM, OomRecord, fields},
    totals::Loss,
};

use crate::{
    config::{CONFIG, loaded},
    emit::{Wake, emit, header},
    fields::{Record, Values},
    maps::LAST_RECLAIM,
    task::{self, Address},
};

/// Remembers what the current thread has just ended on this CPU. An OOM kill follows at once, in the same task.
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

/// What the victim is, however it was found.
#[derive(Default)]
pub(crate) struct Victim {
    pid: u32,
    tid: u32,
    cgroup_id: u64,
    anon_rss_bytes: u64,
    file_rss_bytes: u64,
    shmem_rss_bytes: u64,
    oom_score_adj: i32,
    fields: u32,
    comm: [u8; COMM_LEN],
}

/// Finding the victim in the values of `oom:mark_victim`.
pub(crate) trait FindVictim: Values {
    /// `None` when the event names nobody that can be read.
    fn victim(&self) -> Option<Victim>;
}

impl FindVictim for Record<'_> {
    /// The record names all but the cgroup; the sizes are in kB.
    #[inline(always)]
    fn victim(&self) -> Option<Victim> {
        let places = &CONFIG.record.victim;
        let pid = self.get(&places.pid)? as u32;
        let mut victim = Victim { pid, tid: pid, ..Victim::default() };
        if self.read_string(&places.comm, &mut victim.comm) {
            victim.fields |= fields::VICTIM_COMM;
        }
        if let (Some(anon), Some(file), Some(shmem)) =
            (self.get(&places.anon_rss), self.get(&places.file_rss), self.get(&places.shmem_rss))
        {
            (victim.anon_rss_bytes, victim.file_rss_bytes, victim.shmem_rss_bytes) =
                (anon << 10, file << 10, shmem << 10);
            victim.fields |= fields::VICTIM_RSS;
        }
        if let Some(adj) = self.get(&places.oom_score_adj) {
            victim.oom_score_adj = i32::from(adj as i16);
            victim.fields |= fields::VICTIM_ADJ;
        }
        Some(victim)
    }
}

impl<const N: usize> FindVictim for crate::fields::Args<N> {
    /// The argument is the task itself (or, before 6.8, its pid alone): all is read from the task.
    #[inline(always)]
    fn victim(&self) -> Option<Victim> {
        let places = &CONFIG.args.victim;
        let Some(task) = self.get(&places.task) else {
            let pid = self.get(&places.pid)? as u32;
            return Some(Victim { pid, tid: pid, ..Victim::default() });
        };
        let (task, members) = (Address(task), &CONFIG.task);
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
        if let Some(rss) = task.follow(&members.mm).and_then(resident) {
            (victim.file_rss_bytes, victim.anon_rss_bytes, victim.shmem_rss_bytes) = rss;
            victim.fields |= fields::VICTIM_RSS;
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

/// `oom:mark_victim`. The current task is the one that ran out, often not the victim.
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
                pid: victim.pid,
                tid: victim.tid,
                trigger_tgid,
                trigger_tid,
                fields: read,
                oom_score_adj: victim.oom_score_adj,
                comm: victim.comm,
                trigger_comm: task::current_comm(),
            });
        }
    });
}
