//! From counts to words: values, intervals, and a test where there are enough runs.

use super::{
    number::ratio,
    options::{CONFIDENCE, LEAST_RUNS},
    pair,
    run::{Run, Side},
    statistics::{permutation, welch},
    word::Word,
};
use crate::{
    metric::{Metric, Missing},
    text::things,
};

/// The metrics that are tested, fixed before any data is seen: each additional one makes a firm word harder.
pub const HEADLINE: [Metric; 3] = [Metric::StallTotal, Metric::StallRate, Metric::StallP99];

/// Design of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Design {
    /// One run each: intervals by the ups and downs within it, an indication at most.
    Pair,
    /// Several runs each, of which fewer than [`LEAST_RUNS`] on a side: intervals, an indication at most.
    FewRuns,
    /// Enough runs for a test.
    Runs,
    /// Pairs of blocks, drawn within an experiment.
    Blocks,
}

impl Design {
    /// The design for these numbers of runs.
    #[must_use]
    pub fn of(before: usize, after: usize, paired: bool) -> Self {
        match (before, after) {
            (n, m) if paired && n == m && n >= LEAST_RUNS => Self::Blocks,
            (1, 1) => Self::Pair,
            (n, m) if n >= LEAST_RUNS && m >= LEAST_RUNS => Self::Runs,
            _ => Self::FewRuns,
        }
    }

    /// True when its words can be firm.
    #[must_use]
    pub const fn is_firm(self) -> bool {
        matches!(self, Self::Runs | Self::Blocks)
    }
}

/// Row of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricRow {
    /// Metric of the row.
    pub metric: Metric,
    /// Value of each side: the geometric mean of its runs, or their mean where one is 0; `None` without a value.
    pub values: [Option<f64>; 2],
    /// Ratio of after to before.
    pub ratio: Option<f64>,
    /// Interval of the ratio, with [`CONFIDENCE`].
    pub interval: Option<(f64, f64)>,
    /// Probability of such a difference by chance, corrected for all tested metrics; `None` where it is not tested.
    pub p: Option<f64>,
    /// Outcome in one word.
    pub word: Word,
    /// True when a test supports it; otherwise it is an indication.
    pub firm: bool,
    /// Reason that there is no outcome, or that it is not firm.
    pub reason: Option<String>,
}

/// All rows.
pub(super) struct Judged {
    pub(super) rows: Vec<MetricRow>,
    pub(super) least_p: Option<f64>,
}

/// Judgement of a single pair on each metric.
pub(super) type Pair = Vec<Result<pair::Judged, pair::Refused>>;

/// The values of a metric, run by run.
type Values = Vec<Result<f64, Missing>>;

pub(super) fn judge(before: &Side, after: &Side, design: Design, pair: Option<&Pair>, seed: u64) -> Judged {
    let sides = [before, after];
    let all = |metric| sides.map(|side| values(metric, side));
    let tested: Vec<(Metric, [Vec<f64>; 2])> = HEADLINE
        .into_iter()
        .filter(|_| design.is_firm())
        .filter_map(|metric| Some((metric, logs(&all(metric))?)))
        .collect();
    let result = test(&tested, design, seed);
    let rows = Metric::compared().enumerate().map(|(nth, metric)| {
        let at = tested.iter().position(|(other, _)| *other == metric);
        let p = at.zip(result.as_ref()).map(|(at, result)| result.p[at]);
        let shown =
            Shown { names: sides.map(|side| side.name.as_str()), pooled: sides.map(|side| pooled(metric, side)) };
        row(metric, &all(metric), &shown, design, pair.map(|pair| &pair[nth]), p)
    });
    Judged { rows: rows.collect(), least_p: result.as_ref().map(|result| result.least_p) }
}

fn values(metric: Metric, side: &Side) -> Values {
    side.runs.iter().map(|run| value(metric, run)).collect()
}

