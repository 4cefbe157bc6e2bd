//! The intervals of a single pair of recordings, from the ups and downs within each.

use memtrace_common::histogram::BUCKETS;
use statrs::distribution::{ContinuousCDF as _, StudentsT};

use super::{
    number::differ,
    options::CONFIDENCE,
    refusal::{Cause, Refusal},
    run::Run,
    statistics::{
        long_run::{LongRun, long_run},
        memory::Memory,
    },
    word::Word,
};
use crate::metric::{Form, Metric, Slice, Sums, Term, middle_ns, reached};

/// The least length of a run: ten minutes, of which the last tick may lack a bit.
const LEAST_S: f64 = 594.0;
/// The fewest slices of time.
const LEAST_SLICES: usize = 100;
/// The largest variance of a sum that has an interval, as a share of the square of the sum: that of ten bursts of one
/// size. The logarithm of a sum that varies more is not nearly normal.
const MOST_VARIANCE: f64 = 0.1;
/// The largest such variance of the number of stalls beyond a percentile. Fewer bursts reach beyond it than there are.
const MOST_VARIANCE_BEYOND: f64 = 0.05;
/// Confidence of a word. The headline has three rows: together they may be wrong by chance no more often than one
/// interval.
const SURE: f64 = 0.99;

/// Judgement of a pair on one metric.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Judged {
    /// Interval of the ratio; `None` from none to some.
    pub(super) interval: Option<(f64, f64)>,
    pub(super) word: Word,
}

/// Reason that a metric of a pair has no judgement.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Refused {
    pub(super) text: String,
    /// Time that the side lacks, in s.
    pub(super) missing_s: f64,
}

/// Judgements of a pair of runs on each metric, in the order of [`Metric::compared`].
pub(super) fn judge(runs: [&Run; 2], names: [&str; 2]) -> Vec<Result<Judged, Refused>> {
    let sums = runs.map(Run::sums);
    Metric::compared().map(|metric| of_metric(metric, runs, &sums, names)).collect()
}

fn of_metric(metric: Metric, runs: [&Run; 2], sums: &[Sums; 2], names: [&str; 2]) -> Result<Judged, Refused> {
    let estimate = |side: usize| {
        let refused = |refusal: &Refusal| Refused {
            text: refusal.text(names[side]),
            missing_s: (refusal.needed_s - runs[side].seconds()).max(0.0),
        };
        Estimate::of(metric.form(), runs[side], &sums[side]).map_err(|refusal| refused(&refusal))
    };
    // The side that needs the longer recording gives the reason for both.
    let [before, after] = match (estimate(0), estimate(1)) {
        (Ok(before), Ok(after)) => [before, after],
        (Err(a), Err(b)) => return Err(if a.missing_s < b.missing_s { b } else { a }),
        (Err(refused), _) | (_, Err(refused)) => return Err(refused),
    };
    let better = metric.better();
    let no = |text: &str| Refused { text: text.to_owned(), missing_s: 0.0 };
    let [times_longer, times_shorter] = [[0, 1], [1, 0]].map(|[a, b]| runs[a].seconds() / runs[b].seconds());
    match (before, after) {
        (Some(before), Some(after)) => {
            let ends = |confidence| before.ratio(&after, confidence).ok_or_else(|| no("too rare for an interval"));
            Ok(Judged { interval: Some(ends(CONFIDENCE)?), word: Word::of(ends(SURE)?, better) })
        }
        (Some(some), None) => {
            let most = |confidence| some.most(times_longer, confidence).ok_or_else(|| no("one side has none"));
            Ok(Judged { interval: Some((0.0, most(CONFIDENCE)?)), word: Word::of((0.0, most(SURE)?), better) })
        }
        (None, Some(some)) => {
            let most = some.most(times_shorter, SURE).filter(|most| *most < 1.0);
            most.ok_or_else(|| no("no ratio: one side has none"))?;
            Ok(Judged { interval: None, word: Word::of_more(better) })
        }
        (None, None) => Err(no("none on either side")),
    }
}

/// Estimate of a metric by one run.
struct Estimate {
    /// Variance of the logarithm of a product; for a quantile, that of the share beyond it, divided by the square of
    /// that share.
    variance: f64,
    freedom: f64,
    of: Of,
}

enum Of {
    /// The logarithm of a product of sums, in no unit.
    Product { ln: f64 },
    /// Weights by bucket, and the share below the quantile.
    Quantile { weights: Vec<f64>, q: f64 },
}

impl Estimate {
    /// `None` where nothing was counted.
    fn of(form: Form, run: &Run, sums: &Sums) -> Result<Option<Self>, Refusal> {
        let Some((of, deviations)) = deviations(form, run, sums) else { return Ok(None) };
        let all_s = run.seconds();
        if all_s < LEAST_S {
            return Err(Refusal { cause: Cause::Short, needed_s: LEAST_S });
        }
        if run.slices.len() < LEAST_SLICES {
            #[expect(clippy::cast_precision_loss, reason = "a number of slices")]
            let longer = LEAST_SLICES as f64 / run.slices.len().max(1) as f64;
            return Err(Refusal { cause: Cause::Coarse, needed_s: all_s * longer });
        }
        let memory = Memory::of(&deviations);
        let refuse = |longer| Refusal::of(form, run, memory.steps(), longer);
        let found = long_run(&deviations, &memory).map_err(|slow| refuse(slow.longer))?;
        let most = if matches!(of, Of::Quantile { .. }) { MOST_VARIANCE_BEYOND } else { MOST_VARIANCE };
        if found.variance > most {
            return Err(refuse(found.variance / most));
        }
        Ok(Some(Self { variance: found.variance, freedom: found.freedom, of }))
    }

