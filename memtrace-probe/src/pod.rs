//! Values that pass into the kernel as bytes.

use memtrace_common::{
    config::Config,
    refault::{RefaultCounts, TaskFaults, TaskKey},
    shrinker::{ShrinkerKey, ShrinkerTotals},
    span::TaskSpans,
    stack::{StackCounts, StackFrames, StackKey},
    totals::{KswapdTotals, OtherShrinks, StallTotals},
    zone::ZonesTotals,
};

/// A shared type in the form that aya's maps and globals need.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(super) struct Raw<T: Copy + 'static>(pub(super) T);

// SAFETY: `repr(C)`, made of integers only, and any bytes are a valid value. Its padding is never read.
unsafe impl aya::Pod for Raw<Config> {}
// SAFETY: `repr(C)`, made of u64 only.
unsafe impl aya::Pod for Raw<StallTotals> {}
// SAFETY: `repr(C)`, made of u64 only.
unsafe impl aya::Pod for Raw<RefaultCounts> {}
// SAFETY: `repr(C)`, made of integers without padding between them.
unsafe impl aya::Pod for Raw<TaskKey> {}
// SAFETY: `repr(C)`, made of integers without padding between them.
unsafe impl aya::Pod for Raw<TaskFaults> {}
// SAFETY: `repr(C)`, made of integers with explicit padding.
unsafe impl aya::Pod for Raw<KswapdTotals> {}
// SAFETY: `repr(C)`, made of u64 only.
unsafe impl aya::Pod for Raw<ZonesTotals> {}
// SAFETY: `repr(C)`, made of u64 only.
unsafe impl aya::Pod for Raw<OtherShrinks> {}
// SAFETY: `repr(C)`, made of integers with explicit padding.
unsafe impl aya::Pod for Raw<TaskSpans> {}
// SAFETY: `repr(C)`, made of integers without padding between them.
unsafe impl aya::Pod for Raw<StackFrames> {}
// SAFETY: `repr(C)`, made of integers without padding between them.
unsafe impl aya::Pod for Raw<StackKey> {}
// SAFETY: `repr(C)`, made of u64 only.
unsafe impl aya::Pod for Raw<StackCounts> {}
// SAFETY: `repr(C)`, made of integers without padding between them.
unsafe impl aya::Pod for Raw<ShrinkerKey> {}
// SAFETY: `repr(C)`, made of u64 only.
unsafe impl aya::Pod for Raw<ShrinkerTotals> {}
