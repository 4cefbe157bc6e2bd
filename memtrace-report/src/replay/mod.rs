//! Replay of a trace through the session of live, with the same output. Pure: items of a trace in, items of a view out.

mod cgroups;
mod damage;
mod ending;
mod engine;
mod held;
mod items;
mod marks;
mod note;
mod process_names;
mod source;
mod watch;
pub mod when;
pub mod window;

pub use self::{
    ending::Finished,
    engine::{Replay, ReplayOptions},
    items::Items,
    marks::{Act, Block, Marks},
    note::Note,
    source::{Beginning, Played, Source},
    watch::{Flow, Watch},
};
use memtrace_core::session::counters::Baseline;
use memtrace_trace::model::{ClockReading, HostFacts, Meta, Setup};

/// Substitute for the beginning of a trace that has lost it.
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
        at_start: None,
        vmstat: Vec::new(),
        meminfo_bytes: Vec::new(),
        zones: Vec::new(),
        base: None,
    }
}
