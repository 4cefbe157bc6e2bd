//! The stalls of an interval.

use std::collections::BTreeMap;

use memtrace_common::{histogram::bucket_of, kind::StallKind};

use super::{
    bands::{self, Bands},
    histogram::Histogram,
    input::KindTotals,
    open_time::Passed,
    tally::Tally,
};

/// Stalls of an interval: the time in it, and those that ended in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interval {
    /// Number of stalls that ended.
    pub count: u64,
    /// Sum of their durations, in ns. A stall may have begun before the interval.
    pub total_ns: u64,
    /// Time that passed in stalls in the interval, in ns: for stalls that ended the part in it, and for stalls that are
    /// not over the part so far.
    pub stalled_ns: u64,
    /// Time so far in the stalls that are not over, in ns; `None` where only events show which stalls belong here.
    pub open_ns: Option<u64>,
    /// Median, in ns; `None` without a stall.
    pub p50_ns: Option<u64>,
    /// 99th percentile, in ns; `None` without a stall.
    pub p99_ns: Option<u64>,
    /// The longest, in ns; at most 1/32 off where its record was lost. `None` without a stall.
    pub max_ns: Option<u64>,
    /// Number of stalls by latency band.
    pub bands: Bands,
}

impl Interval {
    fn new(count: u64, total_ns: u64, passed: Passed, latency: &Histogram, max_ns: Option<u64>) -> Self {
        // The middle of a bucket may lie above the longest stall; only the longest is exact.
        let quantile = |q| latency.quantile(q).map(|ns| max_ns.map_or(ns, |max| ns.min(max)));
        Self {
            count,
            total_ns,
            stalled_ns: passed.stalled_ns,
            open_ns: Some(passed.open_ns),
            p50_ns: quantile(0.50),
            p99_ns: quantile(0.99),
            max_ns,
            bands: bands::of_counts(latency.counts()),
        }
    }

    /// Adds the stalls of another row. The quantiles of both together are not known.
    pub fn merge(&mut self, other: &Self) {
        let (stalled_ns, open_ns) = (self.stalled_ns.saturating_add(other.stalled_ns), self.open_ns.zip(other.open_ns));
        if self.count == 0 {
            *self = *other;
        } else if other.count > 0 {
            self.add_ended(other);
        }
        self.stalled_ns = stalled_ns;
        self.open_ns = open_ns.map(|(a, b)| a.saturating_add(b));
    }

    /// Adds the time of a stall that is not over, in an interval of length `elapsed_ns`.
    pub(super) fn add_open(&mut self, so_far_ns: u64, elapsed_ns: u64) {
        self.stalled_ns = self.stalled_ns.saturating_add(so_far_ns.min(elapsed_ns));
        self.open_ns = Some(self.open_ns.unwrap_or(0).saturating_add(so_far_ns));
    }

    fn add_ended(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.total_ns = self.total_ns.saturating_add(other.total_ns);
        (self.p50_ns, self.p99_ns) = (None, None);
        self.max_ns = self.max_ns.max(other.max_ns);
        for (band, more) in self.bands.iter_mut().zip(other.bands) {
            *band = band.saturating_add(more);
        }
    }

    /// The stalls of a tally, `stalled_ns` of whose time passed in the interval. It is not known which of the open
    /// stalls belong to the tally.
    pub(super) fn of_tally(tally: &Tally, stalled_ns: u64) -> Self {
        Self {
            count: tally.stalls,
            total_ns: tally.total_ns,
            stalled_ns,
            open_ns: None,
            p50_ns: tally.quantile(0.50),
            p99_ns: tally.quantile(0.99),
            max_ns: (tally.stalls > 0).then_some(tally.max_ns),
            bands: tally.bands(),
        }
    }
}

/// The stalls of one kind between two states of the exact totals. `reported_ns` is the longest stall that an event
/// reported; `passed` returns the time in the interval for the duration of the stalls that ended.
pub(super) fn interval(
    now: &KindTotals,
    before: Option<&KindTotals>,
    reported_ns: u64,
    passed: impl FnOnce(u64) -> Passed,
) -> (Interval, Histogram) {
    let nothing = KindTotals::default();
    let before = before.unwrap_or(&nothing);
    let latency = now.latency.since(&before.latency);
    let count = now.count.saturating_sub(before.count);
    // The exact maximum is since attach: it belongs to this interval only when it grew.
    let grown_ns = if now.max_ns > before.max_ns { now.max_ns } else { 0 };
    // Events may lack the longest stall, or include one that the totals do not have yet. The histogram decides.
    let max_ns = latency.quantile(1.0).map(|about_ns| {
        let longest_ns = reported_ns.max(grown_ns);
        if bucket_of(longest_ns) == bucket_of(about_ns) { longest_ns } else { about_ns }
    });
    let total_ns = now.total_ns.saturating_sub(before.total_ns);
    (Interval::new(count, total_ns, passed(total_ns), &latency, max_ns), latency)
}

/// All kinds together, with the counts by latency that are not 0.
pub(super) fn all_kinds(kinds: &BTreeMap<StallKind, (Interval, Histogram)>) -> (Interval, Vec<(u16, u32)>) {
    let mut latency = Histogram::default();
    let mut sum = Interval::default();
    let mut passed = Passed::default();
    for (interval, counts) in kinds.values() {
        latency.add(counts.counts());
        sum.count = sum.count.saturating_add(interval.count);
        sum.total_ns = sum.total_ns.saturating_add(interval.total_ns);
        passed.stalled_ns = passed.stalled_ns.saturating_add(interval.stalled_ns);
        passed.open_ns = passed.open_ns.saturating_add(interval.open_ns.unwrap_or(0));
        sum.max_ns = sum.max_ns.max(interval.max_ns);
    }
    (Interval::new(sum.count, sum.total_ns, passed, &latency, sum.max_ns), latency.filled().collect())
}
