//! Parts of a trace that cannot be read.

use super::scan::RawBlock;

/// A part of a trace that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Offset of its first byte in the input.
    pub offset: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// True when the input just ends there, as after a kill; nothing is then known to be wrong.
    pub is_cut: bool,
    /// Description of the damage, in words.
    pub what: String,
    /// The block, where the part is one block with a whole header; `None` for several blocks or other bytes.
    pub block: Option<RawBlock>,
}
