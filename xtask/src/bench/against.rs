//! Measurements taken side by side, as ratios with their confidence intervals.

use super::{
    arena::{Cost, STORM_STALLS, Steady},
    sample::{Random, interval, median},
    table::{Outcome, Table},
};

/// One piece of work with and without a tracer, one right after the other: a slow phase of the machine hits both.
pub(super) struct Round {
    pub(super) with: Run,
    pub(super) bare: Run,
}

/// One run of the work.
pub(super) struct Run {
    pub(super) steady: Steady,
    pub(super) storm: Option<Cost>,
}

/// Value of a run that is compared.
type Value = fn(&Run) -> f64;

const VALUES: [(&str, Value); 2] =
    [("cpu", |run| run.steady.cost.cpu.as_secs_f64()), ("wall", |run| run.steady.cost.wall.as_secs_f64())];

/// Adds the ratios of a tracer against bare, and the added CPU time per stall of the storm.
pub(super) fn show(name: &str, rounds: &[Round], target: Option<f64>, table: &mut Table, random: &mut Random) {
    for (what, value) in VALUES {
        show_ratio(&format!("{name}, {what}"), &ratios(rounds, value), target, table, random);
    }
    show_added(&format!("{name}, storm, per stall"), &added_ns(rounds), table, random);
}

/// Adds the ratios of two tracers, each relative to its own bare run of the same round.
pub(super) fn show_each_other(name: &str, ours: &[Round], theirs: &[Round], table: &mut Table, random: &mut Random) {
    for (what, value) in VALUES {
        let (ours, theirs) = (ratios(ours, value), ratios(theirs, value));
        let each: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
        show_ratio(&format!("{name}, {what}"), &each, Some(1.0), table, random);
    }
    let more: Vec<f64> = added_ns(ours).iter().zip(added_ns(theirs)).map(|(ours, theirs)| ours - theirs).collect();
    show_added(&format!("{name}, storm, per stall"), &more, table, random);
}

fn ratios(rounds: &[Round], value: Value) -> Vec<f64> {
    rounds.iter().map(|round| value(&round.with) / value(&round.bare)).collect()
}

/// CPU time that the tracer adds to each stall of the storm, in ns, by round.
fn added_ns(rounds: &[Round]) -> Vec<f64> {
    let cpu = |run: &Run| Some(run.storm?.cpu.as_secs_f64());
    let more = |round: &Round| Some((cpu(&round.with)? - cpu(&round.bare)?) / STORM_STALLS * 1e9);
    rounds.iter().filter_map(more).collect()
}

fn show_ratio(name: &str, ratios: &[f64], target: Option<f64>, table: &mut Table, random: &mut Random) {
    let bounds = interval(ratios, random);
    let value = format!("{:.4} [{:.4}, {:.4}]", median(ratios), bounds.0, bounds.1);
    match target {
        Some(most) => table.add(name, value, &format!("{most:.2}"), Outcome::at_most_within(bounds, most)),
        None => table.note(name, value),
    }
}

fn show_added(name: &str, added: &[f64], table: &mut Table, random: &mut Random) {
    if !added.is_empty() {
        let (low, high) = interval(added, random);
        table.note(name, format!("{:+.0} ns [{low:+.0}, {high:+.0}]", median(added)));
    }
}
