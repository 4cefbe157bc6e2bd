//! The guard `drift`, against runs that are still warming up.
//!
//! The first third of each run is compared with its rest, in two ways: the stalled time, and the stalled time of a
//! typical second that has any. The second shows in bursts, too, whose number and length hide the first. Bursts make a
//! single run differ from third to third; a warm-up does so in the same direction in most runs. From six runs on, the
//! spread between the runs measures chance, and below that the ups and downs within each.

use statrs::distribution::{ContinuousCDF as _, StudentsT};

use super::{
    guard::Guard,
    number::differ,
    pair,
    run::{Run, Side},
};
use crate::{
    metric::{Measure, Slice},
    text::plain,
};

/// Number of runs from which on the spread between them measures chance.
const LEAST_RUNS: usize = 6;
/// Fewest slices of a third.
const LEAST_SLICES: usize = 10;
/// Share of stationary sets that chance may trip, where the spread between runs is the measure.
const CHANCE: f64 = 0.02;
/// Share of stationary sets that chance may trip, where the ups and downs within a run or two are the measure. These
/// are known less well.
const CHANCE_WITHIN: f64 = 0.01;
/// Largest ratio that is no warm-up, however sure it is.
const LEAST_RATIO: f64 = 1.1;
/// Largest ratio that is shown.
const MOST_RATIO: f64 = 100.0;

pub(super) fn drift(sides: [&Side; 2]) -> Guard {
    let total = of_runs(sides, of_total).and_then(|contrasts| Found::of(&contrasts));
    let busy = of_runs(sides, of_busy).and_then(|contrasts| Found::of(&contrasts));
    // Few runs must have many bursts for either way.
    let few = sides.map(|side| side.runs.len()).iter().sum::<usize>() < LEAST_RUNS;
    let ways = if few && total.is_none() { [None, None] } else { [total, busy] };
    let found = ways.into_iter().flatten().max_by(|a, b| a.excess().total_cmp(&b.excess()));
    let Some(found) = found else {
        let text = "too few stalls, or runs too short, to see a warm-up".to_owned();
        return Guard { name: "drift", value: None, limit: LEAST_RATIO, tripped: false, text };
    };
    let tripped = found.ratio > found.limit;
    let ratio = plain(found.ratio);
    let text = match (tripped, found.is_more_at_first) {
        (false, _) => {
            format!("the first third of the runs and the rest differ {ratio}-fold, which can be chance")
        }
        (true, true) => format!("the first third of most runs stalls {ratio} times as much as the rest: {LEAVE_OUT}"),
        (true, false) => format!("the rest of most runs stalls {ratio} times as much as the first third: {LEAVE_OUT}"),
    };
    Guard { name: "drift", value: Some(found.ratio), limit: found.limit, tripped, text }
}

const LEAVE_OUT: &str = "exclude a warm-up with --since";

/// The first third of a run against its rest.
#[derive(Clone, Copy)]
struct Contrast {
    /// Difference of both means, as a logarithm or as a share of the mean of all.
    difference: f64,
    /// Variance of that by the ups and downs within the run, with its degrees of freedom; `None` where they are too
    /// slow.
    within: Option<(f64, f64)>,
}

/// The contrast of each run; `None` when a run is too short, or no run has a difference.
fn of_runs(sides: [&Side; 2], of: impl Fn(&Run, f64, bool) -> Contrast) -> Option<Vec<Contrast>> {
    let runs = || sides.into_iter().flat_map(|side| &side.runs);
    if runs().any(|run| run.slices.len() < 3 * LEAST_SLICES) {
        return None;
    }
    let few = runs().count() < LEAST_RUNS;
    let contrasts = sides.into_iter().flat_map(|side| {
        let sums = side.sums();
        let rate = sums.counted(Measure::StalledNs) / sums.read_s(Measure::Stalls).unwrap_or(1.0);
        let of = &of;
        side.runs.iter().map(move |run| of(run, rate, few))
    });
    let contrasts: Vec<Contrast> = contrasts.collect();
    contrasts.iter().any(|contrast| contrast.difference.abs() > 0.0).then_some(contrasts)
}

#[expect(clippy::cast_precision_loss, reason = "a time of a recording")]
fn stalled(slice: &Slice) -> f64 {
    slice.counted(Measure::StalledNs) as f64
}

#[expect(clippy::cast_precision_loss, reason = "a time of a recording")]
fn seconds(slice: &Slice) -> f64 {
    slice.elapsed_ns() as f64 / 1e9
}

/// Contrast of the stalled time, as a share of the mean of the side, which is `rate` in ns per s.
fn of_total(run: &Run, rate: f64, within: bool) -> Contrast {
    let all: Vec<(f64, f64)> = run.slices.iter().map(|slice| (stalled(slice), seconds(slice))).collect();
    contrast(&all, rate.max(f64::MIN_POSITIVE), within)
}

/// Contrast of the logarithm of the stalled time per second, over slices that have any.
fn of_busy(run: &Run, _: f64, within: bool) -> Contrast {
    let logs = run.slices.iter().map(|slice| {
        let rate = stalled(slice) / seconds(slice);
        if rate > 0.0 && rate.is_finite() { (rate.ln(), 1.0) } else { (0.0, 0.0) }
    });
    contrast(&logs.collect::<Vec<_>>(), 1.0, within)
}

