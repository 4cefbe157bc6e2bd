//! Missing and damaged parts of a trace, as an object.

use schemars::JsonSchema;
use serde::Serialize;

use memtrace_core::session::incomplete;

/// Parts of a trace that are missing or damaged: the summary is one of the rest.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Incomplete {
    /// The beginning is lost: counts begin with the first tick.
    pub no_beginning: bool,
    /// The trace just ends: its recorder was killed, or still runs.
    pub no_end: bool,
    /// Parts that could not be read.
    pub damaged_parts: u64,
    /// Length of these parts.
    pub damaged_bytes: u64,
    /// Segments between others that are missing or cut.
    pub missing_segments: u64,
}

impl Incomplete {
    pub(super) const fn new(incomplete: incomplete::Incomplete) -> Self {
        let incomplete::Incomplete { no_beginning, no_end, damaged_parts, damaged_bytes, missing_segments } =
            incomplete;
        Self { no_beginning, no_end, damaged_parts, damaged_bytes, missing_segments }
    }
}
