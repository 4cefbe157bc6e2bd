//! A replay of a trace gives the same results as live; windows, gaps and damage take nothing from the totals.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

mod alone;
mod cli;
mod compare;
mod fixture;
mod overlap;
mod pipes;
mod pty;
mod reports;
mod salvage;
mod same;
mod spans;
mod windows;

use std::collections::BTreeMap;

use memtrace_common::kind::StallKind;
use memtrace_core::{
    clock::Clock,
    gfp::GfpNames,
    names::Names,
    session::{filter::Filter, pattern::CgroupPattern, summary},
};
use memtrace_report::{
    json::{Object, Summary},
    replay::{Beginning, Finished, Note, Replay, ReplayOptions, Watch},
};
use memtrace_trace::{BlockKind, Reader};
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

use fixture::{Blocks, START, record};

/// A watch that ignores everything.
struct Nobody;

impl Watch for Nobody {
    fn begin(&mut self, _: &memtrace_trace::model::TickRecord) {}
    fn event(&mut self, _: &memtrace_core::event::Event, _: bool, _: &BTreeMap<u64, std::sync::Arc<[u8]>>) {}
    fn tick(
        &mut self,
        _: memtrace_core::session::tick::Tick,
        _: &memtrace_trace::model::TickRecord,
        _: &BTreeMap<u64, std::sync::Arc<[u8]>>,
    ) {
    }
    fn remark(&mut self, _: &memtrace_trace::model::Remark) {}
    fn missing(&mut self) {}
}

/// Replays files in this order.
fn replay(segments: &[Blocks], options: ReplayOptions, watch: &mut impl Watch) -> Finished {
    let mut replay = None;
    for segment in segments {
        let bytes = segment.bytes();
        let mut reader = Reader::new(bytes.as_slice());
        let replay = replay.get_or_insert_with(|| {
            let beginning = Beginning::of(&mut reader).unwrap().unwrap();
            let mut replay = Replay::new(beginning.meta, options.clone());
            for item in &beginning.read {
                replay.ingest(item, reader.entries(), reader.paths(), watch);
            }
            replay
        });
        replay.play(&mut reader, watch, || true).unwrap();
    }
    replay.unwrap().finish()
}

fn clock() -> Clock {
    fixture::meta().clock.clock(jiff::tz::TimeZone::UTC)
}

fn json(summary: &summary::Summary, paths: &dyn memtrace_core::session::filter::CgroupNames) -> String {
    let (clock, gfp) = (clock(), GfpNames::default());
    let names = Names { clock: &clock, cgroups: paths, gfp: &gfp };
    String::from_utf8(Object::Summary(Summary::new(summary, &names)).to_line().unwrap()).unwrap()
}

