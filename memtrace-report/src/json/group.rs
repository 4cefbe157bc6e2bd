//! The object of a row of a table that a report was asked for.

use schemars::JsonSchema;
use serde::Serialize;

use super::{summary::Stalled, words};

/// Stalls that have one property in common, as far as events told.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Group {
    /// The property: `process`, `cgroup`, `node`, `kind`, `order` or `gfp`.
    #[schemars(with = "words::GroupBy")]
    pub by: &'static str,
    /// The sum of the rows that the table had no room for.
    pub other: bool,
    /// What these have in common; null when it was not read.
    pub key: Option<String>,
    /// Process id, of a process.
    pub pid: Option<u32>,
    /// Id, of a cgroup.
    pub cgroup_id: Option<u64>,
    /// Their share of the stalled time of the table, from 0 to 1; null when that is 0.
    #[schemars(range(min = 0, max = 1))]
    pub share: Option<f64>,
    /// The stalls.
    #[serde(flatten)]
    pub stalled: Stalled,
}
