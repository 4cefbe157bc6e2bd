//! A latency histogram in user space, with the bucket shape of the kernel side.

use memtrace_common::histogram::{BUCKETS, bucket_of, lower_bound_ns};

use crate::sum;

/// Counts of latencies by [`bucket_of`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    counts: Box<[u64; BUCKETS]>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: Box::new([0; BUCKETS]) }
    }
}

impl Histogram {
    /// Counts one latency in ns.
    pub fn record(&mut self, ns: u64) {
        sum::add(&mut self.counts[bucket_of(ns)], 1);
    }

    /// Adds counts of the same shape, such as one CPU's.
    pub fn add(&mut self, counts: &[u64; BUCKETS]) {
        for (all, count) in self.counts.iter_mut().zip(counts) {
            sum::add(all, *count);
        }
    }

    /// Counts since `earlier`, an older state of the same histogram.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut delta = self.clone();
        for (count, old) in delta.counts.iter_mut().zip(earlier.counts.iter()) {
            *count = count.saturating_sub(*old);
        }
        delta
    }

    /// Clears all counts.
    pub fn clear(&mut self) {
        self.counts.fill(0);
    }

    /// The counts, by bucket.
    #[must_use]
    pub fn counts(&self) -> &[u64; BUCKETS] {
        &self.counts
    }

    /// Buckets that are not empty, with their counts, in order.
    pub fn filled(&self) -> impl Iterator<Item = (u16, u32)> {
        let filled = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        filled.map(|(at, count)| (u16::try_from(at).unwrap_or(u16::MAX), u32::try_from(*count).unwrap_or(u32::MAX)))
    }

    /// Number of latencies counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        sum::of(self.counts.iter())
    }

    /// The latency below which the share `q` (0 to 1) of the counted ones lies, in ns; `None` when nothing was counted.
    /// The result is the middle of its bucket, so at most 1/32 (or 64 ns) off.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<u64> {
        let rank = rank(q, self.total())?;
        let mut seen = 0;
        for (i, count) in self.counts.iter().enumerate() {
            sum::add(&mut seen, *count);
            if seen >= rank {
                let low = lower_bound_ns(i);
                let high = if i + 1 < BUCKETS { lower_bound_ns(i + 1) } else { low };
                return Some(low + (high - low) / 2);
            }
        }
        None
    }
}

/// Rank, from 1, of the value below which the share `q` (0 to 1) of `total` values lies; `None` without values.
pub(super) fn rank(q: f64, total: u64) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rank in 1..=total; a count that needs more than 53 bits cannot occur"
    )]
    let rank = (q * total as f64).ceil() as u64;
    (total > 0).then(|| rank.clamp(1, total))
}