/// The value of all runs of a side together; `None` when even they are too few.
fn pooled(metric: Metric, side: &Side) -> Option<f64> {
    if metric == Metric::StallMax {
        return side.runs.iter().filter_map(|run| value(metric, run).ok()).reduce(f64::max);
    }
    metric.over(&side.sums()).ok()
}

/// Names of the sides, and the values to show where their runs have none.
struct Shown<'a> {
    names: [&'a str; 2],
    pooled: [Option<f64>; 2],
}

#[expect(clippy::cast_precision_loss, reason = "a time")]
fn value(metric: Metric, run: &Run) -> Result<f64, Missing> {
    if metric == Metric::StallMax {
        return run.max_ns.map(|ns| ns as f64).ok_or(Missing::Nothing);
    }
    metric.over(&run.sums())
}

/// Logarithms of all values, moved away from 0 by a hundredth of their mean: the same for both sides, so that the test
/// stays exact. `None` when a run has no value.
pub(super) fn logs(values: &[Values; 2]) -> Option<[Vec<f64>; 2]> {
    let known = |side: &Values| side.iter().map(|value| value.ok()).collect::<Option<Vec<f64>>>();
    let (before, after) = (known(&values[0])?, known(&values[1])?);
    #[expect(clippy::cast_precision_loss, reason = "a number of runs")]
    let mean = before.iter().chain(&after).sum::<f64>() / (before.len() + after.len()).max(1) as f64;
    let floor = if mean > 0.0 { mean / 100.0 } else { 1.0 };
    Some([before, after].map(|side| side.into_iter().map(|value| (value + floor).ln()).collect()))
}

fn test(tested: &[(Metric, [Vec<f64>; 2])], design: Design, seed: u64) -> Option<permutation::Tested> {
    let (_, first) = tested.first()?;
    let vectors = |side: usize| -> Vec<Vec<f64>> {
        (0..first[side].len()).map(|run| tested.iter().map(|(_, values)| values[side][run]).collect()).collect()
    };
    let (before, after) = (vectors(0), vectors(1));
    match design {
        Design::Runs => permutation::two_sides(&before, &after, seed),
        Design::Blocks => {
            let differences: Vec<Vec<f64>> =
                before.iter().zip(&after).map(|(a, b)| a.iter().zip(b).map(|(a, b)| b - a).collect()).collect();
            permutation::pairs(&differences, seed)
        }
        Design::Pair | Design::FewRuns => None,
    }
}

fn row(
    metric: Metric,
    values: &[Values; 2],
    shown: &Shown<'_>,
    design: Design,
    pair: Option<&Result<pair::Judged, pair::Refused>>,
    p: Option<f64>,
) -> MetricRow {
    let means = [mean(&values[0]), mean(&values[1])];
    let missing = means.iter().position(Result::is_err);
    let values_of = means.map(Result::ok);
    let by = |[before, after]: [Option<f64>; 2]| before.zip(after).and_then(|(before, after)| ratio(before, after));
    let blank = MetricRow {
        metric,
        values: values_of,
        ratio: by(values_of),
        interval: None,
        p,
        word: Word::CannotSay,
        firm: false,
        reason: None,
    };
    // All runs together may yield a value, even where they do not show a difference.
    let pooled = MetricRow { values: shown.pooled, ratio: by(shown.pooled), ..blank.clone() };
    if metric == Metric::StallMax && shown.pooled.iter().all(Option::is_some) {
        return MetricRow { reason: Some("not tested: a maximum is a single stall".to_owned()), ..pooled };
    }
    if let Some(side) = missing {
        let runs = values[side].len();
        let reason =
            values[side].iter().find_map(|value| value.err()).map(|missing| why(missing, shown.names[side], runs));
        return MetricRow { p: None, reason, ..pooled };
    }
    let known = |side: usize| values[side].iter().filter_map(|value| value.ok()).collect::<Vec<_>>();
    if let Some(judged) = pair {
        return of_pair(judged, blank);
    }
    let interval = match design {
        Design::Blocks => paired_interval(&known(0), &known(1)),
        _ => welch::ratio(&known(0), &known(1), CONFIDENCE).map(|ratio| (ratio.low, ratio.high)),
    };
    let blank = MetricRow { interval, ..blank };
    if let Some(p) = p {
        // The direction is that of the tested logarithms.
        let sums = logs(values).map(|sides| sides.map(|side| mean_of(&side)));
        let less = sums.is_some_and(|[before, after]| after < before);
        let word = match (p < 1.0 - CONFIDENCE, less) {
            (true, true) => Word::of_less(metric.better()),
            (true, false) => Word::of_more(metric.better()),
            (false, _) => Word::NoDifferenceShown,
        };
        return MetricRow { word, firm: true, ..blank };
    }
    let Some(interval) = interval else {
        return MetricRow { reason: Some(no_interval(design, values_of).to_owned()), ..blank };
    };
    let reason = match design {
        Design::Pair | Design::FewRuns => "indicative: fewer than 5 runs a side",
        Design::Runs | Design::Blocks => "indicative: from the interval alone, not tested",
    };
    MetricRow { word: Word::of(interval, metric.better()), reason: Some(reason.to_owned()), ..blank }
}