fn web() -> Filter {
    Filter { cgroups: vec![CgroupPattern::parse("/web").unwrap()], ..Filter::default() }
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(40))]

    #[test]
    fn a_replay_comes_to_what_live_came_to(seed in any::<u64>(), cut in 1..12_u64, filtered in any::<bool>()) {
        let filter = if filtered { web() } else { Filter::default() };
        let recorded = record(seed, 12, &[cut, cut + 3], &filter, 0);
        let finished = replay(&recorded.segments, ReplayOptions::default(), &mut Nobody);
        prop_assert_eq!(json(&finished.summary, &finished.paths), json(&recorded.summary, &recorded.paths));
        prop_assert_eq!(finished.notes, []);
    }

    #[test]
    fn lost_blocks_take_nothing_from_the_totals(seed in any::<u64>(), lost in 0..8_usize) {
        let mut recorded = record(seed, 8, &[4], &Filter::default(), 0);
        for segment in &mut recorded.segments {
            let mut nth = 0;
            segment.0.retain(|(kind, _)| {
                nth += usize::from(*kind == BlockKind::Events);
                *kind != BlockKind::Events || nth % 8 != lost
            });
        }
        let finished = replay(&recorded.segments, ReplayOptions::default(), &mut Nobody);
        let (got, want) = (&finished.summary, &recorded.summary);
        // The parts of the slowest stalls come from single events.
        let exact = |summary: &summary::Summary| {
            let kind = |(kind, stalls): (&_, &_)| (*kind, summary::KindSummary { p99_parts: None, ..*stalls });
            summary.stalls.iter().map(kind).collect::<Vec<_>>()
        };
        prop_assert_eq!((exact(got), &got.all, &got.loss), (exact(want), &want.all, &want.loss));
        // Stalls without an event are still counted by process and by cgroup.
        let sums = |summary: &summary::Summary| {
            let sum = |sum: (u64, u64), tally: &memtrace_core::session::tally::Tally| (sum.0 + tally.stalls, sum.1 + tally.total_ns);
            (
                summary.processes.rows.iter().map(|row| &row.tally).fold((0, 0), sum),
                summary.cgroups.rows.iter().map(|row| &row.tally).fold((0, 0), sum),
            )
        };
        prop_assert_eq!(sums(got), sums(want));
    }

    #[test]
    fn short_stalls_that_were_left_out_are_counted(seed in any::<u64>()) {
        let recorded = record(seed, 6, &[3], &Filter::default(), 1_000_000);
        let finished = replay(&recorded.segments, ReplayOptions::default(), &mut Nobody);
        let rows = |summary: &summary::Summary| {
            let mut rows: Vec<_> = summary
                .processes
                .rows
                .iter()
                .map(|row| (row.pid, row.process_start_ns, row.comm, row.tally.stalls, row.tally.total_ns, row.tally.max_ns))
                .collect();
            rows.sort_by_key(|row| (row.0, row.1));
            rows
        };
        prop_assert_eq!(rows(&finished.summary), rows(&recorded.summary));
        let reported = matches!(finished.notes.as_slice(), [Note::Unrecorded { min_stall_ns: 1_000_000, .. }]);
        prop_assert!(reported || finished.summary.all.count == 0, "{:?}", finished.notes);
    }

    #[test]
    fn a_filter_on_a_trace_is_the_filter_of_a_session(seed in any::<u64>()) {
        let all = record(seed, 6, &[2], &Filter::default(), 0);
        let filtered = record(seed, 6, &[2], &web(), 0);
        let options = ReplayOptions { filter: web(), ..ReplayOptions::default() };
        let finished = replay(&all.segments, options, &mut Nobody);
        let (got, want) = (finished.summary, filtered.summary);
        prop_assert_eq!(got.cgroups, want.cgroups);
        prop_assert_eq!(got.matched, want.matched);
        prop_assert_eq!(got.all, want.all);
    }
}

#[test]
fn a_missing_segment_is_said_and_the_totals_go_on() {
    let mut recorded = record(7, 12, &[4, 8], &Filter::default(), 0);
    recorded.segments.remove(1);
    let finished = replay(&recorded.segments, ReplayOptions::default(), &mut Nobody);
    assert_eq!(finished.summary.all, recorded.summary.all);
    let [Note::Gap { segments: (1, 1), stalls, .. }] = finished.notes.as_slice() else {
        panic!("{:?}", finished.notes)
    };
    assert!(*stalls > 0);
}

#[test]
fn a_later_segment_counts_from_its_own_beginning() {
    let recorded = record(7, 12, &[4, 8], &Filter::default(), 0);
    let finished = replay(&recorded.segments[1..], ReplayOptions::default(), &mut Nobody);
    assert_eq!(finished.notes, [Note::BeginsLater { segment: 1 }]);
    assert!(finished.summary.all.count < recorded.summary.all.count);
    assert_eq!(finished.summary.duration_ns, 8 * fixture::S);
}

#[test]
fn a_killed_recorder_leaves_all_but_its_end() {
    let mut recorded = record(7, 6, &[], &Filter::default(), 0);
    recorded.segments[0].0.pop();
    let finished = replay(&recorded.segments, ReplayOptions::default(), &mut Nobody);
    assert_eq!(finished.notes, [Note::NoEnd { until_ns: Some(START + 6 * fixture::S), stalls: 0 }]);
    assert!(finished.notes[0].text(&clock()).contains("readable until 22:13:26; recording ended abnormally"));
    assert_eq!(finished.summary.all, recorded.summary.all);
}

#[test]
fn a_lost_beginning_is_said() {
    let mut recorded = record(7, 6, &[], &Filter::default(), 0);
    recorded.segments[0].0.remove(0);
    let finished = replay(&recorded.segments, ReplayOptions::default(), &mut Nobody);
    assert_eq!(finished.notes[0], Note::NoMeta);
    // Counts begin with the first tick.
    assert_eq!(finished.summary.duration_ns, 5 * fixture::S);
    assert!(finished.summary.stalls[&StallKind::Direct].count > 0);
}
