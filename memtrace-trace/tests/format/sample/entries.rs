//! Entries of blocks of events: anything that may happen, made by chance.

use fastrand::Rng;
use memtrace_common::{part::Part, record::KswapdStep};
use memtrace_core::{
    event::{
        Constraint, Event, Freed, FreedBy, Kswapd, LastReclaim, MemoryBack, OffCpu, Oom, OomCall, PartTimes, Stall,
        TopShrinker, Trigger, Victim,
    },
    source::Source,
    throttle::Throttles,
};
use memtrace_trace::model::Entry;

use super::{comm, function, kind, maybe, number};

fn stall(random: &mut Rng, t_ns: u64) -> Stall {
    let pid = random.u32(1..20);
    let times: [Option<u64>; Part::COUNT] = std::array::from_fn(|_| maybe(random, number));
    let times = PartTimes::of(|part| times[part as usize]);
    Stall {
        t_ns,
        dur_ns: number(random),
        kind: kind(random),
        source: [Source::True, Source::LowerBound, Source::Estimated][random.usize(..3)],
        pid,
        tid: pid + random.u32(..3),
        comm: comm(random),
        process_start_ns: (pid > 3).then(|| u64::from(pid) << 30),
        cgroup_id: (pid > 5).then_some(u64::from(pid / 4) << 20),
        nid: maybe(random, |random| random.u32(..4)),
        order: maybe(random, |random| random.i32(-1..11)),
        gfp: maybe(random, |random| [0xcc0, 0x0110_0cca, u32::MAX][random.usize(..3)]),
        scanned_pages: maybe(random, number),
        reclaimed_pages: maybe(random, number),
        times,
        throttles: match times.get(Part::Throttle) {
            None | Some(0) => Throttles::default(),
            Some(_) => Throttles::of(std::array::from_fn(|_| number(random))),
        },
        off_cpu: maybe(random, |random| [OffCpu::Measured, OffCpu::Estimated][random.usize(..2)](number(random))),
        top_shrinker: maybe(random, |random| TopShrinker { function: function(random), ns: number(random) }),
    }
}

pub(super) fn constraint(random: &mut Rng) -> Option<Constraint> {
    let all = [Constraint::Memcg, Constraint::None, Constraint::Cpuset, Constraint::Mempolicy];
    maybe(random, |random| all[random.usize(..4)])
}

fn oom(random: &mut Rng, t_ns: u64) -> Oom {
    Oom {
        t_ns,
        victim: Victim {
            pid: random.u32(..),
            tid: random.u32(..),
            comm: maybe(random, comm),
            cgroup_id: maybe(random, number),
            anon_rss_bytes: maybe(random, number),
            file_rss_bytes: maybe(random, number),
            shmem_rss_bytes: maybe(random, number),
            oom_score_adj: maybe(random, |random| random.i32(-1000..=1000)),
        },
        trigger: Trigger { pid: random.u32(..), comm: comm(random) },
        constraint: constraint(random),
        call: maybe(random, oom_call),
        dying: random.bool(),
        last_reclaim: maybe(random, |random| [LastReclaim::Memcg, LastReclaim::Global][random.usize(..2)]),
        logged: constraint(random),
        memory_back: maybe(random, |random| MemoryBack { after_ns: number(random), by: freed_by(random) }),
    }
}

fn oom_call(random: &mut Rng) -> OomCall {
    OomCall {
        number: number(random),
        victim: random.u32(..),
        constraint: constraint(random),
        cgroup_id: maybe(random, number),
        order: maybe(random, |random| random.i32(-1..=10)),
        gfp: maybe(random, |random| random.u32(..)),
        points: maybe(random, |random| random.i64(..)),
        total_pages: maybe(random, number),
    }
}

fn freed_by(random: &mut Rng) -> FreedBy {
    [FreedBy::Exit, FreedBy::Reaper][random.usize(..2)]
}

fn freed(random: &mut Rng, t_ns: u64) -> Freed {
    Freed {
        t_ns,
        marked_ns: number(random),
        pid: random.u32(..),
        tid: random.u32(..),
        comm: maybe(random, comm),
        by: freed_by(random),
    }
}

fn kswapd(random: &mut Rng, t_ns: u64) -> Kswapd {
    Kswapd {
        t_ns,
        nid: random.u32(..4),
        step: [KswapdStep::Wakeup, KswapdStep::Wake, KswapdStep::Sleep][random.usize(..3)],
        order: maybe(random, |random| random.i32(-1..11)),
        gfp: maybe(random, |random| random.u32(..)),
        waker: maybe(random, |random| Trigger { pid: random.u32(..9), comm: comm(random) }),
    }
}

pub(crate) fn entry(random: &mut Rng, t_ns: u64) -> Entry {
    let process_start_ns = |pid: u32| (pid > 3).then(|| u64::from(pid) << 30);
    let pid = random.u32(1..20);
    match random.u32(..20) {
        0 => Entry::Event(Event::Oom(oom(random, t_ns))),
        5 => Entry::Event(Event::Freed(freed(random, t_ns))),
        1 | 2 => Entry::Event(Event::Kswapd(kswapd(random, t_ns))),
        3 => Entry::Name { pid, process_start_ns: process_start_ns(pid), comm: comm(random) },
        4 => Entry::Mark {
            pid,
            process_start_ns: process_start_ns(pid),
            in_command: maybe(random, |random| random.bool()),
        },
        _ => Entry::Event(Event::Stall(stall(random, t_ns))),
    }
}
