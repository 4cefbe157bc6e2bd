//! Our counts against the kernel's own.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{values::finite, words};
use memtrace_core::session::coverage;

/// One counter of the kernel.
#[derive(Debug, JsonSchema, Serialize)]
pub struct CoverageRow {
    /// Count of the kernel since attach.
    pub kernel: Option<u64>,
    /// Count of memtrace since attach.
    pub seen: Option<u64>,
    /// `seen` divided by `kernel`; null when `kernel` is 0 or unread, or the two are not comparable.
    #[schemars(range(min = 0))]
    pub ratio: Option<f64>,
    /// Verdict on the two counts.
    #[schemars(with = "words::Agreement")]
    pub verdict: &'static str,
    /// Reason that they differ or cannot be compared.
    pub note: Option<String>,
}

/// Rows by counter; empty when the kernel's counters were not read.
pub type Coverage = BTreeMap<&'static str, CoverageRow>;

pub(super) fn coverage(coverage: &coverage::Coverage) -> Coverage {
    let row = |row: &coverage::CoverageRow| CoverageRow {
        kernel: row.kernel,
        seen: row.seen,
        ratio: row.ratio.and_then(finite),
        verdict: row.verdict.name(),
        note: row.note.map(|note| note.to_string()),
    };
    coverage.rows.iter().map(|r| (r.counter, row(r))).collect()
}
