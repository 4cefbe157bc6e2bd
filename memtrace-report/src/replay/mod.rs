//! A trace through the one session: what live showed is shown again. Pure: items of a trace in, items of a view out.

mod cgroups;
mod damage;
mod ending;
mod engine;
mod items;
mod marks;
mod note;
mod process_names;
mod watch;
pub mod when;
pub mod window;

pub use self::{
    ending::Finished,
    engine::{Options, Replay},
    items::Items,
    marks::{Act, Block, Marks},
    note::Note,
    watch::{Flow, Watch},
};
use crate::json::MetaInput;
use memtrace_core::session::{counters::Baseline, filter::Filter};
use memtrace_trace::model::{ClockReading, HostFacts, Meta, Setup};

/// What stands for the beginning of a trace that has lost it.
#[must_use]
pub fn without_meta(clock: ClockReading) -> Meta {
    Meta {
        recording: 0,
        segment: 0,
        run: 0,
        setup: Setup { scans_read: true, interval_ns: 1_000_000_000, ..Setup::default() },
        host: HostFacts::default(),
        clock,
        baseline: Baseline::default(),
        nodes_from: Vec::new(),
        before: None,
        vmstat: Vec::new(),
        meminfo_bytes: Vec::new(),
        zones: Vec::new(),
        base: None,
    }
}

/// What the first JSON object of a trace is made of.
#[must_use]
pub fn meta_input<'a>(meta: &'a Meta, filter: &'a Filter, min_stall_ns: u64) -> MetaInput<'a> {
    MetaInput {
        version: &meta.setup.version,
        kernel: &meta.host.kernel,
        host: &meta.host.host,
        page_size_bytes: meta.host.page_size_bytes,
        hooks: &meta.setup.hooks,
        filter,
        min_stall_ns: min_stall_ns.max(meta.setup.min_stall_ns),
        interval_ns: meta.setup.interval_ns,
        command: &meta.setup.command,
    }
}
