//! Share of comparisons in which the words and intervals of `memtrace compare` are right, on loads with a known law.

use memtrace_report::{
    compare::{
        CompareOptions, Comparison, HEADLINE, MetricRow, Word, compare,
        fail_if::{FailIf, Outcome},
    },
    metric::Metric,
};

use super::loads::Load;

/// The rows whose intervals are counted.
pub(crate) const ROWS: [Metric; 7] = [
    Metric::StallTotal,
    Metric::StallRate,
    Metric::StallPerGib,
    Metric::StallP50,
    Metric::StallP90,
    Metric::StallP99,
    Metric::TimeP50,
];

/// Counts over comparisons of two recordings of one load.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    /// Comparisons.
    pub(crate) pairs: u32,
    /// Intervals by row of [`ROWS`]; `covering` counts those that hold the true ratio.
    pub(crate) intervals: [u32; ROWS.len()],
    pub(crate) covering: [u32; ROWS.len()],
    /// Comparisons in which a row of the headline has a word though nothing was changed.
    pub(crate) false_words: u32,
    /// Comparisons that a condition on the stall rate calls worse by a fifth though nothing was changed.
    pub(crate) false_fail_if: u32,
    /// Comparisons with twice the rate that call it worse.
    pub(crate) found: u32,
}

impl Counts {
    /// Share of the comparisons without an interval of the stalled time.
    pub(crate) fn refused(&self) -> f64 {
        1.0 - self.share(self.intervals[0])
    }

    /// Share of the intervals of a row that hold the true ratio; `None` without an interval.
    pub(crate) fn coverage(&self, row: usize) -> Option<f64> {
        (self.intervals[row] > 0).then(|| f64::from(self.covering[row]) / f64::from(self.intervals[row]))
    }

    /// Share of all comparisons.
    pub(crate) fn share(&self, n: u32) -> f64 {
        f64::from(n) / f64::from(self.pairs)
    }
}

/// Compares `seeds` pairs of sides of this load in which nothing was changed, and as many in which the rate was
/// doubled.
pub(crate) fn measure(load: Load, runs: usize, seconds: usize, seeds: u32) -> Counts {
    let mut counts = Counts { pairs: seeds, ..Counts::default() };
    let worse: FailIf = "stall.rate > +20%".parse().unwrap();
    for seed in 1..=u64::from(seeds) {
        let mut random = fastrand::Rng::with_seed(seed);
        let options = CompareOptions { seed, ..CompareOptions::default() };
        let before = load.side(&mut random, runs, seconds, |_| 1.0);
        let same = compare(&before, &load.side(&mut random, runs, seconds, |_| 1.0), &options);
        for (at, metric) in ROWS.into_iter().enumerate() {
            let interval = row(&same, metric).interval;
            counts.intervals[at] += u32::from(interval.is_some());
            counts.covering[at] += u32::from(interval.is_some_and(|(low, high)| low <= 1.0 && 1.0 <= high));
        }
        let differs = |metric: &Metric| matches!(row(&same, *metric).word, Word::Better | Word::Worse);
        counts.false_words += u32::from(HEADLINE.iter().any(differs));
        counts.false_fail_if += u32::from(matches!(worse.judge(&same), Outcome::Met(_)));
        let doubled = compare(&before, &load.side(&mut random, runs, seconds, |_| 2.0), &options);
        counts.found += u32::from(row(&doubled, Metric::StallRate).word == Word::Worse);
    }
    counts
}

fn row(comparison: &Comparison, metric: Metric) -> &MetricRow {
    comparison.rows.iter().find(|row| row.metric == metric).unwrap()
}

/// Share of `seeds` sets in which the guard `drift` trips. In the first third of each run, the rate is `first` times
/// that of the rest.
pub(crate) fn drift(load: Load, runs: usize, seconds: usize, first: f64, seeds: u32) -> f64 {
    let mut tripped = 0;
    for seed in 1..=u64::from(seeds) {
        let mut random = fastrand::Rng::with_seed(seed);
        let factor = |at: usize| if at < seconds / 3 { first } else { 1.0 };
        let [before, after] = [(); 2].map(|()| load.side(&mut random, runs, seconds, factor));
        let comparison = compare(&before, &after, &CompareOptions { seed, ..CompareOptions::default() });
        tripped += u32::from(comparison.guards.iter().any(|guard| guard.name == "drift" && guard.tripped));
    }
    f64::from(tripped) / f64::from(seeds)
}
