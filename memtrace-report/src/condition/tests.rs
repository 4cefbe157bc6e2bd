use super::{Condition, Watch};
use memtrace_common::kind::StallKind;
use memtrace_core::{
    event::Comm,
    session::{
        Session, SessionConfig,
        input::{HostSample, KernelTotals, OpenStall, Pressure, TickInput},
        tick::Tick,
    },
};

const S: u64 = 1_000_000_000;

fn input(t_ns: u64, totals: KernelTotals, host: HostSample) -> TickInput {
    TickInput { t_ns, totals, host, ..TickInput::default() }
}

fn take(session: &mut Session, input: &TickInput) -> Tick {
    session.tick(input, &std::collections::BTreeMap::<u64, Vec<u8>>::new())
}

#[test]
fn what_is_read() {
    for (text, limit, for_ns) in [
        ("stall.max > 500ms", 5e8, 0),
        ("stall.max>0.5", 5e8, 0),
        ("stall.total > 2 for 10s", 2.0, 10 * S),
        ("stall.total >= 2s/s", 2.0, 0),
        ("stall.rate >= 1000/s", 1000.0, 0),
        ("psi.some > 20%", 0.2, 0),
        ("oom.count > 0", 0.0, 0),
        ("kswapd.busiest <= 99.5 % for 1m", 0.995, 60 * S),
        ("kswapd.busy > 1.5", 1.5, 0),
        ("oom.rate > 2/h", 2.0, 0),
        ("stall.p999 > 1s", 1e9, 0),
    ] {
        let condition: Condition = text.parse().unwrap();
        assert!((condition.limit - limit).abs() < 1e-9, "{text}: {condition:?}");
        assert_eq!((condition.for_ns, condition.to_string()), (for_ns, text.to_owned()));
    }
}

#[test]
fn what_is_not_read_is_explained() {
    for (text, says) in [
        ("", "has no comparison"),
        ("stall.max", "such as `stall.max > 500ms`"),
        ("stalls > 3", "available: stall.total"),
        ("psi.some > 20", "a share, such as 20%"),
        ("stall.max > fast", "a time, such as 500ms"),
        ("stall.rate > -1", "a number per second"),
        ("stall.rate > 1e3", "a number per second"),
        ("stall.rate > nan", "a number per second"),
        ("stall.rate > 1 for ever", "is not a duration"),
    ] {
        let error = text.parse::<Condition>().unwrap_err();
        assert!(error.contains(says), "{text}: {error}");
    }
}

#[test]
fn a_condition_is_met_once_until_it_ends() {
    let mut watch = Watch::new("psi.some > 20% for 2s".parse().unwrap());
    let mut session = Session::new(SessionConfig::default());
    let mut met = Vec::new();
    // Share of each second: nothing to compare the first with.
    for (second, total_ns) in [(1, 0), (2, S / 2), (3, S), (4, 3 * S / 2), (5, 3 * S / 2), (6, 2 * S), (7, 3 * S)] {
        let pressure = Some(Pressure { some_total_ns: total_ns, ..Pressure::default() });
        let input = input(second * S, KernelTotals::default(), HostSample { pressure, ..HostSample::default() });
        let tick = take(&mut session, &input);
        met.extend(watch.advance(&tick).map(|value| (second, value)));
    }
    assert_eq!(met, [(3, 0.5), (7, 1.0)]);
}

#[test]
fn what_was_not_read_meets_nothing() {
    let mut session = Session::new(SessionConfig::default());
    for text in ["psi.some <= 100%", "psi.full < 1%", "stall.p99 < 1h", "refault.rate >= 0", "swapin.rate >= 0"] {
        let mut watch = Watch::new(text.parse().unwrap());
        let input = input(S, KernelTotals::default(), HostSample::default());
        let tick = take(&mut session, &input);
        assert_eq!(watch.advance(&tick), None, "{text}");
    }
}

#[test]
fn a_stall_that_is_not_over_counts_as_long_as_it_lasts() {
    let open = OpenStall { pid: 1, tid: 1, comm: Some(Comm::default()), kind: StallKind::Direct, begin_ns: S };
    let mut watch = Watch::new("stall.max > 2s".parse().unwrap());
    let mut session = Session::new(SessionConfig::default());
    let met: Vec<_> = (2..6)
        .map(|second| {
            let input =
                input(second * S, KernelTotals { open: vec![open], ..KernelTotals::default() }, HostSample::default());
            watch.advance(&take(&mut session, &input)).is_some()
        })
        .collect();
    assert_eq!(met, [false, false, true, false]);
}
