//! Options of a comparison, and its constants.

/// Fewest runs a side for a firm test.
pub const LEAST_RUNS: usize = 5;
/// Confidence of an interval. A difference with a p of at least 1 minus this counts as chance.
pub const CONFIDENCE: f64 = 0.95;

/// Options of a comparison.
#[derive(Clone, Copy, Debug, Default)]
pub struct CompareOptions {
    /// Seed of all random draws: the same seed gives the same result.
    pub seed: u64,
    /// True when the n-th run of one side and that of the other are a pair with a random order.
    pub paired: bool,
    /// True when two kernels are compared, so that another kernel trips no guard.
    pub kernel_changed: bool,
}
