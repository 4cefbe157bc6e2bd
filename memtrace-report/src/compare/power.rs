//! Power of an experiment like this one: the share in which it would find a doubled stall rate.

use super::{
    judge::{Design, logs},
    run::Side,
    statistics::permutation,
};
use crate::metric::Metric;

/// Number of simulated experiments.
const TRIALS: u32 = 200;

/// Share of experiments with as many runs and the same spread in which a doubled rate would be found. `None` where the
/// runs have no spread to go by, or no stall that could be doubled.
pub(super) fn of_doubled_rate(before: &Side, after: &Side, design: Design, seed: u64) -> Option<f64> {
    let values =
        [before, after].map(|side| side.runs.iter().map(|run| Metric::StallRate.over(&run.sums())).collect::<Vec<_>>());
    values.iter().flatten().find(|value| value.is_ok_and(|rate| rate > 0.0))?;
    let [a, b] = logs(&values)?;
    let mut random = fastrand::Rng::with_seed(seed ^ 0x9e37_79b9);
    let doubled = std::f64::consts::LN_2;
    let mut found = 0;
    match design {
        Design::Runs => {
            let spread = ((variance(&a)? + variance(&b)?) / 2.0).sqrt();
            for trial in 0..TRIALS {
                let mut draw = |n: usize, shift: f64| -> Vec<Vec<f64>> {
                    (0..n).map(|_| vec![shift + spread * normal(&mut random)]).collect()
                };
                let (x, y) = (draw(a.len(), 0.0), draw(b.len(), doubled));
                let tested = permutation::two_sides(&x, &y, u64::from(trial))?;
                found += u32::from(tested.p[0] < 0.05);
            }
        }
        Design::Blocks => {
            let differences: Vec<f64> = a.iter().zip(&b).map(|(a, b)| b - a).collect();
            let spread = variance(&differences)?.sqrt();
            for trial in 0..TRIALS / 4 {
                let drawn: Vec<Vec<f64>> =
                    differences.iter().map(|_| vec![doubled + spread * normal(&mut random)]).collect();
                found += 4 * u32::from(permutation::pairs(&drawn, u64::from(trial))?.p[0] < 0.05);
            }
        }
        Design::Pair | Design::FewRuns => return None,
    }
    Some(f64::from(found) / f64::from(TRIALS))
}

fn variance(values: &[f64]) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a number of runs")]
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (values.len() > 1).then(|| values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0))
}

fn normal(random: &mut fastrand::Rng) -> f64 {
    let (u, v) = (1.0 - random.f64(), random.f64());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}
