//! Interface of an experiment: it runs beside the tracing and leaves its marks in the trace.

use std::sync::{Arc, atomic::AtomicBool};

use memtrace_core::session::tick::Tick;
use memtrace_trace::model::Remark;

/// An activity beside the tracing. It is called between two drains of the ring and must never wait.
pub trait Controller {
    /// Does what is due at `now_ns`, `CLOCK_MONOTONIC`. Returns a remark, for which an interval ends at this very time.
    /// Called again until it returns `None`.
    fn advance(&mut self, now_ns: u64) -> Option<Remark>;
    /// Takes the interval that has just ended.
    fn tick(&mut self, tick: &Tick);
    /// True once the activity is over; tracing then ends too.
    fn is_over(&self) -> bool;
    /// Called first when the tracing ends: restores what the activity changed.
    fn end(&mut self);
    /// Progress in one line.
    fn progress(&self, now_ns: u64) -> String;
    /// Effect of Ctrl-C, for the line that names the destination of the recording.
    fn on_interrupt(&self) -> &'static str;
    /// While this is true, no signal ends the process, however often it comes: settings must be restored first.
    fn hold(&self) -> Arc<AtomicBool>;
}
