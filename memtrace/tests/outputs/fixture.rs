//! One small incident, told by events and totals, with names that mean harm.

mod evictors;
mod zones;

use std::{collections::BTreeMap, sync::Arc};

use jiff::{Timestamp, tz::TimeZone};
use memtrace::{
    before::{BeforeStart, PastOom, TaskInReclaim},
    clock::Clock,
    event::{Comm, Constraint, Event, Kswapd, Stall, TopShrinker, Trigger},
    gfp::GfpNames,
    names::Names,
    session::{
        Session, SessionConfig,
        coverage::{Baseline, KernelCounters, Readings},
        faults::{FaultDeltas, Faults, FaultsRead, ProcessFaults},
        filter::Filter,
        input::{HostSample, KernelTotals, KindTotals, NodeRefaults, OpenStall, OwnCost, Pressure, Zone},
        loss::Loss,
        memory::Memory,
        shrinkers::Shrinkers,
        stacks::{StackDeltas, StackKey, StackSum},
        summary::Summary,
        tick::Tick,
    },
    source::{Source, Sources},
    stack::{Frame, Stack},
    throttle::Throttles,
};
use memtrace_common::{
    kind::StallKind,
    record::KswapdStep,
    refault::RefaultCounts,
    shrinker::ShrinkerTotals,
    totals::{KswapdTotals, Loss as KernelLoss, ORDERS, OtherShrinks, failures_from},
};

use self::zones::stall_zones;
use crate::kills::oom;

/// Addresses of shrinkers, one of which gets no name.
const SUPER_CACHE_SCAN: u64 = 0xffff_ffff_8132_4a10;
const NAMELESS: u64 = 0xffff_ffff_c012_0000;

pub(crate) const S: u64 = 1_000_000_000;
pub(crate) const MS: u64 = 1_000_000;
/// A name that would clear the screen, and one that would forge a line.
pub(crate) const HOSTILE: &[u8] = b"\x1b[2J\nOOM\xff";

pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) cgroups: BTreeMap<u64, Vec<u8>>,
    pub(crate) gfp: GfpNames,
}

pub(crate) fn world() -> World {
    let mut bits = [const { None }; 32];
    for (bit, name) in [(6, "IO"), (7, "FS"), (10, "DIRECT_RECLAIM"), (11, "KSWAPD_RECLAIM"), (13, "NOWARN")] {
        bits[bit] = Some(format!("__GFP_{name}").into());
    }
    World {
        clock: Clock { mono_ns: 0, wall: Timestamp::from_second(1_700_000_000).unwrap(), zone: TimeZone::UTC },
        cgroups: [
            (42, b"/kubepods.slice/kubepods-burstable.slice/pod1234/java".to_vec()),
            (43, b"/evil\x1b]0;owned\x07\"</script>".to_vec()),
        ]
        .into(),
        gfp: GfpNames::from_bits(&bits),
    }
}

impl World {
    pub(crate) fn names(&self) -> Names<'_> {
        Names { clock: &self.clock, cgroups: &self.cgroups, gfp: &self.gfp }
    }
}

pub(crate) fn stall() -> Stall {
    Stall {
        t_ns: 100 * S + 123 * MS,
        dur_ns: 3_210_000,
        kind: StallKind::Direct,
        source: Source::LowerBound,
        pid: 1234,
        tid: 1240,
        comm: Comm::from(b"java".as_slice()),
        process_start_ns: Some(5 * S),
        cgroup_id: Some(42),
        nid: None,
        order: Some(0),
        gfp: Some(0x2cc0),
        scanned_pages: Some(1024),
        reclaimed_pages: Some(320),
        throttled_ns: Some(300_000),
        throttles: Throttles::of([200_000, 0, 100_000, 0]),
        scan_ns: Some(1_500_000),
        soft_limit_ns: Some(0),
        shrinkers_ns: Some(1_000_000),
        top_shrinker: Some(TopShrinker { function: SUPER_CACHE_SCAN, ns: 900_000 }),
        nested_ns: None,
        off_cpu: None,
    }
}

