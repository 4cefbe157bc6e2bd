//! Traces of anything that may happen, made by chance.

mod entries;
mod evictors;
mod meta;
mod stacks;

use std::collections::BTreeMap;

use fastrand::Rng;
use memtrace_common::{
    count::Count,
    kind::StallKind,
    part::Spent,
    refault::RefaultCounts,
    shrinker::ShrinkerTotals,
    totals::{self, KswapdTotals, ORDERS, OtherShrinks},
};

pub(super) use self::entries::entry;
use self::meta::meta;
use memtrace_core::{
    event::Comm,
    session::{
        counters::{CGROUP_COUNTERS, HOST_COUNTERS, KernelCounters, Readings},
        counts::Counts,
        faults::{FaultDeltas, Faults, ProcessFaults},
        histogram::Histogram,
        input::{
            HostSample, InFlight, KernelTotals, KindTotals, NodeRefaults, OpenStall, OwnCost, Pressure, Reported,
            TickInput, Zone,
        },
        sampled::Sampled,
        shrinkers::Shrinkers,
        zones::{StallZones, ZoneStalls},
    },
    throttle::Throttles,
};
use memtrace_trace::model::{ClockReading, End, EndReason, Entry, Meta, Remark, RemarkKind, TickRecord};

pub(super) const S: u64 = 1_000_000_000;

/// One input of an encoder.
#[derive(Clone, Debug)]
pub(super) enum Given {
    Entry(Entry),
    Tick(Box<TickRecord>),
    Remark(Remark),
    Clock(ClockReading),
    End(End),
}

/// A trace: its beginning, the paths of its cgroups, and the inputs that follow.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) meta: Meta,
    pub(super) paths: Vec<(u64, Vec<u8>)>,
    pub(super) given: Vec<Given>,
}

fn maybe<T>(random: &mut Rng, value: impl FnOnce(&mut Rng) -> T) -> Option<T> {
    random.bool().then(|| value(random))
}

/// Small numbers mostly, and now and then a large one.
fn number(random: &mut Rng) -> u64 {
    random.u64(..1 << 50) >> random.u32(..50)
}

fn comm(random: &mut Rng) -> Comm {
    const NAMES: [&[u8]; 6] = [b"java", b"kworker/0:1", b"", b"a\x1b[2J\n", b"\xff\xfe</script>", b"fifteen bytes.."];
    Comm::from(NAMES[random.usize(..NAMES.len())])
}

fn text(random: &mut Rng) -> String {
    format!("text {} \u{202e}", random.u16(..))
}

fn kind(random: &mut Rng) -> StallKind {
    StallKind::ALL[random.usize(..StallKind::COUNT)]
}

fn function(random: &mut Rng) -> u64 {
    [0xffff_ffff_8132_4a10, 0xffff_ffff_c012_0000, 1, u64::MAX][random.usize(..4)]
}

fn shrinkers(random: &mut Rng) -> Shrinkers {
    let sum = |random: &mut Rng| ShrinkerTotals { total_ns: number(random), stalls: number(random) };
    let mut shrinkers = Shrinkers::default();
    for _ in 0..random.usize(..5) {
        let function = function(random);
        shrinkers.totals.insert((kind(random), function), sum(random));
        if random.bool() {
            shrinkers.names.insert(function, text(random).into());
        }
    }
    shrinkers
}

fn refaults(random: &mut Rng) -> RefaultCounts {
    RefaultCounts {
        file_pages: number(random),
        anon_pages: number(random),
        events: number(random),
        activated_pages: number(random),
        restored_pages: number(random),
    }
}

fn kind_totals(random: &mut Rng) -> KindTotals {
    let mut latency = Histogram::default();
    for _ in 0..random.usize(..30) {
        latency.record(number(random));
    }
    KindTotals {
        count: number(random),
        total_ns: number(random),
        max_ns: number(random),
        scanned_pages: number(random),
        reclaimed_pages: number(random),
        spent: Spent::of(std::array::from_fn(|_| number(random))),
        throttles: Throttles::of(std::array::from_fn(|_| number(random))),
        off_cpu_ns: maybe(random, number),
        latency,
    }
}

