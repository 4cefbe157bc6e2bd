//! Moving-block bootstrap over seconds: an interval for what one recording shows, when there is only one.
//!
//! Seconds follow each other in bursts, so whole blocks of them are drawn. It still cries "different" in about one of
//! ten comparisons of what is the same, which is why a single pair is never more than indicative.

/// Length of a block, in seconds.
pub const BLOCK: usize = 30;
/// Fewer blocks than this give no interval.
pub const LEAST_BLOCKS: usize = 20;
/// How often is drawn.
pub const DRAWS: usize = 1000;

/// Draws of blocks out of one recording, reproducible by the seed.
#[derive(Debug)]
pub struct Draws {
    seconds: usize,
    random: fastrand::Rng,
    starts: Vec<usize>,
}

impl Draws {
    /// For a recording of so many seconds; `None` when it is too short for an interval.
    #[must_use]
    pub fn new(seconds: usize, seed: u64) -> Option<Self> {
        let blocks = seconds / BLOCK;
        (blocks >= LEAST_BLOCKS).then(|| Self {
            seconds,
            random: fastrand::Rng::with_seed(seed),
            starts: Vec::with_capacity(blocks),
        })
    }

    /// The next draw: where its blocks of [`BLOCK`] seconds begin.
    pub fn draw(&mut self) -> &[usize] {
        self.starts.clear();
        for _ in 0..self.seconds / BLOCK {
            self.starts.push(self.random.usize(0..=self.seconds - BLOCK));
        }
        &self.starts
    }
}

/// Sums over the first so many seconds, so that the sum of a block is one subtraction.
#[derive(Clone, Debug)]
pub struct Prefix(Vec<f64>);

impl Prefix {
    /// Of a value for each second.
    #[must_use]
    pub fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut sum = 0.0;
        Self(
            std::iter::once(0.0)
                .chain(values.map(|value| {
                    sum += value;
                    sum
                }))
                .collect(),
        )
    }

    /// The sum over the blocks of a draw.
    #[must_use]
    pub fn sum(&self, starts: &[usize]) -> f64 {
        starts.iter().map(|&start| self.0[start + BLOCK] - self.0[start]).sum()
    }
}

/// The middle part of these values that holds the share `confidence` of them; `None` when one is missing: an interval
/// of some draws only would be of something else.
#[must_use]
pub fn interval(values: impl Iterator<Item = Option<f64>>, confidence: f64) -> Option<(f64, f64)> {
    let mut values: Vec<f64> = values.collect::<Option<_>>()?;
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a position in a list of a thousand"
    )]
    let at = |share: f64| values[((last as f64 * share).round() as usize).min(last)];
    Some((at((1.0 - confidence) / 2.0), at((1.0 + confidence) / 2.0)))
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, DRAWS, Draws, Prefix, interval};

    #[test]
    fn short_recordings_have_no_interval() {
        assert!(Draws::new(599, 1).is_none() && Draws::new(600, 1).is_some());
    }

    #[test]
    fn draws_stay_inside_and_repeat_with_their_seed() {
        let (mut a, mut b) = (Draws::new(700, 3).unwrap(), Draws::new(700, 3).unwrap());
        for _ in 0..100 {
            assert!(a.draw().iter().all(|&start| start + BLOCK <= 700));
            assert_eq!((a.starts.len(), b.draw()), (23, a.starts.as_slice()));
        }
    }

    #[test]
    fn the_interval_of_a_mean_is_as_wide_as_it_should_be() {
        // Independent values: the error of the mean of 600 of them is 1/sqrt(12*600) = 0.0118.
        let mut random = fastrand::Rng::with_seed(5);
        let prefix = Prefix::of((0..600).map(|_| random.f64()));
        let mut draws = Draws::new(600, 1).unwrap();
        let (low, high) = interval((0..DRAWS).map(|_| Some(prefix.sum(draws.draw()) / 600.0)), 0.95).unwrap();
        assert!((0.030..0.065).contains(&(high - low)) && low < 0.53 && high > 0.47, "{low} {high}");
    }

    #[test]
    fn a_draw_without_a_value_leaves_no_interval() {
        assert_eq!(interval([Some(1.0), None].into_iter(), 0.95), None);
        assert_eq!(interval(std::iter::empty(), 0.95), None);
    }
}
