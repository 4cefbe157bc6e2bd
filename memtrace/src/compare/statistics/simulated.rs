//! What the tests of the statistics rest on: the same bursty law before and after must not look different, and a
//! doubled rate must.

use super::permutation::two_sides;

/// One run of a bursty load: a load that goes up and down slowly (AR(1) in its logarithm), stalls at a rate of it, each
/// with a long-tailed duration. Its headline: stalled s/s, stall rate, p99 in s.
fn run(random: &mut fastrand::Rng, seconds: u32, rate: f64) -> Vec<f64> {
    let mut load = normal(random) * 0.8;
    let mut latencies = Vec::new();
    for _ in 0..seconds {
        load = 0.9 * load + (1.0_f64 - 0.81).sqrt() * 0.8 * normal(random);
        let stalls = poisson(random, rate * load.exp());
        latencies.extend((0..stalls).map(|_| 0.002 * (normal(random) + 0.5 * load).exp()));
    }
    latencies.sort_by(f64::total_cmp);
    let n = latencies.len();
    let p99 = latencies.get(n * 99 / 100).copied().unwrap_or(0.0);
    let seconds = f64::from(seconds);
    #[expect(clippy::cast_precision_loss, reason = "a number of stalls")]
    let values = [latencies.iter().sum::<f64>() / seconds, n as f64 / seconds, p99];
    values.map(|value: f64| (value + 1e-9).ln()).to_vec()
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

/// In how many of `trials` experiments of 5 + 5 runs some metric comes out firm.
fn found(trials: u64, seconds: u32, factor: f64) -> f64 {
    let mut hits = 0.0;
    for trial in 0..trials {
        let mut random = fastrand::Rng::with_seed(trial + 1);
        let before: Vec<_> = (0..5).map(|_| run(&mut random, seconds, 5.0)).collect();
        let after: Vec<_> = (0..5).map(|_| run(&mut random, seconds, 5.0 * factor)).collect();
        let tested = two_sides(&before, &after, trial).unwrap();
        hits += f64::from(u8::from(tested.p.iter().any(|&p| p < 0.05)));
    }
    #[expect(clippy::cast_precision_loss, reason = "a number of trials")]
    let all = trials as f64;
    hits / all
}

#[test]
fn the_same_load_is_rarely_called_different() {
    let share = found(500, 60, 1.0);
    assert!(share <= 0.06, "{share}");
}

#[test]
fn a_doubled_rate_is_found() {
    let share = found(100, 300, 2.0);
    assert!(share >= 0.85, "{share}");
}