/// The row of a single pair.
fn of_pair(judged: &Result<pair::Judged, pair::Refused>, blank: MetricRow) -> MetricRow {
    match judged {
        Ok(judged) => MetricRow {
            interval: judged.interval,
            word: judged.word,
            reason: Some("indicative: one run a side".to_owned()),
            ..blank
        },
        Err(refused) => MetricRow { reason: Some(refused.text.clone()), ..blank },
    }
}

/// The geometric mean of the runs of a side, or their mean where one is 0.
#[expect(clippy::cast_precision_loss, reason = "a number of runs")]
fn mean(values: &Values) -> Result<f64, Missing> {
    let known = values.iter().copied().collect::<Result<Vec<f64>, Missing>>()?;
    if known.is_empty() {
        return Err(Missing::NotRead);
    }
    let n = known.len() as f64;
    Ok(if known.iter().all(|value| *value > 0.0) {
        (known.iter().map(|value| value.ln()).sum::<f64>() / n).exp()
    } else {
        known.iter().sum::<f64>() / n
    })
}

#[expect(clippy::cast_precision_loss, reason = "a number of runs")]
fn mean_of(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The interval of a ratio within pairs: t on the differences of logarithms.
fn paired_interval(before: &[f64], after: &[f64]) -> Option<(f64, f64)> {
    let differences: Vec<f64> = before
        .iter()
        .zip(after)
        .map(|(before, after)| (*before > 0.0 && *after > 0.0).then(|| (after / before).ln()))
        .collect::<Option<_>>()?;
    welch::mean_interval(&differences, CONFIDENCE).map(|(low, high)| (low.exp(), high.exp()))
}

fn why(missing: Missing, side: &str, runs: usize) -> String {
    match missing {
        Missing::NotRead => format!("not read in {side}"),
        Missing::Nothing if runs > 1 => format!("nothing to measure in a run of {side}"),
        Missing::Nothing => format!("nothing to measure in {side}"),
        Missing::TooFew { stalls, needed } if runs > 1 => {
            format!("{} in a run of {side}, {needed} are needed", things(stalls, "stall"))
        }
        Missing::TooFew { stalls, needed } => format!("{} in {side}, {needed} are needed", things(stalls, "stall")),
    }
}

fn no_interval(design: Design, values: [Option<f64>; 2]) -> &'static str {
    let is_none = |value: Option<f64>| matches!(value, Some(value) if value <= 0.0);
    match design {
        _ if is_none(values[0]) && is_none(values[1]) => "none on either side",
        Design::FewRuns if is_none(values[0]) || is_none(values[1]) => "no ratio: one side has none",
        _ => "no interval: a run has none, or a side has one run",
    }
}
