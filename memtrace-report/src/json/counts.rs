//! Counts that belong to no stall, as fields of the object that they are in.

use std::borrow::Cow;

use memtrace_common::count::Count;
use memtrace_core::session::counts;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{Map, Value};

/// A field for each count; null where it was not counted.
#[derive(Clone, Copy, Debug)]
pub struct Counts(pub(super) counts::Counts);

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Count::COUNT))?;
        for count in Count::ALL {
            map.serialize_entry(count.name(), &self.0.get(count))?;
        }
        map.end()
    }
}

impl JsonSchema for Counts {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Counts".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let property = |count: Count| {
            let mut schema = generator.subschema_for::<Option<u64>>();
            let help = format!(
                "{} Null where it was not counted: its hook is not attached, or the trace is older than this count.",
                count.help()
            );
            schema.insert("description".to_owned(), help.into());
            (count.name().to_owned(), schema.to_value())
        };
        let properties: Map<String, Value> = Count::ALL.map(property).into_iter().collect();
        json_schema!({ "type": "object", "properties": properties, "required": Count::ALL.map(Count::name) })
    }
}