    /// Interval of the ratio of the other estimate to this one, with this confidence.
    fn ratio(&self, other: &Self, confidence: f64) -> Option<(f64, f64)> {
        let t = student(&[self, other], confidence)?;
        let [a, b] = [self.ends(t)?, other.ends(t)?];
        let difference = b.middle - a.middle;
        // Each end from the ends of both sides that it depends on (Zou and Donner, 2008).
        let low = difference - (b.middle - b.low).hypot(a.high - a.middle);
        let high = difference + (b.high - b.middle).hypot(a.middle - a.low);
        Some((low.exp(), high.exp()))
    }

    /// Largest ratio to this estimate that a run without any count may have, when this run is `times_longer` as long.
    /// The other run may have as many bursts as this confidence allows where none was seen, each of the mean size of
    /// these.
    fn most(&self, times_longer: f64, confidence: f64) -> Option<f64> {
        let t = student(&[self], confidence)?;
        let bursts = -((1.0 - confidence) / 2.0).ln();
        Some(bursts * self.variance * times_longer * (t * self.variance.sqrt()).exp()).filter(|most| most.is_finite())
    }

    /// The ends of the interval of this estimate alone.
    fn ends(&self, t: f64) -> Option<Ends> {
        let error = t * self.variance.sqrt();
        match &self.of {
            Of::Product { ln } => Some(Ends { low: ln - error, middle: *ln, high: ln + error }),
            Of::Quantile { weights, q } => {
                let at = |share: f64| {
                    let is_inside = share > 0.0 && share < 1.0;
                    is_inside.then(|| reached(weights.iter().copied().enumerate(), share)).flatten().map(f64::ln)
                };
                let error = error * (1.0 - q);
                Some(Ends { low: at(q - error)?, middle: at(*q)?, high: at(q + error)? })
            }
        }
    }
}

/// Ends of an interval and the estimate between them, as logarithms.
struct Ends {
    low: f64,
    middle: f64,
    high: f64,
}

/// The quantile of Student's t for the difference of these (Welch and Satterthwaite).
fn student(estimates: &[&Estimate], confidence: f64) -> Option<f64> {
    let variance: f64 = estimates.iter().map(|estimate| estimate.variance).sum();
    let squares: f64 = estimates.iter().map(|estimate| estimate.variance.powi(2) / estimate.freedom).sum();
    let freedom = if squares > 0.0 { variance.powi(2) / squares } else { 1.0 };
    Some(StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf(0.5 + confidence / 2.0))
}

/// The variance of the sum of such deviations of a run; `None` when it is too short for its ups and downs.
pub(super) fn within(deviations: &[f64]) -> Option<LongRun> {
    let found = long_run(deviations, &Memory::of(deviations)).ok().filter(|_| deviations.len() >= LEAST_SLICES);
    found.filter(|found| found.variance <= MOST_VARIANCE)
}

/// Deviation of each slice from its expected contribution, as a share of the estimate: their sum varies as the estimate
/// does.
fn deviations(form: Form, run: &Run, sums: &Sums) -> Option<(Of, Vec<f64>)> {
    if let Some(product) = form.product() {
        let total = |terms: &[Term]| terms.iter().map(|term| sums.term(*term)).product::<f64>();
        let (above, below) = (total(&product.over), total(&product.under));
        if above <= 0.0 || below <= 0.0 {
            return None;
        }
        let share =
            |slice: &Slice, terms: &[Term]| -> f64 { terms.iter().map(|of| slice.term(*of) / sums.term(*of)).sum() };
        let deviation = |slice: &Slice| {
            let (above, below) = (share(slice, &product.over), share(slice, &product.under));
            if differ(above, below) { above - below } else { 0.0 }
        };
        let ln = above.ln() - below.ln();
        return Some((Of::Product { ln }, run.slices.iter().map(deviation).collect()));
    }
    match form {
        Form::Quantile(q) => of_quantile(q, run, sums, |_| 1.0),
        Form::QuantileOfTime(q) => of_quantile(q, run, sums, middle_ns),
        _ => None,
    }
}

fn of_quantile(q: f64, run: &Run, sums: &Sums, weight: impl Fn(usize) -> f64) -> Option<(Of, Vec<f64>)> {
    let each: Vec<f64> = (0..BUCKETS).map(weight).collect();
    let weights: Vec<f64> = sums.latency.iter().zip(&each).map(|(count, weight)| count * weight).collect();
    let found = reached(weights.iter().copied().enumerate(), q)?;
    let is_beyond: Vec<bool> = (0..BUCKETS).map(|bucket| middle_ns(bucket) > found).collect();
    let all: f64 = weights.iter().sum();
    let beyond: f64 = weights.iter().zip(&is_beyond).filter(|(_, beyond)| **beyond).map(|(weight, _)| weight).sum();
    let share = beyond / all;
    let deviation = |slice: &Slice| {
        let of = |&(bucket, count): &(u16, u32)| {
            let bucket = usize::from(bucket) % BUCKETS;
            f64::from(count) * each[bucket] * (f64::from(u8::from(is_beyond[bucket])) - share)
        };
        slice.latency.iter().map(of).sum::<f64>() / (all * (1.0 - q))
    };
    Some((Of::Quantile { weights, q }, run.slices.iter().map(deviation).collect()))
}
