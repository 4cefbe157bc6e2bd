//! One run for a comparison: the counts of each slice of time.

use std::collections::BTreeMap;

use super::{changes::Scope, tuned::RunFacts};
use crate::metric::{Measure, Slice, Sums};
use memtrace_core::session::input::Zone;
use memtrace_trace::model::Meta;

/// One recording.
#[derive(Clone, Debug)]
pub struct Run {
    /// Slices, in order.
    pub slices: Vec<Slice>,
    /// The longest stall, in ns; one that was not over counts with its length at the end.
    pub max_ns: Option<u64>,
    /// Stalls still open at the end of the run: their number, and their total length so far in ns.
    pub open: (u64, u64),
    /// Time by scope and name, in s per second.
    pub groups: BTreeMap<(Scope, String), f64>,
    /// The beginning of its trace.
    pub meta: Meta,
    /// Watermarks at its first tick.
    pub zones: Vec<Zone>,
    /// Lost events that a number or a line lacks.
    pub lost: u64,
    /// Counter with the largest deviation from the kernel's own, among those that ought to agree, with its ratio.
    pub coverage: Option<(&'static str, f64)>,
    /// The longest slice, in intervals of the recording.
    pub longest_slice: f64,
    /// Time for which the host was suspended in the run, in ns.
    pub suspended_ns: u64,
    /// Notes about the run, as text.
    pub notes: Vec<String>,
    /// Number of notes about missing or damaged ticks.
    pub damage: u64,
    /// Number of settings of the host that were changed in the run.
    pub changes: u64,
}

impl Run {
    /// Sum of all slices.
    #[must_use]
    pub fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        self.slices.iter().for_each(|slice| sums.add(slice));
        sums
    }

    /// Time in which stalls were traced, in s.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.sums().read_s(Measure::Stalls).unwrap_or(0.0)
    }

    /// Facts about the host.
    #[must_use]
    pub fn facts(&self) -> RunFacts<'_> {
        RunFacts { meta: &self.meta, zones: &self.zones }
    }
}

/// One side of a comparison.
#[derive(Clone, Debug)]
pub struct Side {
    /// Name of the side.
    pub name: String,
    /// Runs of the side.
    pub runs: Vec<Run>,
}

impl Side {
    /// Sum of all runs.
    #[must_use]
    pub fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        self.runs.iter().for_each(|run| sums.merge(&run.sums()));
        sums
    }
}
