//! Exact permutation tests over runs, corrected for several metrics by max-T.
//!
//! If nothing changed, every way to call some runs "before" and the others "after" was as likely as the true one. The
//! share of relabelings in which the largest statistic of the family is at least as large as one metric's own is its p:
//! it holds for the whole family at once, however the metrics depend on each other (Westfall and Young, 1993).

/// Most relabelings that are enumerated; of more, `DRAWN` are drawn.
const EXHAUSTIVE: u64 = 200_000;
const DRAWN: u64 = 20_000;

/// Result of a test.
#[derive(Clone, Debug, PartialEq)]
pub struct Tested {
    /// The p of each metric, corrected for all of them.
    pub p: Vec<f64>,
    /// The smallest p that this number of runs can reach.
    pub least_p: f64,
}

/// Tests whether the runs of two sides differ. Each run has one value of each metric, all runs the same metrics.
///
/// `None` with fewer than two runs on a side: there is nothing to permute.
#[must_use]
pub fn two_sides(before: &[Vec<f64>], after: &[Vec<f64>], seed: u64) -> Option<Tested> {
    let (n, m) = (before.len(), after.len());
    if n < 2 || m < 2 {
        return None;
    }
    let runs: Vec<&[f64]> = before.iter().chain(after).map(Vec::as_slice).collect();
    let metrics = runs.iter().map(|run| run.len()).min().unwrap_or(0);
    let mut is_after = vec![false; n + m];
    is_after[n..].fill(true);
    let statistics = |is_after: &[bool]| -> Vec<f64> {
        (0..metrics)
            .map(|metric| separation(runs.iter().zip(is_after).map(|(run, &side)| (run[metric], side))))
            .collect()
    };
    let observed = statistics(&is_after);
    let mut counter = Counter::new(&observed);
    let ways = binomial((n + m) as u64, n as u64);
    if ways <= EXHAUSTIVE {
        each_choice(n + m, m, |is_after| counter.add(&statistics(is_after)));
        // With as many runs on both sides each relabeling has a mirror image that is just as far apart.
        let least = if n == m { 2.0 } else { 1.0 };
        return Some(Tested { p: counter.shares(0), least_p: least / float(ways) });
    }
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..DRAWN {
        random.shuffle(&mut is_after);
        counter.add(&statistics(&is_after));
    }
    Some(Tested { p: counter.shares(1), least_p: 1.0 / float(DRAWN + 1) })
}

/// Tests whether the differences within pairs (after minus before) are more than chance: each could as well have had
/// the other sign. `None` with fewer than two pairs.
#[must_use]
pub fn pairs(differences: &[Vec<f64>], seed: u64) -> Option<Tested> {
    let n = differences.len();
    if n < 2 {
        return None;
    }
    let metrics = differences.iter().map(Vec::len).min().unwrap_or(0);
    let statistics = |flipped: &dyn Fn(usize) -> bool| -> Vec<f64> {
        let value = |metric: usize| {
            one_sample(differences.iter().enumerate().map(|(i, d)| if flipped(i) { -d[metric] } else { d[metric] }))
        };
        (0..metrics).map(value).collect()
    };
    let observed = statistics(&|_| false);
    let mut counter = Counter::new(&observed);
    if n < 18 {
        for signs in 0..1_u64 << n {
            counter.add(&statistics(&|i| signs >> i & 1 == 1));
        }
        return Some(Tested { p: counter.shares(0), least_p: 2.0 / float(1 << n) });
    }
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..DRAWN {
        let signs: Vec<bool> = (0..n).map(|_| random.bool()).collect();
        counter.add(&statistics(&|i| signs[i]));
    }
    Some(Tested { p: counter.shares(1), least_p: 1.0 / float(DRAWN + 1) })
}

/// Counts the relabelings in which the largest statistic reaches each observed one.
struct Counter<'a> {
    observed: &'a [f64],
    reached: Vec<u64>,
    relabelings: u64,
}

impl<'a> Counter<'a> {
    fn new(observed: &'a [f64]) -> Self {
        Self { observed, reached: vec![0; observed.len()], relabelings: 0 }
    }

    fn add(&mut self, statistics: &[f64]) {
        self.relabelings += 1;
        let largest = statistics.iter().copied().fold(0.0, f64::max);
        for (reached, observed) in self.reached.iter_mut().zip(self.observed) {
            // The same sums in another order may differ in the last digits.
            *reached += u64::from(largest >= observed * (1.0 - 1e-9));
        }
    }

    /// `extra`: the observed labelling itself, where it is not among those counted.
    fn shares(&self, extra: u64) -> Vec<f64> {
        let all = float(self.relabelings + extra);
        self.reached.iter().map(|&reached| float(reached + extra) / all).collect()
    }
}

/// Distance of the means of two groups, in units of Welch's standard error.
fn separation(values: impl Iterator<Item = (f64, bool)>) -> f64 {
    let mut groups = [Moments::default(); 2];
    for (value, side) in values {
        groups[usize::from(side)].add(value);
    }
    let [a, b] = groups;
    ratio((b.mean() - a.mean()).abs(), (a.squared_error() + b.squared_error()).sqrt())
}

fn one_sample(values: impl Iterator<Item = f64>) -> f64 {
    let mut all = Moments::default();
    values.for_each(|value| all.add(value));
    ratio(all.mean().abs(), all.squared_error().sqrt())
}

/// A difference in units of its error. Without any spread it is infinite, or 0 where there is no difference.
fn ratio(difference: f64, error: f64) -> f64 {
    if difference <= f64::EPSILON * error.abs() || difference == 0.0 { 0.0 } else { difference / error }
}

