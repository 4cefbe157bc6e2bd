//! An interval for the ratio of two sides with several runs each: Welch's t on logarithms.

use statrs::distribution::{ContinuousCDF as _, StudentsT};

/// A ratio (after by before) with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// The estimate.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// The ratio of the geometric means of the runs' values, with the interval that covers it with this `confidence` (such
/// as 0.95). `None` with fewer than two runs on a side, or when a value is not above 0: it has no logarithm.
#[must_use]
pub fn ratio(before: &[f64], after: &[f64], confidence: f64) -> Option<Ratio> {
    let (a, b) = (logs(before)?, logs(after)?);
    let (a, b) = (Sample::of(&a)?, Sample::of(&b)?);
    let difference = b.mean - a.mean;
    let error = (a.squared_error + b.squared_error).sqrt();
    let half = if error > 0.0 {
        // Welch and Satterthwaite.
        let freedom = error.powi(4) / (a.squared_error.powi(2) / (a.n - 1.0) + b.squared_error.powi(2) / (b.n - 1.0));
        StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf(0.5 + confidence / 2.0) * error
    } else {
        0.0
    };
    Some(Ratio { value: difference.exp(), low: (difference - half).exp(), high: (difference + half).exp() })
}

/// The interval that covers the mean of these values with this `confidence` (Student's t); `None` with fewer than two.
#[must_use]
pub fn mean_interval(values: &[f64], confidence: f64) -> Option<(f64, f64)> {
    let sample = Sample::of(values)?;
    let half = StudentsT::new(0.0, 1.0, sample.n - 1.0).ok()?.inverse_cdf(0.5 + confidence / 2.0)
        * sample.squared_error.sqrt();
    Some((sample.mean - half, sample.mean + half))
}

fn logs(values: &[f64]) -> Option<Vec<f64>> {
    values.iter().map(|&value| (value > 0.0 && value.is_finite()).then(|| value.ln())).collect()
}

struct Sample {
    n: f64,
    mean: f64,
    squared_error: f64,
}

impl Sample {
    #[expect(clippy::cast_precision_loss, reason = "a number of runs")]
    fn of(values: &[f64]) -> Option<Self> {
        if values.len() < 2 {
            return None;
        }
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
        Some(Self { n, mean, squared_error: variance / n })
    }
}

#[cfg(test)]
mod tests {
    use super::ratio;

    #[test]
    fn a_known_interval() {
        // scipy.stats.ttest_ind(log(after), log(before), equal_var=False).confidence_interval()
        let found = ratio(&[2.1, 1.9, 2.3, 2.0, 1.8], &[4.2, 3.9, 4.4, 4.1, 3.6], 0.95).unwrap();
        let want = [2.002_488_080_923_4, 1.765_229_819_255_1, 2.271_635_381_693_4];
        for (found, want) in [found.value, found.low, found.high].into_iter().zip(want) {
            assert!((found - want).abs() < 1e-9, "{found} {want}");
        }
    }

    #[test]
    fn what_has_no_interval() {
        assert_eq!(ratio(&[1.0], &[1.0, 2.0], 0.95), None);
        assert_eq!(ratio(&[0.0, 1.0], &[1.0, 2.0], 0.95), None);
        let same = ratio(&[2.0, 2.0], &[4.0, 4.0], 0.95).unwrap();
        assert!((same.low - 2.0).abs() < 1e-12 && (same.high - 2.0).abs() < 1e-12);
    }
}
