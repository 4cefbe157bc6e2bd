//! The result of a comparison.

use super::{
    changes::Change,
    conclusion::Conclusion,
    guard::Guard,
    judge::{Design, MetricRow},
    tuned::Tuned,
};

/// Two sides, compared.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Names of the sides.
    pub names: [String; 2],
    /// Number of runs of each side.
    pub runs: [usize; 2],
    /// Length of each side in all, in ns.
    pub durations_ns: [u64; 2],
    /// Design of the comparison, and with it the kind of test.
    pub design: Design,
    /// One row a metric.
    pub rows: Vec<MetricRow>,
    /// The kinds, parts, cgroups, processes and nodes that changed most.
    pub changes: Vec<Change>,
    /// Conditions under which the two may be compared.
    pub guards: Vec<Guard>,
    /// Settings in which the sides differ.
    pub tuned: Vec<Tuned>,
    /// Stalls still open at the end of a run, by side: their number, and their total length so far in ns.
    pub open: [(u64, u64); 2],
    /// Least p that the test could yield; `None` without a test.
    pub least_p: Option<f64>,
    /// The share of experiments like this one that would find a doubled stall rate; `None` without a test.
    pub power: Option<f64>,
    /// Conclusion.
    pub conclusion: Conclusion,
    /// The seed that was used.
    pub seed: u64,
}
