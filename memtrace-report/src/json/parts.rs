//! The time of stalls by part, as an object.

use std::borrow::Cow;

use memtrace_common::part::Part;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{Map, Value};

use memtrace_core::{
    session::{parts, shrinkers},
    throttle,
    untrusted::Text,
};

/// The parts of a stall in ns: they add up to it. A part that was not measured is null, and in `rest`.
#[derive(Clone, Copy, Debug)]
pub struct Parts(parts::Parts);

/// Name and meaning of the time in no part.
const REST: (&str, &str) = ("rest", "All else.");

impl From<parts::Parts> for Parts {
    fn from(parts: parts::Parts) -> Self {
        Self(parts)
    }
}

impl Serialize for Parts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Part::COUNT + 1))?;
        for part in Part::ALL {
            map.serialize_entry(part.name(), &self.0.get(part))?;
        }
        map.serialize_entry(REST.0, &self.0.rest_ns)?;
        map.end()
    }
}

impl JsonSchema for Parts {
    fn schema_name() -> Cow<'static, str> {
        "Parts".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let property = |schema: Schema, help: &str| {
            let mut schema = schema;
            schema.insert("description".to_owned(), help.into());
            schema
        };
        let (part, rest) = (generator.subschema_for::<Option<u64>>(), generator.subschema_for::<u64>());
        let parts = Part::ALL.map(|of| (of.name().to_owned(), property(part.clone(), of.help()).to_value()));
        let rest = (REST.0.to_owned(), property(rest, REST.1).to_value());
        let properties: Map<String, Value> = parts.into_iter().chain([rest]).collect();
        let names: Vec<&str> = Part::ALL.iter().map(|part| part.name()).chain([REST.0]).collect();
        json_schema!({
            "description": "The parts of a stall in ns: they add up to it. A part that was not measured is null, and in `rest`.",
            "type": "object",
            "properties": properties,
            "required": names,
        })
    }
}

/// Time in `reclaim_throttle` by reason, in ns.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
pub struct Throttles {
    /// Too many pages are under writeback.
    pub writeback: u64,
    /// Too many pages are isolated from their lists by others.
    pub isolated: u64,
    /// Reclaim makes no progress.
    pub noprogress: u64,
    /// The pages that come next are dirty, and their device is slow.
    pub congested: u64,
}

impl Throttles {
    /// Times by reason; `None` where the reasons of a throttle are not known.
    pub(super) fn of(throttle_ns: Option<u64>, throttles: throttle::Throttles) -> Option<Self> {
        let [writeback, isolated, noprogress, congested] = throttles.ns();
        let is_known = throttle_ns? == 0 || throttles.named().next().is_some();
        is_known.then_some(Self { writeback, isolated, noprogress, congested })
    }
}

/// Time in one shrinker.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Shrinker {
    /// Function of the shrinker, with its module where it is in one; null for shrinkers whose names were not found.
    pub name: Option<String>,
    /// Total time in ns.
    pub total_ns: u64,
}

impl Shrinker {
    pub(super) fn all(times: &[shrinkers::ShrinkerTime]) -> Vec<Self> {
        let one =
            |time: &shrinkers::ShrinkerTime| Self { name: time.name.as_ref().map(Text::json), total_ns: time.total_ns };
        times.iter().map(one).collect()
    }
}
