//! Several NUMA nodes: each kswapd, its wakers and its zones are separate, and none is taken for the whole host.

use memtrace_common::{
    kind::StallKind,
    record::KswapdStep,
    totals::{KswapdTotals, failures_from},
};
use memtrace_core::{
    event::{Comm, Event, Kswapd, Stall, Trigger},
    session::{
        Session, SessionConfig,
        input::{HostSample, KernelTotals, KindTotals, TickInput, Zone},
        summary::Summary,
        tick::Tick,
        zones::{StallZones, ZoneStalls},
    },
    source::Source,
};
use memtrace_report::{
    json,
    text::{Style, SummaryView, row},
};
use serde_json::json;

use crate::fixture::{MS, S, host, stall, summary, world};

const PLAIN: Style = Style { colour: false };

/// Node 1 is short of memory and worked hard for postgres; kswapd of node 0 was woken by a backup and sleeps.
fn two_nodes() -> (Tick, Summary) {
    let mut session = Session::new(SessionConfig { start_ns: 100 * S, ..SessionConfig::default() });
    let step = |nid, ms, step, waker: Option<&[u8]>| {
        let waker = waker.map(|comm| Trigger { pid: 7, comm: Comm::from(comm) });
        Event::Kswapd(Kswapd { t_ns: 100 * S + ms * MS, nid, step, order: Some(0), gfp: None, waker })
    };
    for event in [
        step(0, 100, KswapdStep::Wakeup, Some(b"backup")),
        step(0, 100, KswapdStep::Wake, None),
        step(1, 200, KswapdStep::Wakeup, Some(b"backup")),
        step(1, 200, KswapdStep::Wakeup, Some(b"postgres")),
        step(1, 200, KswapdStep::Wake, None),
        step(1, 200, KswapdStep::Wakeup, Some(b"postgres")),
        step(0, 200, KswapdStep::Sleep, None),
    ] {
        session.apply(&event, &world().cgroups);
    }
    let node = |wakes, sleeps, wakeups, scanned_pages, reclaimed_pages, last_ms| KswapdTotals {
        wakes,
        sleeps,
        wakeups,
        scanned_pages,
        reclaimed_pages,
        busy_ns: 50 * MS,
        last_ns: 100 * S + last_ms * MS,
        awake: u32::from(wakes > sleeps),
        ..KswapdTotals::default()
    };
    let totals = KernelTotals {
        kswapd: [(0, node(1, 1, 1, 640, 600, 200)), (1, node(1, 0, 3, 9000, 3000, 200))].into(),
        ..KernelTotals::default()
    };
    let zone = |nid, name: &str, free_pages| Zone { nid, name: name.into(), free_pages, ..host().zones[0].clone() };
    let zones =
        vec![zone(0, "DMA32", 90_000), zone(0, "Normal", 1600), zone(1, "Normal", 800), zone(1, "Movable", 5000)];
    let tick = session.close_interval(101 * S, &totals, &HostSample { zones, ..HostSample::default() });
    (tick, session.summary())
}

#[test]
fn a_row_separates_nodes() {
    let (tick, _) = two_nodes();
    let wide = row(&tick, &world().clock, None, PLAIN);
    // The busiest stands for the others where there is no room.
    assert!(wide.contains("N1 80%+1") && wide.contains("0.8x min"), "{wide}");
    assert!(wide.ends_with("kswapd N0 10%, kswapd N1 80%, N0 Normal 1.1x hi, N1 Normal 0.8x min"), "{wide}");
}

#[test]
fn a_summary_says_who_woke_which() {
    let (_, end) = two_nodes();
    let world = world();
    let view = SummaryView { names: world.names(), top: 10, filter: "", width: None };
    let text = summary(&end, &view);
    assert!(text.contains("kswapd node 0: awake 100 ms (now asleep)"), "{text}");
    assert!(text.contains("asked for 1 time, most by backup (1)"), "{text}");
    assert!(text.contains("kswapd node 1: awake 800 ms (now awake)"), "{text}");
    assert!(text.contains("asked for 3 times, most by postgres (2)"), "{text}");
}

#[test]
fn json_has_each_node_and_each_zone() {
    let (tick, end) = two_nodes();
    let world = world();
    let tick = serde_json::to_value(json::Tick::new(&tick, &world.clock)).unwrap();
    let zones: Vec<_> = tick["zones"].as_array().unwrap().iter().collect();
    assert_eq!(zones.len(), 4, "all zones");
    let expected = json!({
        "nid": 1, "zone": "Normal", "free_pages": 800,
        "min_pages": 1000, "low_pages": 1250, "high_pages": 1500, "tightest": true
    });
    assert_eq!(*zones[2], expected);
    let tightest: Vec<_> = zones.iter().map(|zone| zone["tightest"].as_bool().unwrap()).collect();
    assert_eq!(tightest, [false, true, true, false]);
    let nodes = serde_json::to_value(json::Summary::new(&end, &world.names())).unwrap()["nodes"].clone();
    for (nid, waker, wakeups, scanned) in [(0, "backup", 1, 640), (1, "postgres", 2, 9000)] {
        let node = &nodes[nid];
        assert_eq!(node["nid"], nid);
        assert_eq!((&node["top_waker"], &node["top_waker_wakeups"]), (&json!(waker), &json!(wakeups)));
        assert_eq!(node["scanned_pages"], scanned);
    }
}

