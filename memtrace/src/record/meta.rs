//! The beginning of a recording: how it is made and on what host.

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

/// What is known once the hooks are attached.
#[derive(Debug)]
pub struct Begun<'a> {
    /// How the trace is made.
    pub setup: Setup,
    /// Which of several runs, from 1; 0 when there is only one.
    pub run: u32,
    /// What is known of the host.
    pub facts: &'a Facts,
    /// The kernel's counters around the attaching.
    pub baseline: Baseline,
    /// Refaults of each node since boot, from where they count.
    pub nodes_from: Vec<NodeRefaults>,
    /// The zones.
    pub zones: Vec<Zone>,
    /// What was going on before.
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
