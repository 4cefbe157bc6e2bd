use std::collections::{BTreeMap, BTreeSet};

use memtrace_common::{kind::StallKind, refault::RefaultCounts, totals::KswapdTotals};
use memtrace_core::session::{
    Session, SessionConfig,
    histogram::Histogram,
    input::{HostSample, KernelTotals, KindTotals, Pressure, TickInput},
    memory::Memory,
    tick::Tick,
};

use super::{Form, Metric, Slice, Sums};

const S: u64 = 1_000_000_000;

/// An interval of two seconds in which all measures were read, with stalls of these lengths.
fn interval(latencies_ns: impl IntoIterator<Item = u64>) -> Tick {
    let mut latency = Histogram::default();
    let mut kind = KindTotals { scanned_pages: 300, reclaimed_pages: 200, ..KindTotals::default() };
    for ns in latencies_ns {
        latency.record(ns);
        (kind.count, kind.total_ns, kind.max_ns) = (kind.count + 1, kind.total_ns + ns, kind.max_ns.max(ns));
    }
    kind.latency = latency;
    let host = |n: u64| HostSample {
        pressure: Some(Pressure { some_total_ns: n * S, full_total_ns: n * S / 2, ..Pressure::default() }),
        memory: Some(Memory {
            swapped_in_pages: Some(40 * n),
            swapped_out_pages: Some(60 * n),
            allocated_bytes: Some(n << 30),
            oom_kills: Some(3 * n),
            ..Memory::default()
        }),
        ..HostSample::default()
    };
    let mut session = Session::new(SessionConfig { scans_read: true, ..SessionConfig::default() });
    session.begin_at(&TickInput { t_ns: S, host: host(0), ..TickInput::default() });
    let totals = KernelTotals {
        stalls: BTreeMap::from([(StallKind::Direct, kind)]),
        kswapd: BTreeMap::from([
            (0, KswapdTotals { busy_ns: S, ..KswapdTotals::default() }),
            (1, KswapdTotals { busy_ns: S / 2, ..KswapdTotals::default() }),
        ]),
        refaults: Some(RefaultCounts { file_pages: 90, anon_pages: 10, ..RefaultCounts::default() }),
        ..KernelTotals::default()
    };
    let input = TickInput { t_ns: 3 * S, totals, host: host(1), ..TickInput::default() };
    session.tick(&input, &BTreeMap::<u64, Vec<u8>>::new())
}

/// The interval as a run of its own.
fn run(tick: &Tick) -> Sums {
    let mut sums = Sums::default();
    sums.add(&Slice::of(tick));
    sums
}

#[test]
fn every_metric_has_a_name_of_its_own_and_a_value() {
    let tick = interval((0..20_000).map(|n| 100_000 + 37 * n));
    let names: BTreeSet<_> = Metric::ALL.iter().map(|metric| metric.name()).collect();
    assert_eq!(names.len(), Metric::ALL.len());
    for metric in Metric::ALL {
        assert_eq!(Metric::named(metric.name()), Some(metric));
        assert!(metric.of_interval(&tick).is_some_and(|value| value > 0.0), "{metric:?}");
        assert!(metric.declaration().help.ends_with('.'), "{metric:?}");
    }
}

#[test]
fn a_metric_that_was_not_read_has_no_value() {
    let unread = SessionConfig { scans_read: false, kswapd_read: false, ..SessionConfig::default() };
    let input = TickInput { t_ns: 3 * S, ..TickInput::default() };
    let tick = Session::new(unread).tick(&input, &BTreeMap::<u64, Vec<u8>>::new());
    for metric in Metric::ALL {
        assert_eq!(metric.of_interval(&tick), None, "{metric:?}");
        assert!(metric.over(&run(&tick)).is_err(), "{metric:?}");
    }
}

#[test]
fn an_interval_and_a_run_of_one_interval_have_the_same_value() {
    let tick = interval((0..20_000).map(|n| 100_000 + 37 * n));
    let sums = run(&tick);
    for metric in Metric::compared().filter(|metric| !matches!(metric.form(), Form::Longest)) {
        let (interval, run) = (metric.of_interval(&tick).unwrap(), metric.over(&sums).unwrap());
        assert!((interval - run).abs() <= 1e-9 * run, "{metric:?}: {interval} and {run}");
    }
}

#[test]
fn values_are_those_of_the_interval() {
    let tick = interval([S / 2, S / 2]);
    for (metric, want) in [
        (Metric::StallRate, 1.0),
        (Metric::StallTotal, 0.5),
        (Metric::StallPerGib, 1.0),
        (Metric::StallMax, 5e8),
        (Metric::KswapdBusy, 0.75),
        (Metric::KswapdBusiest, 0.5),
        (Metric::ScannedPerReclaimed, 1.5),
        (Metric::RefaultRate, 50.0),
        (Metric::SwapinRate, 20.0),
        (Metric::SwapoutRate, 30.0),
        (Metric::PsiSome, 0.5),
        (Metric::PsiFull, 0.25),
        (Metric::OomRate, 5400.0),
        (Metric::OomCount, 3.0),
    ] {
        let value = metric.of_interval(&tick).unwrap();
        assert!((value - want).abs() < 1e-9, "{metric:?}: {value}");
    }
}

#[test]
#[expect(clippy::cast_precision_loss, reason = "times below 2^53")]
fn quantiles_of_an_interval_are_those_of_the_json_objects() {
    let mut random = fastrand::Rng::with_seed(21);
    for stalls in 1..400 {
        let tick = interval((0..stalls).map(|_| random.u64(1_000..1_000_000_000)));
        for (metric, ns) in [(Metric::StallP50, tick.all.p50_ns), (Metric::StallP99, tick.all.p99_ns)] {
            assert_eq!(metric.of_interval(&tick), ns.map(|ns| ns as f64), "{metric:?} of {stalls}");
        }
    }
}

#[test]
fn the_page_is_up_to_date() {
    let page = include_str!("../../../docs/metrics.md");
    assert!(super::page() == page, "docs/metrics.md is not that of the catalogue; `cargo xtask docs` makes it");
}
