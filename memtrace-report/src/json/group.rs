//! A row of a requested table of a report, as an object.

use schemars::JsonSchema;
use serde::Serialize;

use super::{summary::Stalled, words};

/// Stalls with one property in common, as far as events reported them.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Group {
    /// The property: `process`, `cgroup`, `node`, `kind`, `order` or `gfp`.
    #[schemars(with = "words::GroupBy")]
    pub by: &'static str,
    /// True for the sum of the rows that the table had no room for.
    pub other: bool,
    /// Common value of the property; null when it was not read.
    pub key: Option<String>,
    /// Process id, for a process.
    pub pid: Option<u32>,
    /// Id of the cgroup, for a cgroup.
    pub cgroup_id: Option<u64>,
    /// Share of the stalled time of the table, from 0 to 1; null when that is 0.
    #[schemars(range(min = 0, max = 1))]
    pub share: Option<f64>,
    /// The stalls.
    #[serde(flatten)]
    pub stalled: Stalled,
}
