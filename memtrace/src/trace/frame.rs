//! The framing of blocks.

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum BlockKind {
    /// The beginning of a segment.
    Meta = 1,
    /// A reading of the clocks.
    Clock = 2,
    /// Paths of cgroups.
    Dict = 3,
    /// What happened.
    Events = 4,
    /// The state once an interval.
    Tick = 5,
    /// A remark.
    Remark = 6,
    /// The end of a segment.
    End = 7,
}
