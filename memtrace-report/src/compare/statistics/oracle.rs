//! Our statistics against those of a library, where it has them.

use statrs::stats_tests::{Alternative, NaNPolicy, fisher::fishers_exact, ttest_onesample::ttest_onesample};

use super::{permutation, welch};

/// For runs with values of 0 or 1, and as many runs on both sides, a permutation test of the means is Fisher's exact
/// test.
#[test]
fn permutations_of_yes_and_no_are_fisher_s() {
    for n in 3..8_u64 {
        for (a, b) in (0..=n).flat_map(|a| (0..=n).map(move |b| (a, b))) {
            let runs = |yes: u64| (0..n).map(|run| vec![f64::from(u8::from(run < yes))]).collect::<Vec<_>>();
            let ours = permutation::two_sides(&runs(a), &runs(b), 1).unwrap().p[0];
            let theirs = fishers_exact(&[a, b, n - a, n - b], Alternative::TwoSided).unwrap();
            assert!((ours - theirs).abs() < 1e-9, "{a} and {b} of {n}: {ours} {theirs}");
        }
    }
}

/// Student's test has p = 0.05 for a mean at either end of an interval of 95 %.
#[test]
fn intervals_of_a_mean_end_where_student_s_test_turns() {
    for seed in 0..40 {
        let mut random = fastrand::Rng::with_seed(seed);
        let values: Vec<f64> = (0..random.usize(3..12)).map(|_| random.f64() * 4.0 - 1.0).collect();
        let (low, high) = welch::mean_interval(&values, 0.95).unwrap();
        for end in [low, high] {
            let (_, p) = ttest_onesample(values.clone(), end, Alternative::TwoSided, NaNPolicy::Error).unwrap();
            assert!((p - 0.05).abs() < 1e-6, "{values:?}: {p}");
        }
    }
}
