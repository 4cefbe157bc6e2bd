//! Values that many objects have.

use std::{borrow::Cow, fmt};

use memtrace_core::untrusted::{Escaped, Untrusted};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};

/// Version of the objects: it grows when a field changes its meaning or goes away, not when one is added.
pub const SCHEMA: u32 = 1;

/// Bytes that the line of a stall fits in.
const LINE: usize = 1 << 10;

/// An object as one line, with its newline.
pub(super) fn line(object: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut line = Vec::with_capacity(LINE);
    serde_json::to_writer(&mut line, object)?;
    line.push(b'\n');
    Ok(line)
}

/// A string that is put together while the object is written: there is one object for each stall, and nothing is
/// allocated for its fields.
#[derive(Clone, Copy, Debug)]
pub struct Shown<T>(pub T);

impl<T: fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<T> JsonSchema for Shown<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        String::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

/// Text from another process.
pub type Name<'a> = Shown<Escaped<'a>>;

/// Text from another process, as a field.
pub(super) const fn name(bytes: &[u8]) -> Name<'_> {
    Shown(Untrusted(bytes).tty())
}

/// A number that JSON can hold: no NaN, no infinity.
pub(crate) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// Text from another process.
pub(super) fn text(bytes: &[u8]) -> String {
    Untrusted(bytes).json()
}
