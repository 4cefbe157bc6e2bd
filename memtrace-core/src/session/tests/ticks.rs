use memtrace_common::{
    kind::StallKind,
    totals::{self as kernel, KswapdTotals},
};

use super::{apply, session, stall, tick, totals};
use crate::{
    event::{Comm, Constraint, Event, Freed, FreedBy, Oom, Stall, Trigger, Victim},
    session::{
        Session, SessionConfig,
        input::{HostSample, KernelTotals, Pressure, Zone},
        loss::{Lacking, Loss, Stage},
        tick::Reclaim,
    },
};

const S: u64 = 1_000_000_000;
const MS: u64 = 1_000_000;

fn at_ten_seconds() -> Session {
    session(SessionConfig { start_ns: 10 * S, ..SessionConfig::default() })
}

#[test]
fn a_late_tick_has_its_true_length() {
    let mut session = at_ten_seconds();
    let direct = |ms| stall(1, StallKind::Direct, ms * MS);
    let first = [direct(100), direct(300)];
    apply(&mut session, &first);
    let one = tick(&mut session, 11 * S, &totals(&first));
    assert_eq!((one.elapsed_ns, one.all.count, one.all.total_ns), (S, 2, 400 * MS));
    assert_eq!((one.stalled_per_s(), one.rate(one.all.count)), (Some(0.4), Some(2.0)));
    let second = [direct(1000), direct(1000)];
    apply(&mut session, &second);
    let two = tick(&mut session, 15 * S, &totals(first.iter().chain(&second)));
    assert_eq!((two.elapsed_ns, two.all.count), (4 * S, 2));
    assert_eq!((two.stalled_per_s(), two.rate(two.all.count)), (Some(0.5), Some(0.5)));
    let again = tick(&mut session, 15 * S, &totals(first.iter().chain(&second)));
    assert_eq!((again.elapsed_ns, again.stalled_per_s(), again.rate(0)), (0, None, None));
    assert_eq!(session.summary().duration_ns, 5 * S);
}

#[test]
fn quantiles_and_the_longest_are_of_the_interval_alone() {
    let mut session = at_ten_seconds();
    let old: Vec<_> = (0..100).map(|_| stall(1, StallKind::Direct, 500 * MS)).collect();
    apply(&mut session, &old);
    tick(&mut session, 11 * S, &totals(&old));
    let new: Vec<_> = (1..=100).map(|ms| stall(1, StallKind::Memcg, ms * MS)).collect();
    apply(&mut session, &new);
    let got = tick(&mut session, 12 * S, &totals(old.iter().chain(&new)));
    assert_eq!(got.all.max_ns, Some(100 * MS));
    let near = |got: Option<u64>, want: u64| got.is_some_and(|ns| ns.abs_diff(want) <= want / 16);
    assert!(near(got.all.p50_ns, 50 * MS) && near(got.all.p99_ns, 99 * MS), "{got:?}");
    let direct = &got.stalls[&StallKind::Direct];
    assert_eq!((direct.count, direct.p50_ns, direct.max_ns), (0, None, None));
}

#[test]
fn the_longest_is_exact_when_its_record_was_lost() {
    let mut session = at_ten_seconds();
    let (short, long) = (stall(1, StallKind::Direct, MS), stall(1, StallKind::Direct, 700 * MS));
    apply(&mut session, &[short]);
    assert_eq!(tick(&mut session, 11 * S, &totals(&[short, long])).all.max_ns, Some(700 * MS));
    // Another stall, also lost, is shorter than the longest so far: the histogram has it to the accuracy of a bucket.
    let lost = stall(1, StallKind::Direct, 300 * MS);
    apply(&mut session, &[short]);
    let got = tick(&mut session, 12 * S, &totals(&[short, long, short, lost]));
    let max_ns = got.all.max_ns.unwrap();
    assert!(max_ns.abs_diff(300 * MS) <= 300 * MS / 16 && got.all.p99_ns == Some(max_ns), "{got:?}");
}

#[test]
fn an_event_ahead_of_the_totals_is_not_of_this_interval() {
    let mut session = at_ten_seconds();
    let (short, long) = (stall(1, StallKind::Direct, MS), stall(1, StallKind::Direct, 700 * MS));
    apply(&mut session, &[short, long]);
    let first = tick(&mut session, 11 * S, &totals(&[short]));
    assert!(first.all.max_ns.unwrap().abs_diff(MS) <= MS / 16);
    assert_eq!(tick(&mut session, 12 * S, &totals(&[short, long])).all.max_ns, Some(700 * MS));
}

