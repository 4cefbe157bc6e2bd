//! One run as a comparison sees it: what was counted in each slice of time.

use std::collections::BTreeMap;

use memtrace_common::histogram::BUCKETS;

use super::{changes::Scope, tuned::RunFacts};
use memtrace_core::session::input::Zone;
use memtrace_trace::model::Meta;

/// For how long something was looked at: what was not read is no time in which nothing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// Stalls.
    All,
    /// `/proc/vmstat`.
    Vmstat,
    /// Memory pressure.
    Pressure,
    /// Refaults.
    Refaults,
    /// Scans.
    Scans,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Stalls that ended.
    Stalls,
    /// Their time, in ns.
    StalledNs,
    /// Work of all kswapd, in ns.
    KswapdNs,
    /// Pages scanned.
    Scanned,
    /// Pages reclaimed.
    Reclaimed,
    /// Pages refaulted.
    Refaulted,
    /// Pages read from swap.
    SwappedIn,
    /// Pages written to swap.
    SwappedOut,
    /// Pages allocated.
    Allocated,
    /// OOM kills.
    OomKills,
    /// Time in which some task was stalled on memory, in ns.
    SomeNs,
    /// Time in which all were.
    FullNs,
}

/// How many exposures there are.
const EXPOSURES: usize = 5;
/// How many measures.
const MEASURES: usize = 12;

/// A slice of time, mostly a second.
#[derive(Clone, Debug, Default)]
pub struct Slice {
    exposed_ns: [u64; EXPOSURES],
    counted: [u64; MEASURES],
    /// Latencies: bucket and count, of those that are not empty.
    pub latency: Vec<(u16, u32)>,
}

impl Slice {
    /// Says for how long something was looked at.
    pub fn expose(&mut self, exposure: Exposure, ns: u64) {
        self.exposed_ns[exposure as usize] = ns;
    }

    /// Adds what was counted.
    pub fn count(&mut self, measure: Measure, n: u64) {
        let counted = &mut self.counted[measure as usize];
        *counted = counted.saturating_add(n);
    }

    /// One number of it: exposures first, then what was counted.
    #[must_use]
    pub fn number(&self, at: usize) -> u64 {
        if at < EXPOSURES { self.exposed_ns[at] } else { self.counted[at - EXPOSURES] }
    }

    /// For how long something was looked at in it, in ns.
    #[must_use]
    pub const fn exposed_ns(&self, exposure: Exposure) -> u64 {
        self.exposed_ns[exposure as usize]
    }

    /// What was counted in it.
    #[must_use]
    pub const fn counted(&self, measure: Measure) -> u64 {
        self.counted[measure as usize]
    }

    /// Adds another slice.
    pub fn merge(&mut self, other: &Self) {
        self.exposed_ns.iter_mut().zip(other.exposed_ns).for_each(|(sum, n)| *sum = sum.saturating_add(n));
        self.counted.iter_mut().zip(other.counted).for_each(|(sum, n)| *sum = sum.saturating_add(n));
        for &(bucket, count) in &other.latency {
            match self.latency.binary_search_by_key(&bucket, |entry| entry.0) {
                Ok(at) => self.latency[at].1 = self.latency[at].1.saturating_add(count),
                Err(at) => self.latency.insert(at, (bucket, count)),
            }
        }
    }
}

/// What slices add up to. The numbers are floats because blocks are also drawn from them.
#[derive(Clone, Debug)]
pub struct Sums {
    /// Exposures in ns, then what was counted.
    pub numbers: [f64; Self::NUMBERS],
    /// Latencies by bucket.
    pub latency: [f64; BUCKETS],
}

impl Default for Sums {
    fn default() -> Self {
        Self { numbers: [0.0; Self::NUMBERS], latency: [0.0; BUCKETS] }
    }
}

impl Sums {
    /// How many numbers there are beside the latencies.
    pub const NUMBERS: usize = EXPOSURES + MEASURES;

    /// Adds a slice.
    #[expect(clippy::cast_precision_loss, reason = "times and counts of a recording are below 2^53")]
    pub fn add(&mut self, slice: &Slice) {
        for (at, sum) in self.numbers.iter_mut().enumerate() {
            *sum += slice.number(at) as f64;
        }
        self.add_latency(slice);
    }

    /// Adds only its latencies.
    pub fn add_latency(&mut self, slice: &Slice) {
        for &(bucket, count) in &slice.latency {
            self.latency[usize::from(bucket) % BUCKETS] += f64::from(count);
        }
    }

    /// Adds other sums.
    pub fn merge(&mut self, other: &Self) {
        self.numbers.iter_mut().zip(other.numbers).for_each(|(sum, n)| *sum += n);
        self.latency.iter_mut().zip(other.latency).for_each(|(sum, n)| *sum += n);
    }

    /// For how long something was looked at, in s; `None` when it was not.
    #[must_use]
    pub fn exposed_s(&self, exposure: Exposure) -> Option<f64> {
        Some(self.numbers[exposure as usize] / 1e9).filter(|s| *s > 0.0)
    }

    /// What was counted.
    #[must_use]
    pub fn counted(&self, measure: Measure) -> f64 {
        self.numbers[EXPOSURES + measure as usize]
    }

    /// All the time, in ns.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of times")]
    pub fn elapsed_ns(&self) -> u64 {
        self.numbers[Exposure::All as usize] as u64
    }
}

/// One recording.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its slices, in order.
    pub slices: Vec<Slice>,
    /// The longest stall, in ns.
    pub max_ns: Option<u64>,
    /// Stalls that were not over at its end: how many, and for how long at least in all, in ns.
    pub open: (u64, u64),
    /// Who had how much, per second.
    pub groups: BTreeMap<(Scope, String), f64>,
    /// The beginning of its trace.
    pub meta: Meta,
    /// Watermarks at its first tick.
    pub zones: Vec<Zone>,
    /// Events that were lost.
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

    /// Size of a page of its host, in bytes; 1 where it is not known.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "the size of a page")]
    pub fn page_bytes(&self) -> f64 {
        self.meta.host.page_size_bytes.max(1) as f64
    }

    /// Time in which stalls were traced, in s.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.sums().exposed_s(Exposure::All).unwrap_or(0.0)
    }

    /// What it says of its host.
    #[must_use]
    pub fn facts(&self) -> RunFacts<'_> {
        RunFacts { meta: &self.meta, zones: &self.zones, groups: &self.groups }
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
