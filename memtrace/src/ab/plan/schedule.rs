//! Assignment of sides to blocks: blocks come in pairs, and chance picks the first side of each pair.

use std::time::Duration;

pub use memtrace_trace::mark::Side;

/// A difference with a p below this is firm.
const LEVEL: f64 = 0.05;

/// A period in which the settings of one side hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// The side.
    pub side: Side,
    /// Number of its pair, from 1.
    pub pair: u32,
}

/// All blocks in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The blocks.
    pub blocks: Vec<Block>,
    /// Measured duration of each block.
    pub block: Duration,
    /// Time after a change in which nothing is measured.
    pub settle: Duration,
    /// Seed that the order was drawn with.
    pub seed: u64,
}

impl Schedule {
    /// Draws the order of `blocks` blocks.
    ///
    /// # Errors
    /// When the blocks make no pairs, or are too few or too short to show anything; the text has the arithmetic.
    pub fn draw(blocks: u32, block: Duration, settle: Duration, seed: u64) -> Result<Self, String> {
        if blocks % 2 == 1 {
            return Err(format!(
                "{blocks} blocks make no pairs: each block of A needs one of B. Pass --blocks {}",
                blocks + 1
            ));
        }
        let pairs = blocks / 2;
        if least_p(pairs) >= LEVEL {
            return Err(too_few(blocks));
        }
        if block < Duration::from_secs(2) {
            return Err("a block takes 2s at least, because totals are read once a second".to_owned());
        }
        let mut random = fastrand::Rng::with_seed(seed);
        let mut all = Vec::with_capacity(blocks as usize);
        for pair in 1..=pairs {
            let first = if random.bool() { Side::A } else { Side::B };
            all.push(Block { side: first, pair });
            all.push(Block { side: first.other(), pair });
        }
        Ok(Self { blocks: all, block, settle, seed })
    }

    /// Total duration, without the time that writes take.
    #[must_use]
    pub fn total(&self) -> Duration {
        (self.block + self.settle) * u32::try_from(self.blocks.len()).unwrap_or(u32::MAX)
    }

    /// The order in letters: `AB BA BA`.
    #[must_use]
    pub fn order(&self) -> String {
        let pairs: Vec<String> =
            self.blocks.chunks(2).map(|pair| pair.iter().map(|block| block.side.letter()).collect()).collect();
        pairs.join(" ")
    }

    /// Smallest p that the schedule can reach.
    #[must_use]
    pub fn least_p(&self) -> f64 {
        least_p(u32::try_from(self.blocks.len() / 2).unwrap_or(u32::MAX))
    }
}

/// Smallest p of this many pairs. Without a real difference, each pair could as well have come out the other way round:
/// the most extreme outcome of `n` pairs and its mirror image are 2 of 2^n.
fn least_p(pairs: u32) -> f64 {
    2.0 * 0.5_f64.powi(i32::try_from(pairs).unwrap_or(i32::MAX))
}

fn too_few(blocks: u32) -> String {
    let pairs = blocks / 2;
    let s = if pairs == 1 { "pair" } else { "pairs" };
    format!(
        "{blocks} blocks ({pairs} {s}) are too few for a firm verdict (p < {LEVEL}): if A and B were the same, B would \
         still win or lose every pair in 2 of 2^{pairs} cases (p = {:.2}). Use at least 12 blocks (6 pairs: p = {:.3}) \
         or the default of 16 (8 pairs: p = {:.3})",
        least_p(pairs).min(1.0),
        least_p(6),
        least_p(8)
    )
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use super::{Schedule, Side};

    const BLOCK: Duration = Duration::from_secs(30);
    const SETTLE: Duration = Duration::from_secs(5);

    #[test]
    fn each_pair_has_both_sides_and_chance_says_the_order() {
        let mut orders = BTreeSet::new();
        for seed in 0..200 {
            let schedule = Schedule::draw(12, BLOCK, SETTLE, seed).unwrap();
            for (at, pair) in schedule.blocks.chunks(2).enumerate() {
                assert_eq!((pair[0].pair, pair[1].pair), (at as u32 + 1, at as u32 + 1));
                assert_ne!(pair[0].side, pair[1].side);
            }
            orders.insert(schedule.order());
        }
        // 200 draws from 64 orders: nearly all of them turn up.
        assert!(orders.len() > 55, "{}", orders.len());
        let first = Schedule::draw(16, BLOCK, SETTLE, 7).unwrap();
        assert_eq!(first, Schedule::draw(16, BLOCK, SETTLE, 7).unwrap());
        assert_eq!(first.total(), Duration::from_secs(16 * 35));
        assert!((first.least_p() - 2.0 / 256.0).abs() < 1e-12);
        assert_eq!(first.blocks.iter().filter(|block| block.side == Side::A).count(), 8);
    }

    #[test]
    fn what_could_show_nothing_is_refused_with_the_arithmetic() {
        for (blocks, words) in [(0, "0 pairs"), (2, "1 pair)"), (10, "p = 0.06"), (13, "--blocks 14")] {
            let error = Schedule::draw(blocks, BLOCK, SETTLE, 1).unwrap_err();
            assert!(error.contains(words), "{blocks}: {error}");
        }
        assert!(Schedule::draw(10, BLOCK, SETTLE, 1).unwrap_err().contains("6 pairs: p = 0.031"));
        assert!(Schedule::draw(12, Duration::from_secs(1), SETTLE, 1).unwrap_err().contains("2s at least"));
    }
}