/// The difference of the means of both parts, each the sum of values by the sum of weights, in units of `unit`.
fn contrast(all: &[(f64, f64)], unit: f64, within: bool) -> Contrast {
    let (first, rest) = all.split_at(all.len() / 3);
    let weight = |part: &[(f64, f64)]| part.iter().map(|(_, weight)| weight).sum::<f64>();
    let mean = |part: &[(f64, f64)]| part.iter().map(|(value, _)| value).sum::<f64>() / weight(part);
    if weight(first) <= 0.0 || weight(rest) <= 0.0 {
        return Contrast { difference: 0.0, within: None };
    }
    let whole = weight(all) * unit;
    let means = [mean(first), mean(rest)];
    let deviation = |(at, (value, weight)): (usize, &(f64, f64))| {
        let expected = weight * means[usize::from(at >= first.len())];
        if differ(*value, expected) { (value - expected) / whole } else { 0.0 }
    };
    let deviations: Vec<f64> = all.iter().enumerate().map(deviation).collect();
    let found = if within { pair::within(&deviations) } else { None };
    // The variance found is that of a mean over the whole run; over a third and two thirds it is 3 and 3/2 times as
    // much.
    let within = found.map(|found| (4.5 * found.variance, found.freedom));
    Contrast { difference: (means[0] - means[1]) / unit, within }
}

/// Difference between the first third of the runs and the rest of them, and the part of it that chance makes.
struct Found {
    is_more_at_first: bool,
    ratio: f64,
    limit: f64,
}

impl Found {
    fn of(contrasts: &[Contrast]) -> Option<Self> {
        #[expect(clippy::cast_precision_loss, reason = "a number of runs")]
        let n = contrasts.len() as f64;
        let mean = contrasts.iter().map(|contrast| contrast.difference).sum::<f64>() / n;
        let (variance, freedom, chance) = if contrasts.len() >= LEAST_RUNS {
            let squares: f64 = contrasts.iter().map(|contrast| (contrast.difference - mean).powi(2)).sum();
            (squares / (n - 1.0) / n, n - 1.0, CHANCE)
        } else {
            let within = contrasts.iter().map(|contrast| contrast.within).collect::<Option<Vec<_>>>()?;
            let variance: f64 = within.iter().map(|(variance, _)| variance).sum();
            let squares: f64 = within.iter().map(|(variance, freedom)| variance * variance / freedom).sum();
            (variance / n / n, if squares > 0.0 { variance * variance / squares } else { 1.0 }, CHANCE_WITHIN)
        };
        let t = StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf(1.0 - chance / 2.0);
        let ratio = |difference: f64| difference.exp().min(MOST_RATIO);
        Some(Self {
            is_more_at_first: mean > 0.0,
            ratio: ratio(mean.abs()),
            limit: ratio(t * variance.sqrt()).max(LEAST_RATIO),
        })
    }

    fn excess(&self) -> f64 {
        self.ratio.ln() / self.limit.ln()
    }
}

#[cfg(test)]
mod tests {
    use super::drift;
    use crate::compare::{
        Side,
        tests::made::{run, side, slice},
    };

    /// Runs of 60 s with 10 stalls of 1 ms a second, and other numbers of stalls in the first third.
    fn runs(first: &[u32]) -> Side {
        let of = |stalls: u32| run((0..60).map(|at| slice(if at < 20 { stalls } else { 10 }, 1_000_000)).collect());
        side("x", first.iter().map(|stalls| of(*stalls)).collect())
    }

    #[test]
    fn a_warm_up_of_most_runs_trips_and_that_of_one_does_not() {
        let still = runs(&[10, 11, 9, 10, 10]);
        let warm = drift([&runs(&[14, 15, 16, 15, 13]), &runs(&[16, 15, 14, 15, 15])]);
        assert!(warm.tripped && (1.4..1.6).contains(&warm.value.unwrap()), "{warm:?}");
        assert!(warm.text.contains("first third of most runs stalls 1."), "{warm:?}");
        let cold = drift([&runs(&[5, 6, 5, 4, 5]), &runs(&[5, 6, 5, 4, 6])]);
        assert!(cold.tripped && cold.text.starts_with("the rest of most runs"), "{cold:?}");
        for calm in [runs(&[10, 11, 9, 10, 90]), runs(&[15, 16, 5, 6, 10])] {
            let guard = drift([&calm, &still]);
            assert!(!guard.tripped && guard.value.is_none_or(|value| value <= guard.limit), "{guard:?}");
        }
    }

    #[test]
    fn runs_without_stalls_and_short_runs_have_no_number() {
        let calm = side("calm", vec![run(vec![slice(0, 0); 600]); 5]);
        let short = side("short", vec![run(vec![slice(5, 1000); 20]); 5]);
        for (a, b) in [(&calm, &calm), (&short, &short)] {
            let guard = drift([a, b]);
            assert!(guard.value.is_none() && !guard.tripped, "{guard:?}");
        }
    }
}