/// Nothing read, a hostile name, long.
pub(crate) fn bare_stall() -> Stall {
    Stall {
        dur_ns: 1_900 * MS,
        kind: StallKind::Memcg,
        comm: Comm::from(HOSTILE),
        pid: 66,
        tid: 66,
        process_start_ns: None,
        cgroup_id: Some(43),
        order: None,
        gfp: None,
        scanned_pages: None,
        reclaimed_pages: None,
        throttled_ns: None,
        throttles: Throttles::default(),
        scan_ns: None,
        soft_limit_ns: None,
        shrinkers_ns: None,
        top_shrinker: None,
        nested_ns: None,
        off_cpu: None,
        ..stall()
    }
}

pub(crate) fn kswapd(step: KswapdStep) -> Kswapd {
    let wakeup = step == KswapdStep::Wakeup;
    Kswapd {
        t_ns: 100 * S + 200 * MS,
        nid: 0,
        step,
        order: (step != KswapdStep::Sleep).then_some(0),
        gfp: wakeup.then_some(0xcc0),
        waker: wakeup.then(|| Trigger { pid: 1234, comm: Comm::from(b"java".as_slice()) }),
    }
}

fn totals(stalls: &[Stall]) -> KernelTotals {
    let mut totals = KernelTotals::default();
    totals.stalls.entry(StallKind::Node).or_default();
    for stall in stalls {
        let kind = totals.stalls.entry(stall.kind).or_default();
        kind.count += 1;
        kind.total_ns += stall.dur_ns;
        kind.max_ns = kind.max_ns.max(stall.dur_ns);
        kind.scanned_pages += stall.scanned_pages.unwrap_or(0);
        kind.reclaimed_pages += stall.reclaimed_pages.unwrap_or(0);
        kind.scan_ns += stall.scan_ns.unwrap_or(0);
        kind.shrinkers_ns += stall.shrinkers_ns.unwrap_or(0);
        kind.latency.record(stall.dur_ns);
    }
    totals.loss = KernelLoss::ALL.iter().map(|loss| (loss.name(), 0)).collect();
    totals
}

pub(crate) fn host() -> HostSample {
    let zone = |nid, name: &str, free_pages| Zone {
        nid,
        name: name.into(),
        free_pages,
        min_pages: 1000,
        low_pages: 1250,
        high_pages: 1500,
        managed_pages: 1 << 20,
    };
    HostSample {
        pressure: Some(Pressure {
            some_avg: [12.34, 4.5, 1.25],
            full_avg: [4.4, 1.0, 0.0],
            some_total_ns: 9 * S,
            full_total_ns: 2 * S,
        }),
        memory: Some(Memory {
            total_bytes: Some(8 << 30),
            available_bytes: Some(1 << 30),
            swap_total_bytes: Some(2 << 30),
            swap_free_bytes: Some(1 << 29),
            swapped_in_pages: Some(1000),
            swapped_out_pages: None,
        }),
        zones: vec![zone(0, "DMA32", 90_000), zone(0, "Normal", 1400), zone(1, "Normal", 30_000)],
        node_refaults: vec![
            NodeRefaults { nid: 0, file_pages: 10_000, anon_pages: 25 },
            NodeRefaults { nid: 1, file_pages: 15, anon_pages: 0 },
        ],
        own: OwnCost { cpu_ns: Some(12 * MS), rss_bytes: Some(21 << 20), bpf_ns: None },
        counters: None,
        ooms_pending: 0,
    }
}

/// The kernel counted retries, scans that memtrace missed, and refaults that it does not trace.
const COUNTERS: [(&str, u64); 12] = [
    ("allocstall", 109),
    ("pgscan_direct", 110_740),
    ("pgsteal_direct", 33_000),
    ("pgscan_kswapd", 50_000),
    ("pgsteal_kswapd", 30_000),
    ("pgscan", 157_620),
    ("pgsteal", 63_000),
    ("workingset_refault_file", 9_015),
    ("oom_kill", 1),
    ("pgscan_direct_throttle", 4),
    ("kswapd_low_wmark_hit_quickly", 6),
    ("kswapd_high_wmark_hit_quickly", 31),
];

