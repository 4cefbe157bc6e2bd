//! The beginning of a recording, as outputs take it.

use memtrace_core::{clock::Clock, gfp::GfpNames, session::filter::Filter};
use memtrace_report::{json::MetaInput, output::Start};
use memtrace_trace::model::Meta;

/// The facts of a recording before its first item, with the shortest stall that is written, in ns.
pub(super) fn start<'a>(
    meta: &'a Meta,
    filter: &'a Filter,
    min_stall_ns: u64,
    clock: &'a Clock,
    gfp: &'a GfpNames,
) -> Start<'a> {
    Start { clock, gfp, start_ns: meta.start_ns(), meta: MetaInput::of_trace(meta, filter, min_stall_ns) }
}
