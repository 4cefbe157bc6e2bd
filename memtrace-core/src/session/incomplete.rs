//! Missing or damaged parts of a trace: a summary of the trace covers only the rest.

/// Missing and damaged parts of a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Incomplete {
    /// True when the beginning is lost: counts begin with the first tick.
    pub no_beginning: bool,
    /// True when the trace just ends: its recorder was killed, or still runs.
    pub no_end: bool,
    /// Parts that could not be read.
    pub damaged_parts: u64,
    /// Length of these parts, in bytes.
    pub damaged_bytes: u64,
    /// Segments between others that are missing or cut.
    pub missing_segments: u64,
}
