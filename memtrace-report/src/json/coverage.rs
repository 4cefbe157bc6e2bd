//! Our counts against the kernel's own.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{values::finite, words};
use memtrace_core::session::coverage;

/// One counter of the kernel.
#[derive(Debug, JsonSchema, Serialize)]
pub struct CoverageRow {
    /// What the kernel counted since attach.
    pub kernel: Option<u64>,
    /// What memtrace counted since attach.
    pub seen: Option<u64>,
    /// The second as a share of the first; null when that is 0, unread, or not comparable.
    #[schemars(range(min = 0))]
    pub ratio: Option<f64>,
    /// What it comes to.
    #[schemars(with = "words::Agreement")]
    pub verdict: &'static str,
    /// Why they differ or cannot be compared.
    pub note: Option<String>,
}

/// By counter; empty when the kernel's were not read.
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
