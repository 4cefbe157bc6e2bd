//! Cgroups that came and went, as an object.

use schemars::JsonSchema;
use serde::Serialize;

use memtrace_core::{
    session::churn::{self, Counted},
    untrusted::Text,
};

/// Cgroups with a limit that appeared or went away while a trace was recorded.
#[derive(Debug, JsonSchema, Serialize)]
pub struct CgroupChurn {
    /// Number of new cgroups. One that comes back under its name is new again.
    pub appeared: u64,
    /// Number of removed cgroups.
    pub gone: u64,
    /// Paths of the first that appeared, at most three.
    #[schemars(length(max = 3))]
    pub first_appeared: Vec<String>,
    /// Paths of the first that went away, at most three.
    #[schemars(length(max = 3))]
    pub first_gone: Vec<String>,
}

impl CgroupChurn {
    pub(super) fn new(churn: &churn::CgroupChurn) -> Self {
        let first = |counted: &Counted| counted.first.iter().map(Text::json).collect();
        Self {
            appeared: churn.appeared.count,
            gone: churn.gone.count,
            first_appeared: first(&churn.appeared),
            first_gone: first(&churn.gone),
        }
    }
}
