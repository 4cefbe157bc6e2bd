//! Comparing recordings before and after a change: what was tuned, whether the two may be compared, what differs. Pure.
//!
//! Runs are judged, not stalls: stalls come in bursts, and tests that take them for independent find differences where
//! there are none. One run a side gives intervals and an indication; five or more give a firm word.

mod changes;
mod collect;
mod conclusion;
mod drift;
pub mod fail_if;
mod guards;
mod json;
mod judge;
mod markdown;
mod metric;
mod number;
mod pair;
mod power;
mod refusal;
pub mod run;
pub mod statistics;
mod text;
pub mod tuned;

pub use self::{
    changes::Change,
    collect::Collector,
    conclusion::Conclusion,
    guards::Guard,
    json::{Compare, json},
    judge::{Design, MetricRow, Word},
    markdown::markdown,
    metric::Metric,
    run::{Run, Side},
    text::{TextView, text},
    tuned::{SideValue, Tuned},
};
use memtrace_core::sum;

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

/// Two sides, compared.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Names of the sides.
    pub names: [String; 2],
    /// How many runs each has.
    pub runs: [usize; 2],
    /// How long they are in all, in ns.
    pub durations_ns: [u64; 2],
    /// What was tested, and how.
    pub design: Design,
    /// One row a metric.
    pub rows: Vec<MetricRow>,
    /// Who changed most.
    pub changes: Vec<Change>,
    /// Whether the two may be compared.
    pub guards: Vec<Guard>,
    /// In which settings they differ.
    pub tuned: Vec<Tuned>,
    /// Stalls that were not over at the end of a run: how many, and for how long at least in all, in ns, by side.
    pub open: [(u64, u64); 2],
    /// The least p that could have come out; `None` without a test.
    pub least_p: Option<f64>,
    /// The share of experiments like this one that would find a doubled stall rate; `None` without a test.
    pub power: Option<f64>,
    /// What it comes to.
    pub conclusion: Conclusion,
    /// The seed that was used.
    pub seed: u64,
}

/// Compares two sides; each has at least one run.
#[must_use]
pub fn compare(before: &Side, after: &Side, options: &CompareOptions) -> Comparison {
    let sides = [before, after];
    let design = Design::of(before.runs.len(), after.runs.len(), options.paired);
    let pair =
        (design == Design::Pair).then(|| pair::judge([&before.runs[0], &after.runs[0]], [&before.name, &after.name]));
    let judged = judge::judge(before, after, design, pair.as_ref(), options.seed);
    let guards = guards::guards(before, after, pair.as_ref(), options);
    let tuned = tuned::tuned(&sides.map(|side| side.runs.iter().map(Run::facts).collect()));
    let conclusion = conclusion::conclusion(&judged.rows, &guards, design, [&before.name, &after.name]);
    Comparison {
        names: sides.map(|side| side.name.clone()),
        runs: sides.map(|side| side.runs.len()),
        durations_ns: sides.map(|side| sum::of(side.runs.iter().map(|run| run.sums().elapsed_ns()))),
        design,
        power: judged.least_p.and_then(|_| power::of_doubled_rate(before, after, design, options.seed)),
        least_p: judged.least_p,
        rows: judged.rows,
        changes: changes::changes(before, after),
        guards,
        tuned,
        open: sides.map(|side| {
            side.runs.iter().fold((0, 0), |sum: (u64, u64), run| {
                (sum.0.saturating_add(run.open.0), sum.1.saturating_add(run.open.1))
            })
        }),
        conclusion,
        seed: options.seed,
    }
}

#[cfg(test)]
mod tests;
