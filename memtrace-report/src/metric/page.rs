//! docs/metrics.md, from the catalogue.

use std::fmt::Write as _;

use super::Metric;

const HEAD: &str = "\
# Metrics

A metric has one name and one meaning in every place. `cargo xtask docs` writes this page from the catalogue
(`memtrace-report/src/metric/catalog.rs`).

- `memtrace record --on EXPR` and `memtrace ab --stop-if EXPR` take all of them, by interval:
  `stall.max > 500ms`, `psi.some > 20% for 10s`.
- `memtrace compare` has a row for each that is marked *compared*, and `--fail-if EXPR` takes those: `stall.p99 > +20%`.
- A value that was not read meets no condition, and is never 0.
- Stalls of all kinds count together. memtrace's own stalls are left out.

| metric | unit | compared | better | meaning |
|---|---|---|---|---|
";

/// The page.
#[must_use]
pub fn page() -> String {
    let mut out = HEAD.to_owned();
    for metric in Metric::ALL {
        let declared = metric.declaration();
        let compared = if metric.is_compared() { "yes" } else { "no" };
        let better = declared.better.text();
        let unit = declared.unit.expected();
        // Writing to a String cannot fail.
        let _ = writeln!(out, "| `{}` | {unit} | {compared} | {better} | {} |", declared.name, declared.help);
    }
    out
}