#[test]
fn own_stalls_are_in_no_number() {
    let mut session = at_ten_seconds();
    let own = stall(super::OWN, StallKind::Direct, 5 * MS);
    let applied = session.apply(&Event::Stall(own), &std::collections::BTreeMap::<u64, &[u8]>::new());
    assert!(!applied.shown);
    let got = tick(&mut session, 11 * S, &totals(&[own]));
    assert_eq!((got.all.count, got.own_stalls, got.own_stalled_ns), (0, 1, 5 * MS));
    assert!(session.summary().processes.rows.is_empty());
}

#[test]
fn efficiency_is_none_where_scans_are_not_seen() {
    assert_eq!(Reclaim::of(100, 50, true).efficiency(), Some(0.5));
    assert_eq!(Reclaim::of(0, 0, true), Reclaim { scanned_pages: Some(0), reclaimed_pages: Some(0) });
    assert_eq!(Reclaim::of(0, 0, true).efficiency(), None);
    assert_eq!(Reclaim::of(0, 50, true).scanned_pages, None);
    assert_eq!(Reclaim::of(100, 50, false).scanned_pages, None);
    let mut session = session(SessionConfig { scans_read: false, ..SessionConfig::default() });
    let exact =
        KernelTotals { kswapd: [(0, KswapdTotals::default())].into(), ..totals(&[stall(1, StallKind::Node, 1)]) };
    let got = tick(&mut session, 1, &exact);
    assert_eq!(got.reclaim, Reclaim::default());
    assert_eq!(got.kswapd.as_ref().unwrap()[0].reclaim, Reclaim::default());
}

#[test]
fn scans_that_mglru_hides_are_unread_of_kswapd_too() {
    let woken = |scanned_pages| KernelTotals {
        kswapd: [(0, KswapdTotals { wakes: 1, scanned_pages, ..KswapdTotals::default() })].into(),
        ..KernelTotals::default()
    };
    let asleep = KernelTotals { kswapd: [(0, KswapdTotals::default())].into(), ..KernelTotals::default() };
    let scanned = |mglru, totals: &KernelTotals| {
        let mut session = session(SessionConfig { mglru, ..SessionConfig::default() });
        let tick = tick(&mut session, 1, totals);
        let summary = session.summary();
        let reported =
            [tick.reclaim, tick.kswapd.as_ref().unwrap()[0].reclaim, summary.reclaim, summary.nodes[0].reclaim];
        assert!(reported.iter().all(|reclaim| reclaim.scanned_pages == reported[0].scanned_pages), "{reported:?}");
        reported[0].scanned_pages
    };
    assert_eq!(scanned(true, &woken(0)), None);
    assert_eq!(scanned(true, &woken(7)), Some(7));
    assert_eq!(scanned(true, &asleep), Some(0));
    assert_eq!(scanned(false, &woken(0)), Some(0));
}

#[test]
fn kswapd_is_reported_by_differences() {
    let mut session = at_ten_seconds();
    let exact = |scanned_pages, awake, last_ns| KernelTotals {
        kswapd: [(
            1,
            KswapdTotals { wakes: 1, busy_ns: scanned_pages, scanned_pages, awake, last_ns, ..KswapdTotals::default() },
        )]
        .into(),
        ..KernelTotals::default()
    };
    let one = tick(&mut session, 11 * S, &exact(10, 1, 10 * S + S / 2));
    assert_eq!(
        {
            let node = one.kswapd.as_ref().unwrap()[0];
            (node.awake, node.awake_ns, node.wakes)
        },
        (true, S / 2, 1)
    );
    let two = tick(&mut session, 12 * S, &exact(30, 0, 11 * S + S / 4));
    let node = two.kswapd.unwrap()[0];
    assert_eq!((node.awake, node.awake_ns, node.wakes, node.busy_ns), (false, S / 4, 0, 20));
    assert_eq!(node.reclaim.scanned_pages, Some(20));
}

#[test]
fn the_zone_nearest_to_its_watermark_stands_for_its_node() {
    let zone = |nid, name: &str, free_pages, min_pages| Zone {
        nid,
        name: name.into(),
        free_pages,
        min_pages,
        low_pages: 2 * min_pages,
        high_pages: 3 * min_pages,
        managed_pages: 1 << 20,
    };
    let host = HostSample {
        zones: vec![
            zone(1, "Normal", 900, 100),
            zone(0, "DMA32", 500, 100),
            zone(0, "Normal", 150, 100),
            zone(0, "Movable", 0, 0),
        ],
        pressure: Some(Pressure::default()),
        ..HostSample::default()
    };
    let got = at_ten_seconds().close_interval(11 * S, &KernelTotals::default(), &host);
    let names: Vec<_> = got.tightest_zones().into_iter().map(|zone| (zone.nid, zone.name.json())).collect();
    assert_eq!(names, [(0, "Normal".to_owned()), (1, "Normal".to_owned())]);
    assert!(got.pressure.is_some());
}

