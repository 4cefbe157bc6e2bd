//! A comparison for a person.

use std::fmt::Write as _;

use super::{
    comparison::Comparison,
    guards::CHANGED,
    judge::{Design, MetricRow},
    number::change,
    options::LEAST_RUNS,
    tuned::SideValue,
    word::Word,
};
use crate::text::{Style, duration, plain, things};

/// How it is written.
#[derive(Clone, Copy, Debug)]
pub struct TextView {
    /// Colours.
    pub style: Style,
    /// Whether guards that did not trip are shown, too.
    pub verbose: bool,
}

/// The comparison as text.
#[must_use]
pub fn text(comparison: &Comparison, view: TextView) -> String {
    let mut out = String::new();
    let colour = match comparison.conclusion.word {
        _ if !view.style.colour => "",
        Word::Better => "\x1b[1;32m",
        Word::Worse => "\x1b[1;31m",
        Word::NoDifferenceShown | Word::CannotSay => "\x1b[1m",
    };
    let reset = if colour.is_empty() { "" } else { "\x1b[0m" };
    let [first, second] = &comparison.conclusion.lines;
    let _ = writeln!(out, "{colour}{first}{reset}\n{second}\n");
    for (at, name) in comparison.names.iter().enumerate() {
        let runs = things(comparison.runs[at] as u64, "run");
        let _ = writeln!(out, "{name:<10} {runs}, {} in all", duration(comparison.durations_ns[at]));
    }
    let _ = writeln!(out, "design     {}", design(comparison));
    tuned(&mut out, comparison);
    guards(&mut out, comparison, view.verbose);
    rows(&mut out, comparison);
    changes(&mut out, comparison);
    out
}

/// What was tested and how, and what it could find.
pub(super) fn design(comparison: &Comparison) -> String {
    let test = match comparison.design {
        Design::Pair => {
            return "one run a side: intervals by the ups and downs within each; an indication at most".to_owned();
        }
        Design::FewRuns => {
            return format!("intervals over runs; a firm word takes {LEAST_RUNS} runs a side");
        }
        Design::Runs => "exact permutation of runs over stalled time, stalls and p99 together",
        Design::Blocks => "permutation within pairs of blocks over stalled time, stalls and p99 together",
    };
    let mut text = format!("{test} (seed {})", comparison.seed);
    if let Some(p) = comparison.least_p {
        let _ = write!(text, "; the least p that can come out is {}", plain(p));
    }
    if let Some(power) = comparison.power {
        let _ = write!(text, "; a doubled stall rate would be found in {:.0} % of such experiments", power * 100.0);
    }
    text
}

pub(super) fn side_value(value: &SideValue) -> &str {
    match value {
        SideValue::All(value) => value,
        SideValue::Unread => "-",
        SideValue::Varies => "(varies)",
    }
}

fn tuned(out: &mut String, comparison: &Comparison) {
    if comparison.tuned.is_empty() {
        let changed = comparison.guards.iter().any(|guard| guard.name == CHANGED && guard.tripped);
        let where_ = if changed { " at the end; one was changed in a run" } else { "" };
        let _ = writeln!(out, "tuned      nothing: all settings are the same{where_}");
    }
    for (at, tuned) in comparison.tuned.iter().enumerate() {
        let title = if at == 0 { "tuned" } else { "" };
        let sides: Vec<&str> = tuned.sides.iter().map(side_value).collect();
        let _ = writeln!(out, "{title:<10} {}: {}", tuned.key, sides.join(" -> "));
    }
}

fn guards(out: &mut String, comparison: &Comparison, verbose: bool) {
    let tripped = comparison.guards.iter().filter(|guard| guard.tripped).count();
    let _ = writeln!(out, "guards     {} of {} tripped", tripped, comparison.guards.len());
    for guard in comparison.guards.iter().filter(|guard| guard.tripped || verbose) {
        let mark = if guard.tripped { "!" } else { " " };
        let value = guard.value.map_or_else(|| "-".to_owned(), plain);
        let _ = writeln!(out, "  {mark} {:<18} {value:>8} (limit {})  {}", guard.name, plain(guard.limit), guard.text);
    }
}

fn rows(out: &mut String, comparison: &Comparison) {
    let [before, after] = &comparison.names;
    let _ =
        writeln!(out, "\n{:<30} {before:>14.14} {after:>14.14} {:>7}  {:<16} verdict", "", "change", "95 % interval");
    for row in &comparison.rows {
        let value = |at: usize| row.values[at].map_or_else(|| "-".to_owned(), |value| row.metric.unit().show(value));
        let ratio = row.ratio.map_or_else(|| "-".to_owned(), change);
        let interval =
            row.interval.map_or_else(String::new, |(low, high)| format!("[{}, {}]", change(low), change(high)));
        let _ = writeln!(
            out,
            "{:<30} {:>14} {:>14} {ratio:>7}  {interval:<16} {}",
            row.metric.label(),
            value(0),
            value(1),
            verdict(row)
        );
    }
    let open = comparison.open;
    if open[0].0 + open[1].0 > 0 {
        let side = |(n, ns): (u64, u64)| format!("{} for at least {}", things(n, "stall"), duration(ns));
        let _ = writeln!(
            out,
            "not over at the end: {before} {}, {after} {}; the stalled time counts them so far",
            side(open[0]),
            side(open[1])
        );
    }
}

/// The verdict of a row, in words.
pub(super) fn verdict(row: &MetricRow) -> String {
    match (&row.reason, row.p) {
        (_, Some(p)) => format!("{} (p = {p:.3})", row.word.text()),
        (Some(reason), None) if row.word == Word::CannotSay => format!("cannot say: {reason}"),
        (reason, None) => {
            let note = if reason.is_some() { " (indicative)" } else { "" };
            format!("{}{note}", row.word.text())
        }
    }
}

fn changes(out: &mut String, comparison: &Comparison) {
    if comparison.changes.is_empty() {
        return;
    }
    let _ = writeln!(out, "\nwhat changed most (s/s; not tested)");
    for change in &comparison.changes {
        let [before, after] = change.values;
        let by = after - before;
        let sign = if by >= 0.0 { "+" } else { "" };
        let _ = writeln!(
            out,
            "  {:<8} {:>10} -> {:<10} {sign}{:<9} {}",
            change.scope.name(),
            plain(before),
            plain(after),
            plain(by),
            change.name
        );
    }
}
