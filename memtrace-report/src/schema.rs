//! The JSON schema of all objects, generated from their types.

use schemars::{
    JsonSchema, Schema, SchemaGenerator,
    generate::SchemaSettings,
    json_schema,
    transform::{Transform, transform_subschemas},
};
use serde_json::{Map, Value, json};

use crate::{
    compare::Compare,
    json::{Group, Kswapd, Meta, Oom, OomFreed, Stall, Summary, Tick},
};

const DESCRIPTION: &str = "One line of `memtrace --json`. Values that were not read are null. Names from other processes \
                           come with control and deceptive characters escaped as \\xNN and \\u{N}, a backslash doubled.";

/// The schema (JSON Schema 2020-12), indented, with a newline at the end.
///
/// # Errors
/// Never for these types; the error is the serializer's.
pub fn schema() -> Result<String, serde_json::Error> {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let objects = [
        object::<Meta>(&mut generator, "meta"),
        object::<Tick>(&mut generator, "tick"),
        object::<Stall>(&mut generator, "stall"),
        object::<Oom>(&mut generator, "oom"),
        object::<OomFreed>(&mut generator, "oom_freed"),
        object::<Kswapd>(&mut generator, "kswapd"),
        object::<Group>(&mut generator, "group"),
        object::<Compare>(&mut generator, "compare"),
        object::<Summary>(&mut generator, "summary"),
    ];
    whole("memtrace --json", DESCRIPTION, generator, objects)
}

/// The schema of a single object, as [`schema`].
///
/// # Errors
/// As [`schema`].
pub fn of_object<T: JsonSchema>(
    title: &str,
    description: &str,
    name: &'static str,
) -> Result<String, serde_json::Error> {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let object = object::<T>(&mut generator, name);
    whole(title, description, generator, [object])
}

fn whole<const N: usize>(
    title: &str,
    description: &str,
    mut generator: SchemaGenerator,
    objects: [(&'static str, Value); N],
) -> Result<String, serde_json::Error> {
    let one_of: Vec<Value> = objects.iter().map(|(name, _)| json!({"$ref": format!("#/$defs/{name}")})).collect();
    let mut definitions = generator.take_definitions(true);
    definitions.extend(objects.map(|(name, schema)| (name.to_owned(), schema)));
    let mut whole = json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "description": description,
        "oneOf": one_of,
        "$defs": definitions,
    });
    Closed.transform(&mut whole);
    Ok(serde_json::to_string_pretty(&whole)? + "\n")
}

/// The schema of an object, with its `type`.
fn object<T: JsonSchema>(generator: &mut SchemaGenerator, name: &'static str) -> (&'static str, Value) {
    let mut schema = T::json_schema(generator).to_value();
    let map = schema.as_object_mut();
    if let Some(map) = map {
        let insert = |map: &mut Map<String, Value>| map.insert("type".to_owned(), json!({"const": name}));
        map.get_mut("properties").and_then(Value::as_object_mut).map(insert);
        if let Some(required) = map.get_mut("required").and_then(Value::as_array_mut) {
            required.retain(|field| field != "type");
            required.insert(0, "type".into());
        }
    }
    (name, schema)
}

/// Refuses fields that are not declared, and declares `time` as an instant.
struct Closed;

impl Transform for Closed {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
            if let Some(time) = properties.get_mut("time").and_then(Value::as_object_mut) {
                time.insert("format".to_owned(), "date-time".into());
            }
            schema.insert("additionalProperties".to_owned(), false.into());
        }
        // The Rust width of a number is no part of the format.
        if schema.get("format").and_then(Value::as_str).is_some_and(|format| format != "date-time") {
            schema.remove("format");
        }
        transform_subschemas(self, schema);
    }
}