#[test]
fn loss_is_counted_by_stage_and_interval() {
    let mut session = at_ten_seconds();
    let exact = |n| KernelTotals { loss: [(kernel::Loss::RingStall.name(), n)].into(), ..KernelTotals::default() };
    session.add_loss(Loss::Decode, 2);
    session.set_loss(Loss::SkippedRuns, 7);
    assert_eq!(tick(&mut session, 11 * S, &exact(100)).loss.total(), 109);
    session.set_loss(Loss::SkippedRuns, 8);
    let second = tick(&mut session, 12 * S, &exact(130));
    let lost: Vec<_> = second.loss.lost().collect();
    assert_eq!(lost, [("ring_stall", 30), ("skipped_runs", 1)]);
    assert_eq!(session.summary().loss.total(), 140);
    assert_eq!(session.loss().0.get("output"), Some(&0));
    // A message that could not be written loses no event.
    assert_eq!(session.loss().0.get("messages"), None);
    session.set_loss(Loss::Messages, 3);
    let third = tick(&mut session, 13 * S, &exact(130)).loss;
    assert_eq!((third.total(), third.messages(), third.lost().count()), (0, 3, 0));
    let all = session.summary().loss;
    assert_eq!((all.total(), all.messages(), all.0.get("messages")), (140, 3, Some(&3)));
    // A skipped run does not make a number known to be wrong.
    assert_eq!(all.that_matters(), 140 - all.0["skipped_runs"]);
    assert_eq!(Stage::named("of a later version").lacking, Lacking::Totals);
    for name in kernel::Loss::ALL.map(kernel::Loss::name).into_iter().chain(Loss::ALL.map(Loss::name)) {
        assert!(!Stage::named(name).what.contains("unknown to this version"), "{name}");
    }
}

#[test]
fn oom_kills_are_counted_past_what_is_kept() {
    let mut session = session(SessionConfig { ooms: 2, ..SessionConfig::default() });
    let nobody = std::collections::BTreeMap::<u64, &[u8]>::new();
    for pid in 1..=3 {
        let victim = Victim { pid, tid: pid, ..Victim::default() };
        let trigger = Trigger { pid: 1, comm: Comm::default() };
        session.apply(&Event::Oom(Oom { t_ns: 1, victim, trigger, ..Oom::default() }), &nobody);
    }
    assert!(session.refine_oom(3, Constraint::Cpuset));
    assert!(!session.refine_oom(1, Constraint::None));
    let freed = |pid, marked_ns| Freed { t_ns: 9, marked_ns, pid, tid: pid, comm: None, by: FreedBy::Exit };
    for freed in [freed(1, 1), freed(2, 7), freed(3, 1)] {
        session.apply(&Event::Freed(freed), &nobody);
    }
    let back: Vec<_> = session.ooms().map(|oom| oom.memory_back.map(|back| back.after_ns)).collect();
    assert_eq!(back, [None, Some(8)], "one that is not kept, one of another time, and that of the last");
    let exact = KernelTotals { loss: [(kernel::Loss::RingOom.name(), 1)].into(), ..KernelTotals::default() };
    assert_eq!(tick(&mut session, 1, &exact).oom_kills, 4);
    assert_eq!(tick(&mut session, 2, &exact).oom_kills, 0);
    let summary = session.summary();
    let kept: Vec<_> = summary.ooms.iter().map(|oom| (oom.victim.pid, oom.constraint)).collect();
    assert_eq!((summary.oom_kills, kept), (4, vec![(2, None), (3, Some(Constraint::Cpuset))]));
}

#[test]
fn a_first_sight_is_said_once() {
    let mut session = at_ten_seconds();
    let nobody = std::collections::BTreeMap::<u64, &[u8]>::new();
    let event = Event::Stall(Stall { cgroup_id: Some(5), ..stall(1, StallKind::Direct, 1) });
    let first = session.apply(&event, &nobody);
    assert!(first.shown && first.new_process && first.new_cgroup);
    let second = session.apply(&event, &nobody);
    assert!(second.shown && !second.new_process && !second.new_cgroup);
}
