//! What the words rest on: the same bursty load on both sides must not come out different, and a doubled rate must.

use super::made::{of_latencies, run, side};
use crate::compare::{Options, Run, Word, compare};

/// One run of a bursty load: a load that goes up and down slowly (AR(1) in its logarithm), stalls at a rate of it, each
/// with a long-tailed duration.
fn bursty(random: &mut fastrand::Rng, seconds: u32, rate: f64) -> Run {
    let mut load = normal(random) * 0.8;
    let slices = (0..seconds).map(|_| {
        load = 0.9 * load + (1.0_f64 - 0.81).sqrt() * 0.8 * normal(random);
        let stalls = poisson(random, rate * load.exp());
        let latencies: Vec<u64> = (0..stalls).map(|_| ns(2e6 * (normal(random) + 0.5 * load).exp())).collect();
        of_latencies(&latencies)
    });
    run(slices.collect())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time")]
fn ns(value: f64) -> u64 {
    value as u64
}

fn normal(random: &mut fastrand::Rng) -> f64 {
    let (u, v) = (1.0 - random.f64(), random.f64());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

fn poisson(random: &mut fastrand::Rng, mean: f64) -> u32 {
    let mut n = 0;
    let mut left = mean;
    loop {
        left += (1.0 - random.f64()).ln();
        if left < 0.0 {
            return n;
        }
        n += 1;
    }
}

/// In which share of experiments of so many runs a side a firm word comes out.
fn firm(trials: u32, runs: u32, seconds: u32, factor: f64) -> f64 {
    let mut hits = 0;
    for trial in 1..=trials {
        let mut random = fastrand::Rng::with_seed(u64::from(trial));
        let mut make = |rate: f64| (0..runs).map(|_| bursty(&mut random, seconds, rate)).collect::<Vec<_>>();
        let (before, after) = (side("a", make(5.0)), side("b", make(5.0 * factor)));
        let comparison = compare(&before, &after, &Options { seed: u64::from(trial), ..Options::default() });
        let found = |row: &crate::compare::Row| row.firm && matches!(row.word, Word::Better | Word::Worse);
        hits += u32::from(comparison.rows.iter().any(found));
    }
    f64::from(hits) / f64::from(trials)
}

#[test]
fn the_same_load_is_rarely_called_different() {
    let share = firm(500, 5, 60, 1.0);
    assert!(share <= 0.06, "{share}");
}

#[test]
fn a_doubled_rate_is_found() {
    let share = firm(100, 5, 300, 2.0);
    assert!(share >= 0.85, "{share}");
}

#[test]
fn a_single_pair_is_never_firm() {
    for factor in [1.0, 2.0, 10.0] {
        assert!(firm(5, 1, 620, factor).abs() < f64::EPSILON);
    }
}
