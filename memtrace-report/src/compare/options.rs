//! The choices of a comparison, and its constants.

/// Runs a side from which on a test can be firm.
pub const LEAST_RUNS: usize = 5;
/// How sure an interval is, and with it what counts as chance.
pub const CONFIDENCE: f64 = 0.95;

/// What is asked of a comparison.
#[derive(Clone, Copy, Debug, Default)]
pub struct CompareOptions {
    /// What all drawing begins with: the same seed gives the same result.
    pub seed: u64,
    /// Whether the n-th run of one side and that of the other are a pair, drawn to be so.
    pub paired: bool,
    /// Whether another kernel is what is compared, and so no reason not to.
    pub kernel_changed: bool,
}