/// Sums for a mean and its error.
#[derive(Clone, Copy, Default)]
struct Moments {
    n: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64) {
        self.n += 1.0;
        let off = value - self.mean;
        self.mean += off / self.n;
        self.squares += off * (value - self.mean);
    }

    fn mean(&self) -> f64 {
        self.mean
    }

    /// The square of the mean's standard error.
    fn squared_error(&self) -> f64 {
        if self.n < 2.0 { 0.0 } else { self.squares / (self.n - 1.0) / self.n }
    }
}

/// Each way to choose `m` of `n`, once.
fn each_choice(n: usize, m: usize, mut visit: impl FnMut(&[bool])) {
    let mut chosen: Vec<usize> = (0..m).collect();
    let mut flags = vec![false; n];
    loop {
        flags.fill(false);
        for &i in &chosen {
            flags[i] = true;
        }
        visit(&flags);
        let Some(at) = (0..m).rev().find(|&i| chosen[i] < n - m + i) else { return };
        chosen[at] += 1;
        for i in at + 1..m {
            chosen[i] = chosen[i - 1] + 1;
        }
    }
}

/// `n` over `k`; the largest number where it does not fit.
fn binomial(n: u64, k: u64) -> u64 {
    (1..=k.min(n - k)).try_fold(1_u64, |ways, i| Some(ways.checked_mul(n - k.min(n - k) + i)? / i)).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "counts of relabelings are far below 2^53")]
fn float(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::{binomial, each_choice, pairs, two_sides};

    fn runs(values: &[f64]) -> Vec<Vec<f64>> {
        values.iter().map(|&value| vec![value]).collect()
    }

    #[test]
    fn choices_are_all_there_once() {
        for (n, m) in [(10, 5), (7, 3), (4, 2), (5, 5), (3, 1)] {
            let mut seen = std::collections::BTreeSet::new();
            each_choice(n, m, |flags| assert!(seen.insert(flags.to_vec())));
            assert_eq!(seen.len() as u64, binomial(n as u64, m as u64));
        }
        assert_eq!((binomial(10, 5), binomial(60, 30), binomial(200, 100)), (252, 118_264_581_564_861_424, u64::MAX));
    }

    #[test]
    fn five_and_five_that_do_not_overlap_reach_the_least_p() {
        let tested = two_sides(&runs(&[1.0, 2.0, 3.0, 4.0, 5.0]), &runs(&[11.0, 12.0, 13.0, 14.0, 15.0]), 1).unwrap();
        assert!(
            (tested.least_p - 2.0 / 252.0).abs() < 1e-12 && (tested.p[0] - tested.least_p).abs() < 1e-12,
            "{tested:?}"
        );
    }

    #[test]
    fn what_is_equal_has_p_one() {
        for values in [[0.0; 5], [3.5; 5], [1.0, 2.0, 3.0, 4.0, 5.0]] {
            let tested = two_sides(&runs(&values), &runs(&values), 1).unwrap();
            assert!((tested.p[0] - 1.0).abs() < 1e-12, "{tested:?}");
        }
    }

    #[test]
    fn no_spread_and_a_difference_is_as_firm_as_can_be() {
        let tested = two_sides(&runs(&[1.0; 5]), &runs(&[2.0; 5]), 1).unwrap();
        assert!((tested.p[0] - tested.least_p).abs() < 1e-12, "{tested:?}");
    }

    #[test]
    fn a_family_costs_something_and_a_metric_that_differs_still_shows() {
        let before: Vec<Vec<f64>> =
            (0..6).map(|i| vec![f64::from(i), f64::from(i * 7 % 5), f64::from(i * 3 % 4)]).collect();
        let after: Vec<Vec<f64>> =
            (0..6).map(|i| vec![f64::from(i) + 20.0, f64::from(i * 5 % 6), f64::from(i * 3 % 5)]).collect();
        let tested = two_sides(&before, &after, 1).unwrap();
        assert!(tested.p[0] < 0.01 && tested.p[1] > 0.2 && tested.p[2] > 0.2, "{tested:?}");
    }

    #[test]
    fn too_few_runs_cannot_be_tested() {
        assert_eq!(two_sides(&runs(&[1.0]), &runs(&[2.0, 3.0]), 1), None);
        assert_eq!(pairs(&runs(&[1.0]), 1), None);
        let three = two_sides(&runs(&[1.0, 1.1, 1.2]), &runs(&[9.0, 9.1, 9.2]), 1).unwrap();
        assert!((three.least_p - 0.1).abs() < 1e-12 && (three.p[0] - 0.1).abs() < 1e-12);
    }

    #[test]
    fn many_runs_are_sampled_and_reproducible() {
        let before = runs(&(0..30).map(f64::from).collect::<Vec<_>>());
        let after = runs(&(0..30).map(|i| f64::from(i) + 20.0).collect::<Vec<_>>());
        let tested = two_sides(&before, &after, 7).unwrap();
        assert_eq!(Some(&tested), two_sides(&before, &after, 7).as_ref());
        assert!(tested.p[0] < 0.001, "{tested:?}");
    }

    #[test]
    fn pairs_of_one_sign_reach_the_least_p() {
        let tested = pairs(&runs(&[1.0, 2.0, 1.5, 3.0, 2.0, 1.0]), 1).unwrap();
        assert!((tested.least_p - 0.03125).abs() < 1e-12 && (tested.p[0] - tested.least_p).abs() < 1e-12, "{tested:?}");
        let mixed = pairs(&runs(&[1.0, -2.0, 1.5, -3.0, 2.0, -1.0]), 1).unwrap();
        assert!(mixed.p[0] > 0.5, "{mixed:?}");
    }
}
