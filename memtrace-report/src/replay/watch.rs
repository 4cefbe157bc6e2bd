//! Observers of a replay.

use std::{collections::BTreeMap, sync::Arc};

use memtrace_core::{event::Event, session::tick::Tick};
use memtrace_trace::model::{Remark, TickRecord};

/// Observer of a replay. Calls come in the order of events, and only for those in the window.
pub trait Watch {
    /// The window begins at this tick, and not at the attaching.
    fn begin(&mut self, base: &TickRecord);
    /// An event was given to the session; `shown` when it matches the filter.
    fn event(&mut self, event: &Event, shown: bool, paths: &BTreeMap<u64, Arc<[u8]>>);
    /// An interval ended; `record` is its tick in the trace, with totals since the attaching.
    fn tick(&mut self, tick: Tick, record: &TickRecord, paths: &BTreeMap<u64, Arc<[u8]>>);
    /// A remark.
    fn remark(&mut self, remark: &Remark);
    /// Something is missing here, after the last tick.
    fn missing(&mut self);
}

/// Continuation of a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// There may be more.
    Go,
    /// The window is over: later items are not needed.
    Done,
}
