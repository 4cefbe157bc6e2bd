use std::{collections::BTreeMap, sync::Arc};

use memtrace_core::{
    event::Event,
    session::{filter::Filter, summary::Summary, tick::Tick},
};
use memtrace_report::replay::{Finished, Note, ReplayOptions, Watch, window::Window};
use memtrace_trace::{
    BlockKind,
    model::{Remark, TickRecord},
};
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

use crate::{
    Nobody,
    fixture::{Blocks, Recording, S, START, record},
    replay,
};

fn part(recorded: &Recording, since: Option<u64>, until: Option<u64>) -> Finished {
    let at = |second: u64| START + second * S;
    let window = Window { since_ns: since.map(at), until_ns: until.map(at) };
    replay(&recorded.segments, ReplayOptions { window, ..ReplayOptions::default() }, &mut Nobody)
}

/// Numbers that two windows must add up to.
fn numbers(summary: &Summary) -> Vec<u64> {
    let mut all = vec![
        summary.duration_ns,
        summary.oom_kills,
        summary.loss.total(),
        summary.own_stalls.count,
        summary.own_stalls.total_ns,
        summary.refaults.unwrap().file_pages,
        summary.node_refaults[0].file_pages,
        summary.own.cpu_ns.unwrap(),
        // Unknown where pages were reclaimed and none scanned.
        summary.reclaim.scanned_pages.unwrap_or(0),
        summary.nodes[0].wakes,
        summary.nodes[0].awake_ns,
        summary.unattributed.count,
        summary.unattributed.total_ns,
        summary.processes.rows.iter().map(|row| row.tally.stalls).sum(),
        summary.cgroups.rows.iter().map(|row| row.tally.total_ns).sum(),
        summary.cgroups.rows.iter().map(|row| row.tally.faults.refaults.file_pages).sum(),
    ];
    all.extend(summary.stalls.values().flat_map(|kind| [kind.count, kind.total_ns]));
    // The kernel's count alone: ours may include memtrace's own stalls or not, in each window as it fits best.
    all.extend(summary.coverage.rows.iter().filter(|row| row.counter == "allocstall").filter_map(|row| row.kernel));
    all
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(40))]

    #[test]
    fn two_windows_are_the_whole(seed in any::<u64>(), at in 1..12_u64, cut in 1..12_u64) {
        let recorded = record(seed, 12, &[cut], &Filter::default(), 0);
        let (first, second) = (part(&recorded, None, Some(at)), part(&recorded, Some(at), None));
        let sum: Vec<u64> = numbers(&first.summary).iter().zip(numbers(&second.summary)).map(|(a, b)| a + b).collect();
        prop_assert_eq!(sum, numbers(&recorded.summary));
        for (kind, whole) in &recorded.summary.stalls {
            let longest = first.summary.stalls[kind].max_ns.max(second.summary.stalls[kind].max_ns);
            prop_assert_eq!(longest, whole.max_ns);
        }
        prop_assert!(first.notes.is_empty() && second.notes.is_empty());
    }

    #[test]
    fn a_window_has_its_own_longest_and_its_own_names(seed in any::<u64>()) {
        let recorded = record(seed, 12, &[], &Filter::default(), 0);
        let window = part(&recorded, Some(6), Some(9)).summary;
        prop_assert_eq!(window.duration_ns, 3 * S);
        for kind in window.stalls.values().filter(|kind| kind.count > 0) {
            prop_assert!(kind.max_ns >= kind.p99_ns && kind.p99_ns >= kind.p50_ns);
            prop_assert!(kind.max_ns.unwrap() <= kind.total_ns);
        }
        // A name that was learnt before the window applies in it.
        let named = |row: &memtrace_core::session::summary::ProcessSummary| {
            let whole = recorded.summary.processes.rows.iter().find(|all| (all.pid, all.process_start_ns) == (row.pid, row.process_start_ns));
            row.tally.stalls == 0 || whole.is_some_and(|whole| whole.comm == row.comm)
        };
        prop_assert!(window.processes.rows.iter().all(named));
    }
}

#[test]
fn events_lie_inside_the_window() {
    #[derive(Default)]
    struct Times(Vec<u64>);
    impl Watch for Times {
        fn begin(&mut self, _: &TickRecord) {}
        fn event(&mut self, event: &Event, _: bool, _: &BTreeMap<u64, Arc<[u8]>>) {
            if let Event::Stall(stall) = event {
                self.0.push(stall.t_ns);
            }
        }
        fn tick(&mut self, _: Tick, _: &TickRecord, _: &BTreeMap<u64, Arc<[u8]>>) {}
        fn remark(&mut self, _: &Remark) {}
        fn missing(&mut self) {}
    }
    let late = |times: &Times| times.0.iter().filter(|t_ns| **t_ns % S > 0 && **t_ns % S < 5_000_000).count();
    let mut seen = (0, 0);
    for seed in 0..20 {
        let recorded = record(seed, 12, &[], &Filter::default(), 0);
        let window = Window { since_ns: Some(START + 4 * S), until_ns: Some(START + 8 * S) };
        let (mut inside, mut all) = (Times::default(), Times::default());
        replay(&recorded.segments, ReplayOptions { window, ..ReplayOptions::default() }, &mut inside);
        replay(&recorded.segments, ReplayOptions::default(), &mut all);
        seen = (seen.0 + late(&inside), seen.1 + late(&all));
        // The totals of a tick may count an event that ended just after it, if records were lost.
        let near = START + 4 * S..=START + 8 * S + 5_000_000;
        assert!(inside.0.iter().all(|t_ns| near.contains(t_ns)), "{:?}", inside.0);
        let whole = all.0.iter().filter(|t_ns| (START + 4 * S + 5_000_000..START + 8 * S).contains(t_ns)).count();
        assert!(inside.0.len() >= whole, "seed {seed}");
    }
    assert!(seen.0 > 0 && seen.0 < seen.1, "{seen:?}");
}

/// The window begins after the last tick: events of the rest, which no tick places, are in no window.
#[test]
fn a_window_without_a_tick_has_no_events() {
    let recorded = record(3, 5, &[], &Filter::default(), 0);
    let segment = &recorded.segments[0].0;
    let last_tick = segment.iter().rposition(|(kind, _)| *kind == BlockKind::Tick).unwrap();
    let cut = [Blocks(segment.iter().enumerate().filter(|(at, _)| *at != last_tick).map(|(_, b)| b.clone()).collect())];
    let since_ns = Some(START + 4 * S + S / 2 + 1);
    let window = Window { since_ns, until_ns: None };
    let finished = replay(&cut, ReplayOptions { window, ..ReplayOptions::default() }, &mut Nobody);
    assert!(finished.is_empty && finished.summary.processes.rows.is_empty(), "{:?}", finished.summary.processes.rows);
}

#[test]
fn a_window_with_nothing_in_it_says_so() {
    let recorded = record(1, 5, &[], &Filter::default(), 0);
    let finished = part(&recorded, Some(60), None);
    assert!(finished.is_empty);
    let [Note::EmptyWindow { ticks_ns, interval_ns: S }] = finished.notes.as_slice() else {
        panic!("{:?}", finished.notes)
    };
    assert_eq!(*ticks_ns, Some((START + S, START + 5 * S)));
}