/// The same counters before and after: all of them 1 at attach.
fn counters(at_attach: bool) -> Readings {
    let count = |n| if at_attach { 1 } else { n + 1 };
    let now = KernelCounters {
        host: COUNTERS.iter().map(|(name, n)| (*name, count(*n))).collect(),
        scans_count_memcg: Some(false),
        cgroup: None,
    };
    Readings { before: now.clone(), after: now }
}

/// A calm second: nothing stalled, no kswapd seen, no PSI, scans unread.
pub(crate) fn calm() -> (Tick, Summary) {
    let config = SessionConfig { start_ns: 99 * S, scans_read: false, ..SessionConfig::default() };
    let mut session = Session::new(config);
    let tick = session.tick(100 * S, &totals(&[]), &HostSample::default());
    (tick, session.summary())
}

/// Counts by order.
fn by_order(counts: &[(usize, u64)]) -> [u64; ORDERS] {
    let mut orders = [0; ORDERS];
    counts.iter().for_each(|(order, n)| orders[*order] = *n);
    orders
}

/// A bad second: stalls of two kinds, two kswapds, an OOM kill, and records lost.
pub(crate) fn incident(filter: Filter) -> (Tick, Summary) {
    let world = world();
    let config = SessionConfig {
        start_ns: 99 * S,
        own_pid: 4242,
        filter,
        processes: 3,
        stacks: true,
        ..SessionConfig::default()
    };
    let mut session = Session::new(config);
    let read = FaultsRead { refaults: Some("workingset_refault"), fate: true, major_faults: true, swapins: false };
    session.begin(99 * S, true, false, read, Sources::EVENTS);
    let mut stalls: Vec<_> = (1..=100).map(|i| Stall { dur_ns: i * MS / 4, ..stall() }).collect();
    stalls.push(bare_stall());
    stalls.extend((0..3).map(|i| Stall { pid: 2000 + i, comm: Comm::from(b"sh".as_slice()), ..stall() }));
    for stall in &stalls {
        session.apply(&Event::Stall(*stall), &world.cgroups);
    }
    session.apply(&Event::Oom(oom()), &world.cgroups);
    for step in [KswapdStep::Wakeup, KswapdStep::Wake] {
        session.apply(&Event::Kswapd(kswapd(step)), &world.cgroups);
    }
    // Two stalls whose records did not fit the ring.
    stalls.extend([stall(), stall()]);
    let mut totals = totals(&stalls);
    totals.loss.insert(KernelLoss::RingStall.name(), 2);
    totals.own.count = 1;
    totals.own.total_ns = 40_000;
    totals.own.max_ns = 40_000;
    let open = |tid, comm, begin_ns| OpenStall { pid: 1234, tid, comm, kind: StallKind::Direct, begin_ns };
    totals.open = vec![open(1241, Some(Comm::from(HOSTILE)), 88 * S), open(1242, None, 100 * S)];
    totals.shrinkers = Shrinkers {
        totals: [(SUPER_CACHE_SCAN, 95_400_000), (NAMELESS, 10_600_000)]
            .map(|(function, total_ns)| ((StallKind::Direct, function), ShrinkerTotals { total_ns, stalls: 106 }))
            .into(),
        names: [(SUPER_CACHE_SCAN, "super_cache_scan".into())].into(),
    };
    totals.proactive = Some(KindTotals {
        count: 2,
        total_ns: 9 * MS,
        max_ns: 7 * MS,
        scanned_pages: 60,
        reclaimed_pages: 20,
        ..KindTotals::default()
    });
    totals.other_shrinks = OtherShrinks { scanned_pages: 40, reclaimed_pages: 30 };
    let node = KswapdTotals {
        rounds: 9,
        wakes: 1,
        wakeups: 1,
        busy_ns: 300 * MS,
        balances: 9,
        failures: 18,
        hopeless: 1,
        wakeups_by_order: by_order(&[(0, 1)]),
        rounds_by_order: by_order(&[(0, 7), (3, 2)]),
        failures_in_a_row: 16,
        most_failures_in_a_row: 16,
        failures_from: failures_from::EVENTS,
        scanned_pages: 50_000,
        reclaimed_pages: 30_000,
        last_ns: 100 * S + 200 * MS,
        awake: 1,
        tid: 60,
        ..KswapdTotals::default()
    };
    totals.kswapd = [(0, node), (1, KswapdTotals::default())].into();
    let shrinks = |scanned_pages, reclaimed_pages| OtherShrinks { scanned_pages, reclaimed_pages };
    totals.node_shrinks = [(0, shrinks(90_000, 20_000)), (1, shrinks(17_520, 12_950))].into();
    totals.zones = Some(stall_zones());
    session.add_loss(Loss::Output, 3);
    let refaults = |file_pages, anon_pages| RefaultCounts {
        file_pages,
        anon_pages,
        events: file_pages + anon_pages,
        activated_pages: file_pages / 2,
        restored_pages: anon_pages,
    };
    let process = |pid, comm: &[u8], refaults| ProcessFaults {
        pid,
        process_start_ns: stall().process_start_ns,
        comm: Comm::from(comm),
        cgroup_id: Some(42),
        faults: Faults { refaults, major_faults: 7, swapin_pages: 0 },
    };
    // memtrace's own go nowhere; ten pages were charged to nobody that the table had room for.
    let deltas = FaultDeltas {
        processes: vec![process(stall().pid, b"java", refaults(9_000, 20)), process(4242, b"memtrace", refaults(5, 0))],
        cgroups: vec![(42, refaults(9_010, 20))],
    };
    session.apply_faults(&deltas, &world.cgroups);
    session.apply_stacks(&stacks(), &world.cgroups);
    session.apply_evictors(&evictors::evictors(), &world.cgroups);
    session.count_nodes_from(vec![
        NodeRefaults { nid: 0, file_pages: 1_000, anon_pages: 5 },
        NodeRefaults { nid: 1, file_pages: 0, anon_pages: 0 },
    ]);
    totals.refaults = Some(refaults(9_010, 20));
    totals.own_refaults = Some(refaults(5, 0));
    session.cover(Baseline { readings: counters(true), mglru: false, cpus: 2, nodes: 2 });
    let host = HostSample { counters: Some(counters(false)), ..host() };
    let tick = session.tick(101 * S, &totals, &host);
    (tick, session.summary())
}

