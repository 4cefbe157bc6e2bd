//! Values that many objects have.

use serde::Serialize;

/// Version of the objects: it grows when a field changes its meaning or goes away, not when one is added.
pub const SCHEMA: u32 = 1;

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
pub(super) fn text(bytes: &[u8]) -> String {
    memtrace_core::untrusted::Untrusted(bytes).json()
}
