//! One run as a comparison sees it: what was counted in each slice of time.

use std::collections::BTreeMap;

use super::{changes::Scope, tuned::RunFacts};
use crate::metric::{Measure, Slice, Sums};
use memtrace_core::session::input::Zone;
use memtrace_trace::model::Meta;

/// One recording.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its slices, in order.
    pub slices: Vec<Slice>,
    /// The longest stall, in ns; one that was not over counts with its length at the end.
    pub max_ns: Option<u64>,
    /// Stalls that were not over at its end: how many, and for how long at least in all, in ns.
    pub open: (u64, u64),
    /// Who had how much, per second.
    pub groups: BTreeMap<(Scope, String), f64>,
    /// The beginning of its trace.
    pub meta: Meta,
    /// Watermarks at its first tick.
    pub zones: Vec<Zone>,
    /// Events that were lost, and that a number or a line lacks.
    pub lost: u64,
    /// The worst of the counters that ought to agree with the kernel's, with its share.
    pub coverage: Option<(&'static str, f64)>,
    /// The longest slice, in intervals of the recording.
    pub longest_slice: f64,
    /// For how long the host slept in it, in ns.
    pub suspended_ns: u64,
    /// What must be told of it.
    pub notes: Vec<String>,
    /// Notes that ticks are missing or damaged.
    pub damage: u64,
    /// Settings of the host that were changed in it.
    pub changes: u64,
}

impl Run {
    /// What all its slices add up to.
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

    /// What it says of its host.
    #[must_use]
    pub fn facts(&self) -> RunFacts<'_> {
        RunFacts { meta: &self.meta, zones: &self.zones }
    }
}

/// One side of a comparison.
#[derive(Clone, Debug)]
pub struct Side {
    /// Its name.
    pub name: String,
    /// Its runs.
    pub runs: Vec<Run>,
}

impl Side {
    /// What all its runs add up to.
    #[must_use]
    pub fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        self.runs.iter().for_each(|run| sums.merge(&run.sums()));
        sums
    }
}
