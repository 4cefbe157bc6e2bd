//! Something that goes on beside the tracing and leaves its marks in the trace: an experiment.

use std::sync::{Arc, atomic::AtomicBool};

use memtrace_core::session::tick::Tick;
use memtrace_trace::model::Remark;

/// What goes on beside the tracing. It is asked between two drains of the ring and must never wait.
pub trait Controller {
    /// What is due at this time, `CLOCK_MONOTONIC` in ns: a remark, which gets a tick of its own at this very time. Asked
    /// again until there is none.
    fn advance(&mut self, now_ns: u64) -> Option<Remark>;
    /// An interval ended.
    fn tick(&mut self, tick: &Tick);
    /// Whether it is over, and the tracing with it.
    fn is_over(&self) -> bool;
    /// The tracing is over: what must be put right is, before anything else.
    fn end(&mut self);
    /// How far it is, in one line.
    fn progress(&self, now_ns: u64) -> String;
    /// What Ctrl-C does to it, for the line that says where is recorded to.
    fn on_interrupt(&self) -> &'static str;
    /// While this holds no signal ends the process, however often it comes: something must be put right first.
    fn hold(&self) -> Arc<AtomicBool>;
}
