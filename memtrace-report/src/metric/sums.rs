//! Sums of measures over time.

use memtrace_common::histogram::BUCKETS;
use memtrace_core::session::tick::Tick;

use super::Measure;

const MEASURES: usize = Measure::ALL.len();

/// A count, and the time for which it was read. Time without a reading is no time in which nothing happened.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    n: u64,
    read_ns: u64,
}

/// A slice of time, mostly a second.
#[derive(Clone, Debug, Default)]
pub struct Slice {
    counted: [Counted; MEASURES],
    /// Latencies: bucket and count, of those that are not empty, in order.
    pub latency: Vec<(u16, u32)>,
}

impl Slice {
    /// The slice of an interval.
    #[must_use]
    pub fn of(tick: &Tick) -> Self {
        let mut slice = Self { latency: tick.latency.clone(), ..Self::default() };
        for measure in Measure::ALL {
            if let Some(n) = measure.of(tick) {
                slice.read(measure, n, tick.elapsed_ns);
            }
        }
        slice
    }

    /// Adds a reading: `n` were counted in `ns`.
    pub fn read(&mut self, measure: Measure, n: u64, ns: u64) {
        let counted = &mut self.counted[measure as usize];
        counted.n = counted.n.saturating_add(n);
        counted.read_ns = counted.read_ns.saturating_add(ns);
    }

    /// The length of the slice, in ns: stalls are always read.
    #[must_use]
    pub const fn elapsed_ns(&self) -> u64 {
        self.read_ns(Measure::Stalls)
    }

    /// Time for which a measure was read, in ns.
    #[must_use]
    pub const fn read_ns(&self, measure: Measure) -> u64 {
        self.counted[measure as usize].read_ns
    }

    /// Count of a measure.
    #[must_use]
    pub const fn counted(&self, measure: Measure) -> u64 {
        self.counted[measure as usize].n
    }

    /// Adds another slice.
    pub fn merge(&mut self, other: &Self) {
        for measure in Measure::ALL {
            self.read(measure, other.counted(measure), other.read_ns(measure));
        }
        for &(bucket, count) in &other.latency {
            match self.latency.binary_search_by_key(&bucket, |entry| entry.0) {
                Ok(at) => self.latency[at].1 = self.latency[at].1.saturating_add(count),
                Err(at) => self.latency.insert(at, (bucket, count)),
            }
        }
    }
}

/// Sums of slices.
#[derive(Clone, Debug)]
pub struct Sums {
    counted: [f64; MEASURES],
    read_ns: [f64; MEASURES],
    /// Latencies by bucket.
    pub latency: [f64; BUCKETS],
}

impl Default for Sums {
    fn default() -> Self {
        Self { counted: [0.0; MEASURES], read_ns: [0.0; MEASURES], latency: [0.0; BUCKETS] }
    }
}

impl Sums {
    /// Adds a slice.
    #[expect(clippy::cast_precision_loss, reason = "times and counts of a recording are below 2^53")]
    pub fn add(&mut self, slice: &Slice) {
        for measure in Measure::ALL {
            self.counted[measure as usize] += slice.counted(measure) as f64;
            self.read_ns[measure as usize] += slice.read_ns(measure) as f64;
        }
        for &(bucket, count) in &slice.latency {
            self.latency[usize::from(bucket) % BUCKETS] += f64::from(count);
        }
    }

    /// Adds other sums.
    pub fn merge(&mut self, other: &Self) {
        let add = |sums: &mut [f64], more: &[f64]| sums.iter_mut().zip(more).for_each(|(sum, n)| *sum += n);
        add(&mut self.counted, &other.counted);
        add(&mut self.read_ns, &other.read_ns);
        add(&mut self.latency, &other.latency);
    }

    /// Time for which a measure was read, in s; `None` where it was not.
    #[must_use]
    pub fn read_s(&self, measure: Measure) -> Option<f64> {
        Some(self.read_ns[measure as usize] / 1e9).filter(|s| *s > 0.0)
    }

    /// Count of a measure.
    #[must_use]
    pub const fn counted(&self, measure: Measure) -> f64 {
        self.counted[measure as usize]
    }

    /// Length of all slices, in ns: stalls are always read.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of times")]
    pub const fn elapsed_ns(&self) -> u64 {
        self.read_ns[Measure::Stalls as usize] as u64
    }
}
