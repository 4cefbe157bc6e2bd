//! The beginning of a recording: its setup, and the facts of the host.

use super::facts;
use crate::{host::memory_counters::MemoryCounters, preflight::Facts};
use memtrace_core::{
    at_start::AtStart,
    session::{
        counters::Baseline,
        input::{NodeRefaults, Zone},
    },
};
use memtrace_trace::model::{ClockReading, Meta, Setup};

/// Facts that are known once the hooks are attached.
#[derive(Debug)]
pub struct Begun<'a> {
    /// Setup of the trace.
    pub setup: Setup,
    /// Number of the run, from 1; 0 when there is only one.
    pub run: u32,
    /// Facts of the host.
    pub facts: &'a Facts,
    /// The kernel's counters around the attaching.
    pub baseline: Baseline,
    /// Refaults of each node since boot, as of the start of the counting.
    pub nodes_from: Vec<NodeRefaults>,
    /// The zones.
    pub zones: Vec<Zone>,
    /// State before the start.
    pub before: AtStart,
    /// The clocks.
    pub clock: ClockReading,
}

impl Begun<'_> {
    /// META of the first segment. Reads the settings of the host.
    pub fn meta(self, counters: &MemoryCounters) -> Meta {
        let (host, vmstat, meminfo_bytes) = facts::gather(self.facts, self.baseline.nodes, counters);
        Meta {
            recording: fastrand::u64(..),
            segment: 0,
            run: self.run,
            setup: self.setup,
            host,
            clock: self.clock,
            baseline: self.baseline,
            nodes_from: self.nodes_from,
            at_start: Some(self.before),
            vmstat,
            meminfo_bytes,
            zones: self.zones,
            base: None,
        }
    }
}
