//! The comparison as a whole, and runs that lack data. `tests/intervals` has loads with a known law.

pub(super) mod made;

use self::made::{run, side, slice};
use super::{CompareOptions, Comparison, Word, compare, document, fail_if::Outcome};
use crate::{
    document::{TextForm, markdown, text},
    metric::{Better, Measure, Metric},
};

fn row(comparison: &Comparison, metric: Metric) -> &super::MetricRow {
    comparison.rows.iter().find(|row| row.metric == metric).unwrap()
}

fn plain(comparison: &Comparison) -> String {
    text(&document(comparison, true), TextForm::default())
}

/// Five runs of a minute each: `stalls` stalls of 1 ms in each second, and a few more from run to run.
fn five(name: &str, stalls: u32) -> super::Side {
    let runs = (0..5).map(|n| run((0..60).map(|_| slice(stalls + n, 1_000_000)).collect())).collect();
    side(name, runs)
}

#[test]
fn five_runs_a_side_that_differ_are_firm() {
    let comparison =
        compare(&five("old", 100), &five("new", 30), &CompareOptions { seed: 1, ..CompareOptions::default() });
    let total = row(&comparison, Metric::StallTotal);
    assert_eq!((total.word, total.firm), (Word::Better, true));
    assert!(total.ratio.unwrap() < 0.35 && total.interval.unwrap().1 < 0.4, "{total:?}");
    assert_eq!((comparison.conclusion.word, comparison.conclusion.firm), (Word::Better, true));
    assert!((comparison.least_p.unwrap() - 2.0 / 252.0).abs() < 1e-9);
    // A metric outside the headline is never firm.
    let p50 = row(&comparison, Metric::StallP50);
    assert!(!p50.firm && p50.p.is_none());
    insta::assert_snapshot!(plain(&comparison));
    insta::assert_snapshot!(markdown(&document(&comparison, false)));
    let failed = |condition: &str| condition.parse::<super::fail_if::FailIf>().unwrap().judge(&comparison);
    assert!(matches!(failed("stall.total < -50%"), Outcome::Met(_)));
    assert_eq!(failed("stall.total > +20%"), Outcome::NotMet);
    assert!(matches!(failed("stall.max > +20%"), Outcome::Undecidable(_)));
}

#[test]
fn the_same_runs_do_not_differ() {
    let comparison = compare(&five("a", 50), &five("b", 50), &CompareOptions::default());
    assert_eq!(comparison.conclusion.word, Word::NoDifferenceShown);
    assert!(comparison.rows.iter().all(|row| !matches!(row.word, Word::Better | Word::Worse)));
}

#[test]
fn one_run_a_side_is_an_indication_and_takes_ten_minutes() {
    let long = |stalls, seconds| side("x", vec![run((0..seconds).map(|_| slice(stalls, 1_000_000)).collect())]);
    let comparison = compare(&long(10, 700), &long(30, 900), &CompareOptions::default());
    let total = row(&comparison, Metric::StallTotal);
    assert_eq!((total.word, total.firm), (Word::Worse, false));
    assert!(plain(&comparison).contains("indicative"));
    let short = compare(&long(10, 590), &long(30, 900), &CompareOptions::default());
    assert!(short.rows.iter().all(|row| row.word == Word::CannotSay), "{}", plain(&short));
    assert!(short.guards.iter().any(|guard| guard.name == "missing s" && guard.tripped));
}

#[test]
fn what_lacks_on_a_side_cannot_be_said() {
    let of = |slices| side("x", vec![run(slices)]);
    let nothing = || of((0..700).map(|_| slice(0, 0)).collect());
    let some = || of((0..700).map(|_| slice(5, 1_000_000)).collect());
    for (before, after) in [(nothing(), some()), (some(), nothing()), (nothing(), nothing()), (of(Vec::new()), some())]
    {
        let comparison = compare(&before, &after, &CompareOptions::default());
        assert_eq!(row(&comparison, Metric::StallP99).word, Word::CannotSay);
        assert!(comparison.rows.iter().all(|row| !row.firm));
        // No value is NaN or infinite.
        assert!(!plain(&comparison).contains("NaN") && !plain(&comparison).contains("inf"), "{}", plain(&comparison));
    }
    // Zero on all of five runs is a measurement all the same.
    let comparison = compare(
        &five("old", 20),
        &side("new", (0..5).map(|_| run(vec![slice(0, 0); 60])).collect()),
        &CompareOptions::default(),
    );
    let total = row(&comparison, Metric::StallTotal);
    assert_eq!((total.word, total.firm, total.values[1]), (Word::Better, true, Some(0.0)));
    let calm = side("old", (0..5).map(|_| run(vec![slice(0, 0); 60])).collect());
    let comparison = compare(&calm, &five("new", 20), &CompareOptions::default());
    let failed = "stall.rate > +20%".parse::<super::fail_if::FailIf>().unwrap().judge(&comparison);
    assert!(matches!(failed, Outcome::Met(_)), "{failed:?}");
}

/// A side of one run with bursts of stalls of 1 ms. Each has `on` seconds and begins `every` seconds after the last.
fn bursts(name: &str, seconds: usize, on: usize, every: usize) -> super::Side {
    let second = |at: usize| slice(if at % every < on { 20 + (at * 7 % 11) as u32 } else { 0 }, 1_000_000);
    side(name, vec![run((0..seconds).map(second).collect())])
}

