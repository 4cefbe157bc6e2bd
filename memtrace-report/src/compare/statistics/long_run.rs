//! The variance of the sum of a series whose values depend on each other, from the series itself.
//!
//! The series is projected on its slowest cosines. Their squares estimate the spectral density at frequency 0, which is
//! that variance, and a difference in units of its root follows Student's t with as many degrees of freedom as there
//! are cosines (Lazarus, Lewis, Stock and Watson, "HAR inference", 2018). More cosines make the estimate sharper, but
//! too low where the series has a memory, which therefore limits their number.

use super::memory::Memory;

/// Share of the density at 0 that the cosines must see at least, on average; the estimate is corrected by what is left.
const SEEN: f64 = 0.93;
/// The least of that share with [`LEAST_COSINES`].
const LEAST_SEEN: f64 = 0.73;
/// Fewest cosines: the variance of fewer is too uncertain.
const LEAST_COSINES: usize = 8;

/// The variance of a sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LongRun {
    /// Variance of the sum of all values.
    pub variance: f64,
    /// Degrees of freedom.
    pub freedom: f64,
}

/// A memory that is too long for the series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TooSlow {
    /// Factor by which the series would have to be longer.
    pub longer: f64,
}

/// The variance of the sum of a series with this memory. The values add up to 0.
///
/// # Errors
/// When the series is too short for its memory.
pub fn long_run(values: &[f64], memory: &Memory) -> Result<LongRun, TooSlow> {
    let n = float(values.len());
    let most = (0.41 * n.powf(2.0 / 3.0)).floor();
    let mut seen = 0.0;
    let mut kept = (0, 1.0);
    let mut cosines = 0;
    while float(cosines) < most {
        cosines += 1;
        seen += memory.spectrum(cosines, n);
        let share = seen / float(cosines);
        if share >= SEEN || cosines <= LEAST_COSINES {
            kept = (cosines, share);
        } else {
            break;
        }
    }
    let (cosines, share) = kept;
    if cosines < LEAST_COSINES || share < LEAST_SEEN {
        return Err(TooSlow { longer: longer(n, memory) });
    }
    let squares: f64 = projections(values, cosines).map(|sum| sum * sum).sum();
    Ok(LongRun { variance: 2.0 * squares / float(cosines) / share, freedom: float(cosines) })
}

/// Factor by which a series with this memory has to be longer for [`LEAST_COSINES`].
fn longer(n: f64, memory: &Memory) -> f64 {
    let enough = |n: f64| {
        let seen: f64 = (1..=LEAST_COSINES).map(|cosine| memory.spectrum(cosine, n)).sum();
        0.41 * n.powf(2.0 / 3.0) >= float(LEAST_COSINES) && seen >= LEAST_SEEN * float(LEAST_COSINES)
    };
    let mut longer = 1.0;
    while !enough(n * longer) && longer < 1000.0 {
        longer *= 1.1;
    }
    longer
}

/// The sums of a series times each of its slowest cosines, from half a wave on.
fn projections(values: &[f64], cosines: usize) -> impl Iterator<Item = f64> {
    let period = 4 * values.len();
    let table: Vec<f64> = (0..period).map(|at| (std::f64::consts::TAU * float(at) / float(period)).cos()).collect();
    (1..=cosines).map(move |cosine| {
        // The n-th value is at the (2n + 1)-th quarter of a step; whole periods are left out.
        let (mut at, step) = (cosine % period, 2 * cosine % period);
        let mut sum = 0.0;
        for value in values {
            sum += value * table[at];
            at += step;
            at -= if at >= period { period } else { 0 };
        }
        sum
    })
}

#[expect(clippy::cast_precision_loss, reason = "a number of steps of a recording")]
fn float(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::{LongRun, Memory, TooSlow, float, long_run};

    fn centred(values: impl Iterator<Item = f64>) -> Vec<f64> {
        let values: Vec<f64> = values.collect();
        let mean = values.iter().sum::<f64>() / float(values.len());
        values.iter().map(|value| value - mean).collect()
    }

    fn estimate(values: &[f64]) -> Result<LongRun, TooSlow> {
        long_run(values, &Memory::of(values))
    }

    #[test]
    fn a_pure_cosine_is_all_in_its_own_projection() {
        let n = 600;
        let wave = |at: usize| (std::f64::consts::PI * 3.0 * (float(at) + 0.5) / float(n)).cos();
        let values: Vec<f64> = (0..n).map(wave).collect();
        let sums: Vec<f64> = super::projections(&values, 5).collect();
        for (at, sum) in sums.into_iter().enumerate() {
            let want = if at == 2 { float(n) / 2.0 } else { 0.0 };
            assert!((sum - want).abs() < 1e-9, "{at}: {sum}");
        }
    }

    #[test]
    fn the_variance_of_sums_is_that_of_the_law() {
        // Sums of moving averages over 5 of independent values: each counts five times, so 25 times the variance.
        let mut random = fastrand::Rng::with_seed(1);
        let mut sum = 0.0;
        for _ in 0..200 {
            let noise: Vec<f64> = (0..605).map(|_| random.f64()).collect();
            let values = centred(noise.windows(5).map(|window| window.iter().sum()));
            sum += estimate(&values).unwrap().variance / 200.0;
        }
        let want = 25.0 * 601.0 / 12.0;
        assert!((0.9..1.1).contains(&(sum / want)), "{}", sum / want);
    }

    #[test]
    fn a_random_walk_is_too_slow() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut sum = 0.0;
        let values = centred((0..600).map(|_| {
            sum += random.f64() - 0.5;
            sum
        }));
        let error = estimate(&values).unwrap_err();
        assert!(error.longer > 1.0, "{error:?}");
        assert!(estimate(&centred((0..50).map(|at| f64::from(at % 7)))).is_err(), "too few values");
    }

    #[test]
    fn no_variation_is_a_variance_of_0() {
        assert_eq!(estimate(&[0.0; 600]), Ok(LongRun { variance: 0.0, freedom: 29.0 }));
    }
}
