//! A comparison as a document.

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
use crate::{
    document::{Column, Document, Shape, Table, Tone},
    text::{duration, plain, things},
};

/// The comparison as a document; `verbose` with the guards that did not trip.
#[must_use]
pub fn document(comparison: &Comparison, verbose: bool) -> Document {
    let mut out = Document::labelled(11);
    let tone = match comparison.conclusion.word {
        Word::Better => Tone::Good,
        Word::Worse => Tone::Bad,
        Word::NoDifferenceShown | Word::CannotSay => Tone::Neutral,
    };
    let [first, second] = &comparison.conclusion.lines;
    out.conclusion(first.as_str(), tone);
    out.sentence(second.as_str());
    out.gap();
    for (at, name) in comparison.names.iter().enumerate() {
        let runs = things(comparison.runs[at] as u64, "run");
        out.fact(name.as_str(), format!("{runs}, {} in all", duration(comparison.durations_ns[at])));
    }
    out.fact("design", design(comparison));
    tuned(&mut out, comparison);
    guards(&mut out, comparison, verbose);
    rows(&mut out, comparison);
    changes(&mut out, comparison);
    out
}

/// The test, and the differences that it could find.
fn design(comparison: &Comparison) -> String {
    let test = match comparison.design {
        Design::Pair => {
            return "one run a side: intervals from the variation within each run; an indication at most".to_owned();
        }
        Design::FewRuns => {
            return format!("intervals across runs; a firm verdict takes {LEAST_RUNS} runs a side");
        }
        Design::Runs => "exact permutation of runs over stalled time, stalls and p99 together",
        Design::Blocks => "permutation within pairs of blocks over stalled time, stalls and p99 together",
    };
    let mut text = format!("{test} (seed {})", comparison.seed);
    if let Some(p) = comparison.least_p {
        let _ = write!(text, "; the smallest possible p is {}", plain(p));
    }
    if let Some(power) = comparison.power {
        let _ = write!(text, "; a doubled stall rate would be found in {:.0} % of such experiments", power * 100.0);
    }
    text
}

fn side_value(value: &SideValue) -> &str {
    match value {
        SideValue::All(value) => value,
        SideValue::Unread => "-",
        SideValue::Varies => "(varies)",
    }
}

fn tuned(out: &mut Document, comparison: &Comparison) {
    if comparison.tuned.is_empty() {
        let changed = comparison.guards.iter().any(|guard| guard.name == CHANGED && guard.tripped);
        let where_ = if changed { " at the end; one was changed in a run" } else { "" };
        out.fact("tuned", format!("nothing: all settings are the same{where_}"));
    }
    for (at, tuned) in comparison.tuned.iter().enumerate() {
        let sides: Vec<&str> = tuned.sides.iter().map(side_value).collect();
        out.fact(if at == 0 { "tuned" } else { "" }, format!("{}: {}", tuned.key, sides.join(" -> ")));
    }
}

fn guards(out: &mut Document, comparison: &Comparison, verbose: bool) {
    let tripped = comparison.guards.iter().filter(|guard| guard.tripped).count();
    out.fact("guards", format!("{} of {} tripped", tripped, comparison.guards.len()));
    let mut table = Table::new([
        Column::new("", Shape::Left(1)).after("  "),
        Column::new("guard", Shape::Left(18)),
        Column::new("value", Shape::Right(8)),
        Column::new("limit", Shape::Free),
        Column::new("meaning", Shape::Free).after("  "),
    ])
    .without_heads();
    for guard in comparison.guards.iter().filter(|guard| guard.tripped || verbose) {
        table.row([
            if guard.tripped { "!" } else { "" }.into(),
            guard.name.into(),
            guard.value.map_or_else(|| "-".to_owned(), plain).into(),
            if guard.limit > 0.0 { format!("(limit {})", plain(guard.limit)) } else { "(none allowed)".to_owned() }
                .into(),
            guard.text.as_str().into(),
        ]);
    }
    out.table(table);
}

fn rows(out: &mut Document, comparison: &Comparison) {
    let [before, after] = &comparison.names;
    let mut table = Table::new([
        Column::new("", Shape::Left(30)).after(""),
        Column::new(before.as_str(), Shape::Right(14)),
        Column::new(after.as_str(), Shape::Right(14)),
        Column::new("change", Shape::Right(7)),
        Column::new("95 % interval", Shape::Left(16)).after("  "),
        Column::new("verdict", Shape::Free),
    ]);
    for row in &comparison.rows {
        let value = |at: usize| row.values[at].map_or_else(|| "-".to_owned(), |value| row.metric.unit().show(value));
        let interval =
            row.interval.map_or_else(String::new, |(low, high)| format!("[{}, {}]", change(low), change(high)));
        table.row([
            row.metric.label().into(),
            value(0).into(),
            value(1).into(),
            row.ratio.map_or_else(|| "-".to_owned(), change).into(),
            interval.into(),
            verdict(row).into(),
        ]);
    }
    out.gap();
    out.table(table);
    let open = comparison.open;
    if open[0].0 + open[1].0 > 0 {
        let side = |(n, ns): (u64, u64)| format!("{} for at least {}", things(n, "stall"), duration(ns));
        out.sentence(format!(
            "still open at the end: {before} {}, {after} {}; the stalled time includes them so far",
            side(open[0]),
            side(open[1])
        ));
    }
}

/// The verdict of a row, in words.
fn verdict(row: &MetricRow) -> String {
    match (&row.reason, row.p) {
        (_, Some(p)) => format!("{} (p = {p:.3})", row.word.text()),
        (Some(reason), None) if row.word == Word::CannotSay => format!("cannot say: {reason}"),
        (reason, None) => {
            let note = if reason.is_some() { " (indicative)" } else { "" };
            format!("{}{note}", row.word.text())
        }
    }
}

fn changes(out: &mut Document, comparison: &Comparison) {
    if comparison.changes.is_empty() {
        return;
    }
    let [before, after] = &comparison.names;
    let mut table = Table::new([
        Column::new("of", Shape::Left(8)).after("  "),
        Column::new(before.as_str(), Shape::Right(10)),
        Column::new(after.as_str(), Shape::Left(10)).after(" -> "),
        Column::new("change", Shape::Left(10)),
        Column::new("name", Shape::Free),
    ])
    .without_heads();
    for change in &comparison.changes {
        let [before, after] = change.values;
        let by = after - before;
        let sign = if by >= 0.0 { "+" } else { "" };
        table.row([
            change.scope.name().into(),
            plain(before).into(),
            plain(after).into(),
            format!("{sign}{}", plain(by)).into(),
            change.name.as_str().into(),
        ]);
    }
    out.heading("largest changes (s/s; not tested)");
    out.table(table);
}