#[test]
fn few_bursts_have_no_interval_and_say_how_long_to_record() {
    let second =
        |at: usize| slice(if (100..160).contains(&at) || (430..450).contains(&at) { 20 } else { 0 }, 1_000_000);
    let old = side("old", vec![run((0..600).map(second).collect())]);
    let comparison = compare(&old, &bursts("new", 600, 2, 12), &CompareOptions::default());
    let total = row(&comparison, Metric::StallTotal);
    assert_eq!((total.word, total.interval), (Word::CannotSay, None));
    let reason = total.reason.as_deref().unwrap();
    assert!(reason.starts_with("only 2 bursts of about 40 s in old: record "), "{reason}");
    assert!(reason.ends_with(" a side, or 5 runs"), "{reason}");
    let short = comparison.guards.iter().find(|guard| guard.name == "missing s").unwrap();
    assert!(short.tripped && short.value.unwrap() > 0.0 && short.text == reason, "{short:?}");
    assert!(plain(&comparison).contains(reason) && markdown(&document(&comparison, false)).contains(reason));
    assert!(comparison.conclusion.lines[0].contains(reason), "{:?}", comparison.conclusion);
    let failed = "stall.rate > +20%".parse::<super::fail_if::FailIf>().unwrap().judge(&comparison);
    assert!(matches!(failed, Outcome::Undecidable(_)), "{failed:?}");
}

#[test]
fn many_bursts_on_one_side_and_none_on_the_other_differ() {
    let calm = || side("calm", vec![run(vec![slice(0, 0); 1800])]);
    let bursty = || bursts("bursty", 1800, 4, 24);
    let gone = compare(&bursty(), &calm(), &CompareOptions::default());
    let rate = row(&gone, Metric::StallRate);
    assert_eq!((rate.word, rate.interval.unwrap().0), (Word::Better, 0.0));
    let come = compare(&calm(), &bursty(), &CompareOptions::default());
    let rate = row(&come, Metric::StallRate);
    assert_eq!((rate.word, rate.firm, rate.interval, rate.ratio), (Word::Worse, false, None, None));
    let failed = "stall.rate > +20%".parse::<super::fail_if::FailIf>().unwrap().judge(&come);
    assert!(matches!(failed, Outcome::Met(_)), "{failed:?}");
    // A single burst is no reason for a word.
    let once = side("once", vec![run((0..1800).map(|at| slice(u32::from(at < 5), 1_000_000)).collect())]);
    assert_eq!(row(&compare(&once, &calm(), &CompareOptions::default()), Metric::StallRate).word, Word::CannotSay);
}

#[test]
fn what_differs_in_the_last_digits_is_no_change() {
    let of = |rate: f64| {
        let groups = [((super::changes::Scope::Process, "db".to_owned()), rate)];
        side("x", vec![super::Run { groups: groups.into(), ..run(vec![slice(1, 1000); 60]) }])
    };
    assert!(compare(&of(0.1 + 0.2), &of(0.3), &CompareOptions::default()).changes.is_empty());
    assert_eq!(compare(&of(0.3), &of(0.300_001), &CompareOptions::default()).changes.len(), 1);
    assert_eq!(super::number::ratio(0.1 + 0.2, 0.3), Some(1.0));
    assert_eq!(Word::of((1.0 - 1e-12, 1.0 - 1e-13), Better::Less), Word::NoDifferenceShown);
}

#[test]
fn a_stall_that_is_not_over_counts_as_far_as_it_has_come() {
    let mut hanging = run((0..60).map(|_| slice(0, 0)).collect());
    hanging.open = (1, 40_000_000_000);
    hanging.slices[59].read(Measure::StalledNs, 40_000_000_000, 0);
    let calm = side("calm", vec![run(vec![slice(0, 0); 60])]);
    let comparison = compare(&calm, &side("hang", vec![hanging]), &CompareOptions::default());
    assert!(row(&comparison, Metric::StallTotal).values[1].unwrap() > 0.6);
    assert!(plain(&comparison).contains("still open at the end"), "{}", plain(&comparison));
}

#[test]
fn guards_trip_on_what_they_guard() {
    let (mut before, mut after) = (five("a", 50), five("b", 50));
    after.runs[0].meta.host.kernel = "6.99".into();
    before.runs[1].lost = 7;
    after.runs[2].coverage = Some(("pgscan", 0.9));
    before.runs[3].longest_slice = 9.0;
    after.runs[4].suspended_ns = 5_000_000_000;
    before.runs[4].slices.truncate(20);
    let tripped = |options: &CompareOptions| -> Vec<&'static str> {
        let guards = compare(&before, &after, options).guards;
        guards.iter().filter(|guard| guard.tripped).map(|guard| guard.name).collect()
    };
    let all = tripped(&CompareOptions::default());
    assert_eq!(all, ["kernel", "durations", "events lost", "coverage", "suspended s", "slowest tick"]);
    assert!(!tripped(&CompareOptions { kernel_changed: true, ..CompareOptions::default() }).contains(&"kernel"));
}

#[test]
fn pairs_of_blocks_are_tested_within_pairs() {
    // Pairs far apart from each other, each with the same small change.
    let blocks = |plus: u32| (0..16).map(|n| run(vec![slice(20 + 40 * n + plus * (2 + n), 1_000_000); 25])).collect();
    let (before, after) = (side("a", blocks(0)), side("b", blocks(2)));
    let paired = compare(&before, &after, &CompareOptions { paired: true, ..CompareOptions::default() });
    let rate = row(&paired, Metric::StallRate);
    assert_eq!((rate.word, rate.firm), (Word::Worse, true));
    let unpaired = compare(&before, &after, &CompareOptions::default());
    assert_eq!(row(&unpaired, Metric::StallRate).word, Word::NoDifferenceShown);
}
