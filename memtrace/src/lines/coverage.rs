//! Our counts against the kernel's own, as text.

use std::fmt::Write as _;

use super::number::{count, count_or_dash};
use crate::session::coverage::{Coverage, CoverageRow, Verdict};

/// One counter that does not add up: `pgscan_direct 97.1 % (ours 1.20M, kernel 1.24M)`.
pub(super) fn in_short(row: &CoverageRow) -> String {
    let mut out = row.counter.to_owned();
    if let Some(ratio) = row.ratio {
        let _ = write!(out, " {:.1} %", shown(ratio));
    }
    let _ = write!(out, " (ours {}, kernel {})", count_or_dash(row.seen), count_or_dash(row.kernel));
    if row.verdict == Verdict::Over {
        out.push_str(", which cannot be");
    }
    if let Some(note) = row.note {
        let _ = write!(out, ": {note}");
    }
    out
}

/// The table of a summary: counters that moved, and why they differ; empty when nothing was compared.
pub(super) fn coverage(coverage: &Coverage) -> String {
    let mut out = String::new();
    if coverage.rows.is_empty() {
        return out;
    }
    out.push_str(&sentence(coverage));
    let moved = |row: &&CoverageRow| row.kernel.unwrap_or(0) > 0 || row.seen.unwrap_or(0) > 0;
    let rows: Vec<_> = coverage.rows.iter().filter(moved).collect();
    if rows.is_empty() {
        return out;
    }
    // A cgroup's counters have long names; without them the table fits a narrow terminal.
    let wide = rows.iter().map(|row| row.counter.len()).max().unwrap_or(0).max(22);
    let _ = writeln!(out, "  {:<wide$}{:>8}{:>8}{:>9}", "counter", "ours", "kernel", "ratio");
    for row in rows {
        let ratio = row.ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{:.1} %", shown(ratio)));
        let line = format!(
            "  {:<wide$}{:>8}{:>8}{ratio:>9}  {}",
            row.counter,
            count_or_dash(row.seen),
            count_or_dash(row.kernel),
            verdict(row)
        );
        let _ = writeln!(out, "{}", line.trim_end());
        if let Some(note) = row.note {
            let _ = writeln!(out, "    {note}");
        }
    }
    out
}

/// `coverage: accounted 99.8 % of 14210 direct reclaims`.
fn sentence(coverage: &Coverage) -> String {
    match coverage.row("allocstall") {
        Some(CoverageRow { kernel: Some(kernel), ratio: Some(ratio), note, .. }) => {
            let note = note.map_or_else(String::new, |note| format!(" ({note})"));
            format!("coverage: accounted {:.1} % of {} direct reclaims{note}\n", shown(*ratio), count(*kernel))
        }
        Some(CoverageRow { kernel: Some(0), seen: Some(0), .. }) => {
            "coverage: no direct reclaims, by the kernel's count too\n".to_owned()
        }
        _ => "coverage: direct reclaims could not be compared with the kernel's count\n".to_owned(),
    }
}

fn verdict(row: &CoverageRow) -> &'static str {
    match row.verdict {
        Verdict::Exact | Verdict::Close => "",
        Verdict::Explained => "explained",
        Verdict::Gap => "WARNING: missed, and not known why",
        Verdict::Over => "ERROR: more than there were",
        Verdict::Unread => "not read",
        Verdict::NotComparable => "not comparable",
    }
}

/// In percent, and 100 only for what is not less: 99.96 % is no 100 %.
fn shown(ratio: f64) -> f64 {
    let percent = ratio * 100.0;
    if percent < 100.0 { (percent * 10.0).floor() / 10.0 } else { percent }
}
