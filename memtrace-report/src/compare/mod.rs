//! Comparison of recordings before and after a change: tuned settings, guards, and differences. Pure.
//!
//! Runs are judged, not stalls: stalls come in bursts, and tests that take them for independent find differences where
//! there are none. One run a side gives intervals and an indication; five or more give a firm word.

mod changes;
mod collect;
mod comparison;
mod conclusion;
mod document;
mod drift;
pub mod fail_if;
mod guard;
mod guards;
mod json;
mod judge;
mod number;
mod options;
mod pair;
mod power;
mod refusal;
pub mod run;
pub mod statistics;
pub mod tuned;
mod word;

pub use self::{
    changes::Change,
    collect::Collector,
    comparison::Comparison,
    conclusion::Conclusion,
    document::document,
    guard::Guard,
    json::{Compare, json},
    judge::{Design, HEADLINE, MetricRow},
    options::{CONFIDENCE, CompareOptions, LEAST_RUNS},
    run::{Run, Side},
    tuned::{SideValue, Tuned},
    word::Word,
};
use memtrace_core::sum;

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