fn counters(random: &mut Rng) -> KernelCounters {
    let mut some = |names: &[&'static str]| -> BTreeMap<&'static str, u64> {
        names.iter().filter_map(|&name| maybe(random, |random| (name, random.u64(..1 << 40)))).collect()
    };
    let host = some(&HOST_COUNTERS);
    let cgroup = some(&CGROUP_COUNTERS);
    KernelCounters {
        host,
        scans_count_memcg: maybe(random, |random| random.bool()),
        cgroup: random.bool().then_some(cgroup),
    }
}

fn readings(random: &mut Rng) -> Readings {
    Readings { before: counters(random), after: counters(random) }
}

fn zones(random: &mut Rng) -> Vec<Zone> {
    let zone = |nid, name: &str, random: &mut Rng| Zone {
        nid,
        name: name.into(),
        free_pages: number(random),
        min_pages: number(random),
        low_pages: number(random),
        high_pages: number(random),
        managed_pages: number(random),
    };
    vec![zone(0, "DMA32", random), zone(0, "Normal", random), zone(1, "Normal", random)]
}

fn open(random: &mut Rng) -> OpenStall {
    OpenStall {
        pid: random.u32(..),
        tid: random.u32(..),
        comm: maybe(random, comm),
        kind: kind(random),
        begin_ns: number(random),
    }
}

fn faults(random: &mut Rng) -> FaultDeltas {
    let mut processes = Vec::new();
    let mut cgroups = Vec::new();
    for pid in 1..random.u32(1..25) {
        processes.push(ProcessFaults {
            pid,
            process_start_ns: (pid > 3).then(|| u64::from(pid) << 30),
            comm: comm(random),
            cgroup_id: maybe(random, |random| random.u64(..5) << 20),
            faults: Faults { refaults: refaults(random), major_faults: number(random), swapin_pages: number(random) },
        });
    }
    random.shuffle(&mut processes);
    for id in 0..random.u64(..4) {
        cgroups.push((id << 20, refaults(random)));
    }
    let sampled = maybe(random, |random| Sampled {
        counted_ns: random.u64(..1 << 30),
        of_ns: random.u64(1 << 30..1 << 31),
        windows: random.u64(..100),
    });
    FaultDeltas { processes, cgroups, sampled }
}

fn shrinks(random: &mut Rng) -> OtherShrinks {
    OtherShrinks { scanned_pages: number(random), reclaimed_pages: number(random) }
}

fn orders(random: &mut Rng) -> [u64; ORDERS] {
    std::array::from_fn(|order| if order < 3 { number(random) } else { 0 })
}

fn zone_stalls(nid: u32, name: &str, random: &mut Rng) -> ZoneStalls {
    ZoneStalls {
        nid,
        name: name.into(),
        below_min: number(random),
        below_low: number(random),
        below_high: number(random),
        above_high: number(random),
        boosted: number(random),
        plenty_elsewhere: number(random),
        free_pages: number(random),
        least_free_pages: maybe(random, number),
    }
}

pub(super) fn tick(random: &mut Rng, t_ns: u64) -> TickRecord {
    let kswapd = |random: &mut Rng| KswapdTotals {
        rounds: number(random),
        wakes: number(random),
        sleeps: number(random),
        wakeups: number(random),
        busy_ns: number(random),
        scanned_pages: number(random),
        reclaimed_pages: number(random),
        soft_limit_ns: number(random),
        last_ns: number(random),
        balances: number(random),
        failures: number(random),
        hopeless: number(random),
        cleared: number(random),
        wakeups_by_order: orders(random),
        rounds_by_order: orders(random),
        awake: random.u32(..2),
        tid: random.u32(..),
        failures_in_a_row: random.u32(..),
        most_failures_in_a_row: random.u32(..),
        failures_from: random.u32(..3),
        pad: 0,
    };
    let totals = KernelTotals {
        stalls: (0..random.usize(..4)).map(|n| (StallKind::ALL[n], kind_totals(random))).collect(),
        own: kind_totals(random),
        kswapd: (0..random.u32(..3)).map(|nid| (nid, kswapd(random))).collect(),
        refaults: maybe(random, refaults),
        own_refaults: maybe(random, refaults),
        shrinkers: shrinkers(random),
        proactive: maybe(random, kind_totals),
        other_shrinks: shrinks(random),
        node_shrinks: (0..random.u32(..3)).map(|nid| (nid, shrinks(random))).collect(),
        zones: maybe(random, |random| StallZones {
            zones: vec![zone_stalls(0, "DMA32", random), zone_stalls(1, "Normal", random)],
            unread: number(random),
        }),
        in_flight: [(kind(random), InFlight { stalls: random.u64(..99), scanned_pages: random.u64(..1 << 39) })].into(),
        open: (0..random.usize(..3)).map(|_| open(random)).collect(),
        counts: Counts::of([(); Count::COUNT].map(|()| maybe(random, number))),
        loss: totals::Loss::ALL.into_iter().map(|loss| (loss.name(), number(random))).collect(),
    };
    let share = |random: &mut Rng| f64::from(random.u32(..10_000)) / 100.0;
    let host = HostSample {
        pressure: maybe(random, |random| Pressure {
            some_avg: [share(random), share(random), share(random)],
            full_avg: [share(random), 0.0, 100.0],
            some_total_ns: number(random),
            full_total_ns: number(random),
        }),
        // A sample names no counter that it is read from.
        memory: None,
        zones: if random.u8(..5) == 0 { Vec::new() } else { zones(random) },
        node_refaults: vec![NodeRefaults { nid: 0, file_pages: number(random), anon_pages: number(random) }],
        own: OwnCost {
            cpu_ns: maybe(random, number),
            rss_bytes: maybe(random, number),
            bpf_ns: maybe(random, number),
            bpf_runs: maybe(random, number),
        },
        counters: maybe(random, readings),
        ooms_pending: random.u64(..3),
    };
    TickRecord {
        input: TickInput {
            t_ns,
            stacks: Some(stacks::stacks(random, t_ns)),
            evictors: maybe(random, evictors::evictors),
            totals,
            host,
            faults: faults(random),
            lost: [number(random), 0, number(random), 1, 0, 2],
            reported: std::array::from_fn(|_| Reported {
                count: number(random),
                total_ns: number(random),
                longest_ns: number(random),
            }),
        },
        vmstat: (0..5).map(|_| number(random)).collect(),
        meminfo_bytes: (0..3).map(|_| number(random) << 10).collect(),
        unrecorded_processes: Vec::new(),
        unrecorded_cgroups: Vec::new(),
    }
}

/// The next tick, whose totals are not below those of the previous one.
pub(super) fn later(random: &mut Rng, t_ns: u64, before: Option<&TickRecord>) -> TickRecord {
    let mut next = tick(random, t_ns);
    let Some(before) = before.map(|before| &before.input) else { return next };
    let up = |now: &mut KindTotals, old: &KindTotals| {
        (now.count, now.total_ns) = (now.count.max(old.count), now.total_ns.max(old.total_ns));
    };
    for (kind, old) in &before.totals.stalls {
        next.input.totals.stalls.entry(*kind).and_modify(|now| up(now, old)).or_insert_with(|| old.clone());
    }
    up(&mut next.input.totals.own, &before.totals.own);
    for (now, old) in next.input.reported.iter_mut().zip(&before.reported) {
        (now.count, now.total_ns) = (now.count.max(old.count), now.total_ns.max(old.total_ns));
    }
    next
}

/// A whole trace of about `entries` entries a second.
pub(super) fn sample(seed: u64, seconds: u64, entries: usize) -> Sample {
    sample_after(None, seed, seconds, entries)
}

/// A whole trace that follows this tick.
pub(super) fn sample_after(before: Option<&TickRecord>, seed: u64, seconds: u64, entries: usize) -> Sample {
    let random = &mut Rng::with_seed(seed);
    let meta = meta(random);
    let start_ns = before.map_or(100 * S, |before| before.input.t_ns);
    let mut last = before.cloned();
    let mut given = Vec::new();
    for second in 1..=seconds {
        let t_ns = start_ns + second * S;
        for _ in 0..random.usize(..=2 * entries) {
            let at = t_ns - random.u64(..S);
            given.push(Given::Entry(entry(random, at)));
        }
        let tick = later(random, t_ns, last.as_ref());
        last = Some(tick.clone());
        given.push(Given::Tick(Box::new(tick)));
        if random.u8(..4) == 0 {
            let kind = [RemarkKind::Trigger, RemarkKind::EventsStopped, RemarkKind::Changed, RemarkKind::BlockBegin]
                [random.usize(..4)];
            given.push(Given::Remark(Remark { t_ns, kind, text: text(random).into() }));
            given.push(Given::Clock(ClockReading { monotonic_ns: t_ns, boottime_ns: t_ns, realtime_ns: -5 }));
        }
    }
    let t_ns = start_ns + seconds * S;
    let lost = [1, 2, 0, 4, 0, 3];
    given.push(Given::End(End { t_ns, reason: EndReason::Done, open: vec![open(random)], lost }));
    let paths = (0..6).map(|n| (n << 20, format!("/cgroup {n} \x1b[2J").into_bytes())).collect();
    Sample { meta, paths, given }
}

impl Sample {
    /// The last tick.
    pub(super) fn last_tick(&self) -> Option<&TickRecord> {
        self.given.iter().rev().find_map(|given| match given {
            Given::Tick(tick) => Some(&**tick),
            _ => None,
        })
    }
}
