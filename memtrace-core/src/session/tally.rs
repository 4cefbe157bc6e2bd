//! Sums of stalls: for a process, a cgroup, the rest of a table, or all stalls that match a filter.

use memtrace_common::{
    histogram::{bucket_of, lower_bound_ns},
    kind::StallKind,
};

use super::{
    bands::{self, Bands},
    faults::Faults,
    unrecorded::UnrecordedStalls,
};
use crate::event::Stall;

/// First histogram bucket that a [`Tally`] counts separately: shorter stalls count as 4 us.
const FIRST: usize = 32;
/// One past the last such bucket: longer stalls count as about a minute (the maximum is kept exactly).
const END: usize = 416;

/// Weight of a refault in comparison to a stall, in ns: about the latency of a fast disk.
const REFAULT_NS: u64 = 10_000;

/// Count and time of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindTally {
    /// Finished stalls.
    pub count: u64,
    /// Sum of their durations, in ns.
    pub total_ns: u64,
}

impl KindTally {
    /// Adds another count and time.
    pub fn add(&mut self, more: Self) {
        self.count = self.count.saturating_add(more.count);
        self.total_ns = self.total_ns.saturating_add(more.total_ns);
    }
}

/// A sum of values, some of which may not have been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct PartialSum {
    sum: u64,
    unread: u64,
}

impl PartialSum {
    fn add(&mut self, value: Option<u64>) {
        match value {
            Some(value) => self.sum = self.sum.saturating_add(value),
            None => self.unread = self.unread.saturating_add(1),
        }
    }

    fn merge(&mut self, other: Self) {
        self.sum = self.sum.saturating_add(other.sum);
        self.unread = self.unread.saturating_add(other.unread);
    }

    /// The sum, unless a part of it is missing.
    fn known(self) -> Option<u64> {
        (self.unread == 0).then_some(self.sum)
    }
}

/// Sums of a number of stalls. About 1.8 KiB, of fixed size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Finished stalls.
    pub stalls: u64,
    /// Sum of their durations, in ns.
    pub total_ns: u64,
    /// Longest duration, in ns.
    pub max_ns: u64,
    kinds: [KindTally; StallKind::COUNT],
    scanned: PartialSum,
    reclaimed: PartialSum,
    latency: [u32; END - FIRST],
    /// Number of stalls of which only count and time are known.
    without_latency: u64,
    /// Refaults, major faults and swap-ins, in addition to the stalls.
    pub faults: Faults,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            stalls: 0,
            total_ns: 0,
            max_ns: 0,
            kinds: [KindTally::default(); StallKind::COUNT],
            scanned: PartialSum::default(),
            reclaimed: PartialSum::default(),
            latency: [0; END - FIRST],
            without_latency: 0,
            faults: Faults::default(),
        }
    }
}

impl Tally {
    /// Counts one stall.
    pub fn add(&mut self, stall: &Stall) {
        self.stalls = self.stalls.saturating_add(1);
        self.total_ns = self.total_ns.saturating_add(stall.dur_ns);
        self.max_ns = self.max_ns.max(stall.dur_ns);
        let kind = &mut self.kinds[stall.kind as usize];
        kind.count = kind.count.saturating_add(1);
        kind.total_ns = kind.total_ns.saturating_add(stall.dur_ns);
        self.scanned.add(stall.scanned_pages);
        self.reclaimed.add(stall.reclaimed_pages);
        let bucket = &mut self.latency[bucket_of(stall.dur_ns).clamp(FIRST, END - 1) - FIRST];
        *bucket = bucket.saturating_add(1);
    }

    /// Adds stalls of which only count and time are known.
    pub(super) fn add_unrecorded(&mut self, unrecorded: &UnrecordedStalls) {
        self.stalls = self.stalls.saturating_add(unrecorded.count);
        self.total_ns = self.total_ns.saturating_add(unrecorded.total_ns);
        // The longest may be that of an event, or an earlier stall: none of these took longer than all of them
        // together.
        if unrecorded.max_ns <= unrecorded.total_ns {
            self.max_ns = self.max_ns.max(unrecorded.max_ns);
        }
        self.scanned.unread = self.scanned.unread.saturating_add(unrecorded.count);
        self.reclaimed.unread = self.reclaimed.unread.saturating_add(unrecorded.count);
        self.without_latency = self.without_latency.saturating_add(unrecorded.count);
    }

    /// Adds the sums of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.stalls = self.stalls.saturating_add(other.stalls);
        self.total_ns = self.total_ns.saturating_add(other.total_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
        for (kind, more) in self.kinds.iter_mut().zip(other.kinds) {
            kind.add(more);
        }
        self.faults.merge(&other.faults);
        self.without_latency = self.without_latency.saturating_add(other.without_latency);
        self.scanned.merge(other.scanned);
        self.reclaimed.merge(other.reclaimed);
        for (bucket, more) in self.latency.iter_mut().zip(other.latency) {
            *bucket = bucket.saturating_add(more);
        }
    }

    /// Weight of the sums, in ns: only good for comparing two tallies.
    pub(super) fn weight_ns(&self) -> u64 {
        let Faults { refaults, major_faults, .. } = &self.faults;
        let pages = refaults.file_pages.saturating_add(refaults.anon_pages).max(*major_faults);
        self.total_ns.saturating_add(pages.saturating_mul(REFAULT_NS))
    }

    /// The kinds that occurred, with their count and time.
    pub fn kinds(&self) -> impl Iterator<Item = (StallKind, KindTally)> + '_ {
        StallKind::ALL.into_iter().zip(self.kinds).filter(|(_, kind)| kind.count > 0)
    }

    /// Number of stalls by latency band.
    pub(super) fn bands(&self) -> Bands {
        bands::of_buckets(self.latency.iter().enumerate().map(|(i, count)| (FIRST + i, u64::from(*count))))
    }

    /// Pages scanned in the stalls; `None` when a part of them was not read.
    #[must_use]
    pub fn scanned_pages(&self) -> Option<u64> {
        self.scanned.known()
    }

    /// Pages reclaimed in the stalls; `None` when a part of them was not read.
    #[must_use]
    pub fn reclaimed_pages(&self) -> Option<u64> {
        self.reclaimed.known()
    }

    /// The latency below which the share `q` (0 to 1) of the stalls lies, in ns; at most 1/32 off from 4 us to a
    /// minute, and never above the maximum. `None` when there are no stalls, or when the latency of some is not known.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<u64> {
        if self.without_latency > 0 {
            return None;
        }
        let total: u64 = self.latency.iter().copied().map(u64::from).sum();
        let rank = super::histogram::rank(q, total)?;
        let mut seen = 0;
        for (i, count) in self.latency.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= rank {
                let (low, high) = (lower_bound_ns(FIRST + i), lower_bound_ns(FIRST + i + 1));
                return Some((low + (high - low) / 2).min(self.max_ns));
            }
        }
        None
    }
}
