//! Statistics of small samples.

use std::time::{SystemTime, UNIX_EPOCH};

/// Random numbers good enough to shuffle with (xorshift64*).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::from(since.subsec_nanos()) << 20 | since.as_secs() | 1)
    }

    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n
    }

    /// Shuffles the items; all orders are equally likely.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

/// Median; NaN without values.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.get(sorted.len() / 2), sorted.len() % 2) {
        (Some(upper), 0) => (sorted[sorted.len() / 2 - 1] + upper) / 2.0,
        (Some(middle), _) => *middle,
        (None, _) => f64::NAN,
    }
}

/// 95 % confidence interval of the median (percentile bootstrap).
pub(super) fn interval(values: &[f64], random: &mut Random) -> (f64, f64) {
    const DRAWS: usize = 4000;
    let mut medians: Vec<f64> = (0..DRAWS)
        .map(|_| median(&(0..values.len()).map(|_| values[random.below(values.len())]).collect::<Vec<_>>()))
        .collect();
    medians.sort_by(f64::total_cmp);
    (medians[DRAWS * 25 / 1000], medians[DRAWS * 975 / 1000])
}

#[cfg(test)]
mod tests {
    use super::{Random, interval, median};

    #[test]
    fn medians() {
        assert!(median(&[]).is_nan());
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn the_interval_holds_the_median_and_not_the_outlier() {
        let values = [1.00, 1.01, 1.02, 1.01, 0.99, 1.00, 1.02, 1.01, 1.00, 1.01, 1.02, 9.0];
        let (low, high) = interval(&values, &mut Random::new());
        assert!(low <= median(&values) && median(&values) <= high && high < 1.1, "{low} {high}");
    }

    #[test]
    fn a_shuffle_keeps_all() {
        let mut items: Vec<u32> = (0..100).collect();
        Random::new().shuffle(&mut items);
        assert!(items.windows(2).any(|pair| pair[0] > pair[1]));
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
