//! A comparison as Markdown, for a ticket or a pull request.

use std::fmt::Write as _;

use super::{
    comparison::Comparison,
    number::change,
    text::{design, side_value, verdict},
};
use crate::text::plain;

/// The comparison as Markdown.
#[must_use]
pub fn markdown(comparison: &Comparison) -> String {
    let [before, after] = comparison.names.each_ref().map(|name| cell(name));
    let mut out = String::new();
    let [first, second] = &comparison.conclusion.lines;
    let _ = writeln!(out, "**{}**  \n{}\n", cell(first), cell(second));
    if !comparison.tuned.is_empty() {
        let _ = writeln!(out, "| tuned | {before} | {after} |\n|---|---|---|");
        for tuned in &comparison.tuned {
            let sides: Vec<String> = tuned.sides.iter().map(|side| cell(side_value(side))).collect();
            let _ = writeln!(out, "| {} | {} |", cell(&tuned.key), sides.join(" | "));
        }
        out.push('\n');
    }
    let _ = writeln!(out, "| | {before} | {after} | change | 95 % interval | verdict |\n|---|---:|---:|---:|---|---|");
    for row in &comparison.rows {
        let value = |at: usize| row.values[at].map_or_else(|| "-".to_owned(), |value| row.metric.unit().show(value));
        let interval =
            row.interval.map_or_else(String::new, |(low, high)| format!("{} to {}", change(low), change(high)));
        let ratio = row.ratio.map_or_else(|| "-".to_owned(), change);
        let _ = writeln!(
            out,
            "| {} | {} | {} | {ratio} | {interval} | {} |",
            cell(row.metric.label()),
            value(0),
            value(1),
            cell(&verdict(row))
        );
    }
    out.push('\n');
    for guard in comparison.guards.iter().filter(|guard| guard.tripped) {
        let value = guard.value.map_or_else(|| "-".to_owned(), plain);
        let _ = writeln!(out, "- {}: {value} (limit {}): {}", guard.name, plain(guard.limit), cell(&guard.text));
    }
    let _ = writeln!(out, "- {}", cell(&design(comparison)));
    out
}

/// Text that stays text in a cell of a table.
fn cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '|' | '*' | '_' | '`' | '<' | '>' | '[' | ']' | '&' | '#') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