/// Stalls on a stack of whose frames one has a name that means harm, one none, and on a stack without names.
fn stacks() -> StackDeltas {
    let frame = |kernel, function: &[u8]| Frame { kernel, function: function.to_vec(), offset: 8, ..Frame::default() };
    let in_file =
        Frame { module: b"/usr/lib/libc.so.6".to_vec(), build_id: vec![0xab, 0x01], address: 4096, ..Frame::default() };
    let frames = vec![frame(true, b"try_to_free_pages"), frame(true, b"do_syscall_64"), in_file, frame(false, HOSTILE)];
    let key = |stack, pid, start| StackKey {
        stack,
        pid,
        process_start_ns: start,
        cgroup_id: Some(42),
        kind: StallKind::Direct,
    };
    let sum = |stalls, total_ns| StackSum { stalls, total_ns };
    StackDeltas {
        named: vec![(0, Arc::new(Stack { frames }))],
        stalls: vec![
            (key(0, stall().pid, stall().process_start_ns), sum(100, 1250 * MS)),
            (key(1, 2000, None), sum(1, MS)),
        ],
    }
}

pub(crate) fn before() -> BeforeStart {
    let kill = |minutes: u64, comm: &[u8], constraint: Option<Constraint>| PastOom {
        ago_ns: minutes * 60 * S,
        pid: 66,
        comm: comm.into(),
        cgroup: constraint.map(|_| "/pod\n1".into()),
        constraint,
    };
    BeforeStart {
        pressure: Ok(host().pressure.unwrap()),
        oom_kills: Ok(vec![kill(12, b"java", Some(Constraint::Memcg)), kill(40, HOSTILE, None)]),
        oom_window_ns: 3600 * S,
        in_reclaim: Ok(vec![TaskInReclaim { pid: 1234, tid: 1240, comm: Comm::from(HOSTILE) }]),
    }
}
