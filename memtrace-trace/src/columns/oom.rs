//! OOM kills and the ends of their victims as messages, and back.

use crate::wire;
use memtrace_core::event::{Comm, Constraint, Freed, FreedBy, LastReclaim, MemoryBack, Oom, OomCall, Trigger, Victim};

pub(super) fn encode_oom(oom: &Oom) -> wire::Oom {
    let victim = &oom.victim;
    wire::Oom {
        pid: victim.pid,
        tid: victim.tid,
        comm: victim.comm.map(|comm| comm.bytes().to_vec()),
        cgroup_id: victim.cgroup_id,
        anon_rss_bytes: victim.anon_rss_bytes,
        file_rss_bytes: victim.file_rss_bytes,
        shmem_rss_bytes: victim.shmem_rss_bytes,
        oom_score_adj: victim.oom_score_adj,
        trigger_pid: oom.trigger.pid,
        trigger_comm: oom.trigger.comm.bytes().to_vec(),
        constraint: encode_constraint(oom.constraint),
        call: oom.call.as_ref().map(encode_call),
        dying: oom.dying,
        last_reclaim: match oom.last_reclaim {
            None => 0,
            Some(LastReclaim::Memcg) => 1,
            Some(LastReclaim::Global) => 2,
        },
        logged: encode_constraint(oom.logged),
        back_after_ns: oom.memory_back.map(|back| back.after_ns),
        back_by: oom.memory_back.map_or(0, |back| encode_by(back.by)),
    }
}

pub(super) fn decode_oom(oom: &wire::Oom, t_ns: u64) -> Oom {
    Oom {
        t_ns,
        victim: Victim {
            pid: oom.pid,
            tid: oom.tid,
            comm: oom.comm.as_deref().map(Comm::from),
            cgroup_id: oom.cgroup_id,
            anon_rss_bytes: oom.anon_rss_bytes,
            file_rss_bytes: oom.file_rss_bytes,
            shmem_rss_bytes: oom.shmem_rss_bytes,
            oom_score_adj: oom.oom_score_adj,
        },
        trigger: Trigger { pid: oom.trigger_pid, comm: Comm::from(oom.trigger_comm.as_slice()) },
        constraint: decode_constraint(oom.constraint),
        call: oom.call.as_ref().map(decode_call),
        dying: oom.dying,
        last_reclaim: match oom.last_reclaim {
            1 => Some(LastReclaim::Memcg),
            2 => Some(LastReclaim::Global),
            _ => None,
        },
        logged: decode_constraint(oom.logged),
        memory_back: oom.back_after_ns.map(|after_ns| MemoryBack { after_ns, by: decode_by(oom.back_by) }),
    }
}

fn encode_call(call: &OomCall) -> wire::OomCall {
    wire::OomCall {
        number: call.number,
        victim: call.victim,
        constraint: encode_constraint(call.constraint),
        cgroup_id: call.cgroup_id,
        order: call.order,
        gfp: call.gfp,
        points: call.points,
        total_pages: call.total_pages,
    }
}

fn decode_call(call: &wire::OomCall) -> OomCall {
    OomCall {
        number: call.number,
        victim: call.victim,
        constraint: decode_constraint(call.constraint),
        cgroup_id: call.cgroup_id,
        order: call.order,
        gfp: call.gfp,
        points: call.points,
        total_pages: call.total_pages,
    }
}

/// The message of a victim's freed memory, which came before the entry with the index `at`.
pub(super) fn encode_freed(freed: &Freed, at: u32) -> wire::Freed {
    wire::Freed {
        at,
        t_ns: freed.t_ns,
        marked_ns: freed.marked_ns,
        pid: freed.pid,
        tid: freed.tid,
        comm: freed.comm.map(|comm| comm.bytes().to_vec()),
        by: encode_by(freed.by),
    }
}

pub(super) fn decode_freed(freed: &wire::Freed) -> Freed {
    Freed {
        t_ns: freed.t_ns,
        marked_ns: freed.marked_ns,
        pid: freed.pid,
        tid: freed.tid,
        comm: freed.comm.as_deref().map(Comm::from),
        by: decode_by(freed.by),
    }
}

const fn encode_by(by: FreedBy) -> u32 {
    match by {
        FreedBy::Exit => 0,
        FreedBy::Reaper => 1,
    }
}

const fn decode_by(number: u32) -> FreedBy {
    if number == 1 { FreedBy::Reaper } else { FreedBy::Exit }
}

/// The number of a constraint in the schema.
pub(crate) fn encode_constraint(constraint: Option<Constraint>) -> u32 {
    match constraint {
        None => 0,
        Some(Constraint::Memcg) => 1,
        Some(Constraint::None) => 2,
        Some(Constraint::Cpuset) => 3,
        Some(Constraint::Mempolicy) => 4,
    }
}

/// The constraint with this number in the schema.
pub(crate) fn decode_constraint(number: u32) -> Option<Constraint> {
    match number {
        1 => Some(Constraint::Memcg),
        2 => Some(Constraint::None),
        3 => Some(Constraint::Cpuset),
        4 => Some(Constraint::Mempolicy),
        _ => None,
    }
}
