//! Objects of the JSON output: one per line, `type` first, base units in the suffix, unread values null.
//!
//! `crate::schema` generates `docs/json-schema.json` from them. Names from other processes come escaped.

mod churn;
mod container;
mod counts;
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
mod values;
pub(crate) mod words;
mod zones;

use serde::Serialize;

pub(crate) use self::values::finite;
pub use self::{
    coverage::{Coverage, CoverageRow},
    event::{Kswapd, Process, Stall},
    group::Group,
    kind::KindSummary,
    meta::{Clock, Filters, Hook, Meta, MetaInput},
    node::Node,
    oom::{MemoryBack, Oom, OomCall, OomFreed, Signs, Victim},
    refaults::{Refaults, RowRefaults, Sampled},
    summary::{CgroupRow, KindTotal, OpenStall, Own, ProcessRow, Stalled, Summary},
    tick::{Interval, KswapdTick, Matched, OwnTick, Pressure, Tick, Zone},
    values::{Name, SCHEMA, Shown},
    zones::{NodeScans, PrematureSleeps, StallZones, ZoneStalls},
};

/// One object.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Object<'a> {
    /// The first object: the host, the hooks and the filters.
    Meta(Meta),
    /// The interval since the previous tick.
    Tick(Tick),
    /// A stall that ended.
    Stall(Stall<'a>),
    /// An OOM kill.
    Oom(Oom<'a>),
    /// The memory of an OOM victim was freed.
    OomFreed(OomFreed),
    /// A change of one kswapd.
    Kswapd(Kswapd),
    /// A row of a requested table of a report.
    Group(Group),
    /// The last object: the summary.
    Summary(Summary<'a>),
}

impl Object<'_> {
    /// The object as one line, with its newline.
    ///
    /// # Errors
    /// Never for these types; the error is the serializer's.
    pub fn to_line(&self) -> Result<Vec<u8>, serde_json::Error> {
        values::line(self)
    }
}
