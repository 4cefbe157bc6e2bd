//! A stall that is over, as the hooks pass it on.

use memtrace_common::kind::StallKind;

/// A stall that is over.
pub(crate) struct Finished {
    pub(crate) kind: StallKind,
    pub(crate) tid: u32,
    pub(crate) tgid: u32,
    pub(crate) now_ns: u64,
    pub(crate) dur_ns: u64,
}
