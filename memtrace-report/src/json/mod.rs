//! Objects of the JSON output: one per line, `type` first, base units in the suffix, unread values null.
//!
//! `crate::schema` makes `docs/json-schema.json` of them. Names from other processes come escaped.

mod churn;
mod container;
mod coverage;
mod event;
mod evictors;
mod group;
mod incomplete;
mod kind;
mod meta;
mod node;
mod oom;
mod parts;
mod refaults;
mod stacks;
mod summary;
mod tick;
pub(crate) mod words;
mod zones;

use serde::Serialize;

pub use self::{
    coverage::{Coverage, CoverageRow},
    event::{Kswapd, Process, Stall},
    group::Group,
    kind::KindSummary,
    meta::{Clock, Filters, Hook, Meta, MetaInput},
    node::Node,
    oom::{MemoryBack, Oom, OomCall, OomFreed, Signs, Victim},
    refaults::{Refaults, RowRefaults},
    summary::{CgroupRow, KindTotal, OpenStall, Own, ProcessRow, Stalled, Summary},
    tick::{Interval, KswapdTick, Matched, OwnTick, Pressure, Tick, Zone},
    zones::{NodeScans, PrematureSleeps, StallZones, ZoneStalls},
};

/// Version of the objects: it grows when a field changes its meaning or goes away, not when one is added.
pub const SCHEMA: u32 = 1;

/// One object.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Object {
    /// The first: what is being traced, where and how.
    Meta(Meta),
    /// The interval since the tick before.
    Tick(Tick),
    /// A stall that ended.
    Stall(Stall),
    /// An OOM kill.
    Oom(Oom),
    /// The memory of an OOM victim is back.
    OomFreed(OomFreed),
    /// A change of one kswapd.
    Kswapd(Kswapd),
    /// A row of a table that a report was asked for.
    Group(Group),
    /// The last: what it all came to.
    Summary(Summary),
}

impl Object {
    /// The object as one line, with its newline.
    ///
    /// # Errors
    /// Never for these types; the error is the serializer's.
    pub fn to_line(&self) -> Result<String, serde_json::Error> {
        line(self)
    }
}

/// An object as one line, with its newline.
pub(crate) fn line(object: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut line = serde_json::to_string(object)?;
    line.push('\n');
    Ok(line)
}

/// A number that JSON can hold: no NaN, no infinity.
pub(crate) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// Text from another process.
fn text(bytes: &[u8]) -> String {
    memtrace_core::untrusted::Untrusted(bytes).json()
}