#[test]
fn direct_stalls_whose_records_were_lost_are_counted_beside_those_that_kswapd_reached() {
    let text_of = |counted| {
        let mut session = Session::new(SessionConfig { start_ns: 100 * S, ..SessionConfig::default() });
        let reported = Stall { nid: Some(0), t_ns: 100 * S + 500 * MS, ..stall() };
        session.apply(&Event::Stall(reported), &world().cgroups);
        let node = KswapdTotals { wakes: 1, awake: 1, last_ns: 100 * S + 100 * MS, ..KswapdTotals::default() };
        let direct = KindTotals { count: counted, total_ns: counted * reported.dur_ns, ..KindTotals::default() };
        let totals = KernelTotals {
            kswapd: [(0, node)].into(),
            stalls: [(StallKind::Direct, direct)].into(),
            ..KernelTotals::default()
        };
        session.close_interval(101 * S, &totals, &HostSample::default());
        let world = world();
        let view = SummaryView { names: world.names(), top: 10, filter: "", width: None };
        summary(&session.summary(), &view)
    };
    let (lost, whole) = (text_of(3), text_of(1));
    assert!(lost.contains("1 direct stall (3.21 ms) began while"), "{lost}");
    assert!(lost.contains("for 2 direct stalls no event reports the state of kswapd"), "{lost}");
    assert!(!whole.contains("no event reports"), "{whole}");
}

#[test]
fn json_separates_the_node_of_the_event_from_that_of_the_cpu() {
    let nodes_of = |kind| {
        let world = world();
        let value = serde_json::to_value(json::Stall::new(&Stall { nid: Some(1), kind, ..stall() }, &world.names()));
        let value = value.unwrap();
        (value["nid"].clone(), value["cpu_nid"].clone())
    };
    assert_eq!(nodes_of(StallKind::Node), (json!(1), json!(null)));
    assert_eq!(nodes_of(StallKind::Direct), (json!(null), json!(1)));
}

#[test]
fn what_of_nodes_and_zones_was_not_read_is_no_number() {
    let (_, end) = two_nodes();
    let world = world();
    let view = SummaryView { names: world.names(), top: 10, filter: "", width: None };
    let text = summary(&end, &view);
    assert!(text.contains("failures -, asked for") && text.contains("at work >= 50.0 ms"), "{text}");
    for word in ["hopeless", "at order", "premature", "began with free", "zones"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
    let json = serde_json::to_value(json::Summary::new(&end, &world.names())).unwrap();
    assert_eq!((&json["stall_zones"], &json["premature_sleeps"]), (&json!(null), &json!(null)));
    let node = &json["nodes"][1];
    assert_eq!((&node["failures"], &node["wakeups_by_order"]), (&json!(null), &json!(null)));
    assert_eq!(node["busy_source"], "lower_bound");
}

#[test]
fn a_window_has_its_own_failures_and_zones() {
    let node = |failures, in_a_row, wakeups| KswapdTotals {
        failures,
        failures_in_a_row: in_a_row,
        failures_from: failures_from::READINGS,
        wakeups,
        wakeups_by_order: std::array::from_fn(|order| if order == 3 { wakeups } else { 0 }),
        last_ns: S,
        ..KswapdTotals::default()
    };
    let zone = |below_min, free_pages| StallZones {
        zones: vec![ZoneStalls { nid: 0, name: "Normal".into(), below_min, free_pages, ..ZoneStalls::default() }],
        unread: 2,
    };
    let totals =
        |node, zones| KernelTotals { kswapd: [(0, node)].into(), zones: Some(zones), ..KernelTotals::default() };
    let input = |t_ns, totals| TickInput { t_ns, totals, ..TickInput::default() };
    let mut session = Session::new(SessionConfig { start_ns: 100 * S, ..SessionConfig::default() });
    session.begin_at(&input(101 * S, totals(node(5, 5, 7), zone(10, 1000))));
    session.tick(&input(102 * S, totals(node(21, 16, 9), zone(14, 1080))), &world().cgroups);
    let end = session.summary();
    let failures = end.nodes[0].failures.unwrap();
    assert_eq!((failures.count, failures.source, failures.is_hopeless()), (16, Source::LowerBound, true));
    assert_eq!(end.nodes[0].wakeups_by_order.unwrap()[3], 2);
    let zones = end.zones.unwrap();
    assert_eq!((zones.zones[0].below_min, zones.zones[0].mean_free_pages(), zones.unread), (4, Some(20), 0));
}
