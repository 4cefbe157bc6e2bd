//! OOM kills of all sorts.

use memtrace_core::event::{Comm, Constraint, Freed, FreedBy, LastReclaim, MemoryBack, Oom, OomCall, Trigger, Victim};

use crate::fixture::{HOSTILE, MS, S};

pub(crate) fn oom() -> Oom {
    Oom {
        t_ns: 100 * S + 500 * MS,
        victim: Victim {
            pid: 66,
            tid: 66,
            comm: Some(Comm::from(HOSTILE)),
            cgroup_id: Some(43),
            anon_rss_bytes: Some(512 << 20),
            file_rss_bytes: Some(4096),
            shmem_rss_bytes: Some(0),
            oom_score_adj: Some(-17),
        },
        trigger: Trigger { pid: 1234, comm: Comm::from(b"java".as_slice()) },
        constraint: Some(Constraint::Memcg),
        call: Some(OomCall {
            number: 3,
            victim: 1,
            constraint: Some(Constraint::Memcg),
            cgroup_id: Some(43),
            order: Some(0),
            gfp: Some(0xcc0),
            points: Some(131_072),
            total_pages: Some(262_144),
        }),
        last_reclaim: Some(LastReclaim::Memcg),
        logged: Some(Constraint::Memcg),
        memory_back: Some(MemoryBack { after_ns: 12_300_000, by: FreedBy::Exit }),
        dying: false,
    }
}

/// Nothing read of the victim but its pid, and nothing of the call.
pub(crate) fn bare_oom() -> Oom {
    Oom {
        t_ns: oom().t_ns,
        victim: Victim { pid: 77, tid: 77, ..Victim::default() },
        trigger: oom().trigger,
        ..Oom::default()
    }
}

/// A further victim of the same call, a kill by sysrq f, one whose signs disagree, and a dying victim.
pub(crate) fn odd_ooms() -> [Oom; 4] {
    let call = oom().call.unwrap();
    [
        Oom { call: Some(OomCall { victim: 2, ..call }), ..oom() },
        Oom {
            call: Some(OomCall {
                constraint: None,
                cgroup_id: None,
                order: Some(-1),
                gfp: None,
                points: None,
                total_pages: None,
                ..call
            }),
            ..bare_oom()
        },
        Oom {
            last_reclaim: Some(LastReclaim::Global),
            logged: Some(Constraint::None),
            memory_back: Some(MemoryBack { after_ns: 2_100_000_000, by: FreedBy::Reaper }),
            ..oom()
        },
        Oom { dying: true, ..bare_oom() },
    ]
}

pub(crate) fn freed() -> Freed {
    let victim = oom().victim;
    Freed {
        t_ns: oom().t_ns + 800 * MS,
        marked_ns: oom().t_ns,
        pid: victim.pid,
        tid: victim.tid,
        comm: victim.comm,
        by: FreedBy::Exit,
    }
}
