//! Our counts against the kernel's own, as text.

use std::fmt::Write as _;

use super::number::{count, count_or_dash};
use crate::document::{Column, Document, Shape, Table};
use memtrace_core::session::coverage::{Agreement, Coverage, CoverageRow};

/// One counter that does not add up: `pgscan_direct 97.1 % (ours 1.20M, kernel 1.24M)`.
pub(super) fn in_short(row: &CoverageRow) -> String {
    let mut out = row.counter.to_owned();
    if let Some(ratio) = row.ratio {
        let _ = write!(out, " {:.1} %", shown(ratio));
    }
    let _ = write!(out, " (ours {}, kernel {})", count_or_dash(row.seen), count_or_dash(row.kernel));
    if row.verdict == Agreement::Over {
        out.push_str(", which is impossible");
    }
    if let Some(note) = row.note {
        let _ = write!(out, ": {note}");
    }
    out
}

/// The table of a summary: counters that moved, and reasons for differences; empty when nothing was compared.
pub(super) fn coverage(out: &mut Document, coverage: &Coverage) {
    if coverage.rows.is_empty() {
        return;
    }
    out.line(sentence(coverage));
    // A counter that the kernel does not have cannot be compared, and is left out.
    let moved = |row: &&CoverageRow| row.kernel.is_some_and(|n| n > 0 || row.seen > Some(0));
    let rows: Vec<_> = coverage.rows.iter().filter(moved).collect();
    if rows.is_empty() {
        return;
    }
    // A cgroup's counters have long names; without them the table fits a narrow terminal.
    let wide = rows.iter().map(|row| row.counter.len()).max().unwrap_or(0).max(22);
    let mut table = Table::new([
        Column::new("counter", Shape::Left(wide)).after("  "),
        Column::new("ours", Shape::Right(8)).after(""),
        Column::new("kernel", Shape::Right(8)).after(""),
        Column::new("ratio", Shape::Right(9)).after(""),
        Column::new("", Shape::Free).after("  "),
    ]);
    for row in rows {
        let ratio = row.ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{:.1} %", shown(ratio)));
        table.row([
            row.counter.into(),
            count_or_dash(row.seen).into(),
            count_or_dash(row.kernel).into(),
            ratio.into(),
            verdict(row).into(),
        ]);
        if let Some(note) = row.note {
            table.note(note.to_string());
        }
    }
    out.table(table);
}

/// `coverage: accounted for 99.8 % of 14.2k direct reclaims`, or, where only limits of cgroups made tasks reclaim, of
/// the scanned pages.
fn sentence(coverage: &Coverage) -> String {
    if let Some(accounted) = accounted(coverage, "allocstall", "direct reclaims") {
        return accounted;
    }
    let none = coverage.row("allocstall").is_some_and(|row| (row.kernel, row.seen) == (Some(0), Some(0)));
    let direct = if none { "no direct reclaims, by the kernel's count too" } else { "direct reclaims not compared" };
    accounted(coverage, "pgscan", "pages scanned").unwrap_or_else(|| format!("coverage: {direct}"))
}

fn accounted(coverage: &Coverage, counter: &str, things: &str) -> Option<String> {
    let row = coverage.row(counter)?;
    let (kernel, ratio) = (row.kernel?, row.ratio?);
    let note = row.note.map_or_else(String::new, |note| format!(" ({note})"));
    Some(format!("coverage: accounted for {:.1} % of {} {things}{note}", shown(ratio), count(kernel)))
}

fn verdict(row: &CoverageRow) -> &'static str {
    match row.verdict {
        Agreement::Exact | Agreement::Close => "",
        Agreement::Explained => "explained",
        Agreement::Gap => "WARNING: events missed, reason unknown",
        Agreement::Over => "ERROR: more than the kernel counted",
        Agreement::Unread => "not read",
        Agreement::NotComparable => "not comparable",
    }
}

/// A ratio in percent, rounded down below 100: 99.96 % is no 100 %.
fn shown(ratio: f64) -> f64 {
    let percent = ratio * 100.0;
    if percent < 100.0 { (percent * 10.0).floor() / 10.0 } else { percent }
}

#[cfg(test)]
mod tests {
    use super::{coverage, in_short, shown};
    use crate::document::{self, Document, TextForm};
    use memtrace_core::session::coverage::{Agreement, Coverage, CoverageRow, Note};

    fn row(counter: &'static str, kernel: Option<u64>, seen: Option<u64>, ratio: Option<f64>) -> CoverageRow {
        CoverageRow { counter, kernel, seen, ratio, verdict: Agreement::Exact, note: None }
    }

    #[test]
    fn in_one_line() {
        let gap = CoverageRow {
            verdict: Agreement::Gap,
            note: Some(Note::LostFewer(2)),
            ..row("pgscan_direct", Some(1_240_000), Some(1_204_040), Some(0.971))
        };
        let text =
            "pgscan_direct 97.1 % (ours 1.20M, kernel 1.24M): 2 events lost in the kernel, too few to explain it";
        assert_eq!(in_short(&gap), text);
        let over = CoverageRow { verdict: Agreement::Over, ..row("oom_kill", Some(0), Some(1), None) };
        assert_eq!(in_short(&over), "oom_kill (ours 1, kernel 0), which is impossible");
    }

    #[test]
    fn a_hundred_percent_is_all() {
        assert_eq!(format!("{:.1} {:.1} {:.1}", shown(0.9999), shown(1.0), shown(1.25)), "99.9 100.0 125.0");
    }

    #[test]
    fn the_sentence() {
        let of = |rows: Vec<_>| {
            let mut out = Document::default();
            coverage(&mut out, &Coverage { rows });
            document::text(&out, TextForm::default()).lines().next().map(str::to_owned)
        };
        let direct = row("allocstall", Some(14_210), Some(14_182), Some(0.998));
        assert_eq!(of(vec![direct]).as_deref(), Some("coverage: accounted for 99.8 % of 14.2k direct reclaims"));
        let calm = || row("allocstall", Some(0), Some(0), None);
        let pages = row("pgscan", Some(2000), Some(2000), Some(1.0));
        assert_eq!(of(vec![calm(), pages]).as_deref(), Some("coverage: accounted for 100.0 % of 2000 pages scanned"));
        assert_eq!(of(vec![calm()]).as_deref(), Some("coverage: no direct reclaims, by the kernel's count too"));
        assert_eq!(of(vec![]), None);
    }
}
