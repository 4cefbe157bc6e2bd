//! The form in which `replay` writes a recording.

use super::player::Request;
use crate::{cli::ReplayArgs, terminal};
use memtrace_core::gfp::GfpNames;
use memtrace_report::{
    json,
    output::{Format, Renderer},
    replay::Replay,
    text,
};

/// The renderer of a recording, as the command line asks for it.
pub(super) fn renderer(args: &ReplayArgs, replay: &Replay, request: &Request<'_>) -> Renderer {
    let (meta, filter) = (replay.meta(), replay.filter());
    let clock = request.clock(meta);
    let format = if args.json {
        let min_stall_ns = u64::try_from(args.min_stall().as_nanos()).unwrap_or(u64::MAX);
        Format::Json(Some(Box::new(json::Meta::new(&json::MetaInput::of_trace(meta, filter, min_stall_ns), &clock))))
    } else {
        Format::Lines {
            width: terminal::width(),
            style: terminal::style(args.no_color),
            top: args.top,
            filter: text::describe_filter(filter),
            interval_ns: meta.setup.interval_ns,
            since_head: 0,
        }
    };
    Renderer { clock, gfp: GfpNames::from_list(&meta.setup.gfp_names), format }
}
