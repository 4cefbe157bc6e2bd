//! Time for which reclaim made tasks sleep, by reason.

use memtrace_common::throttle::{REASON_COUNT, REASONS};

/// Time in `reclaim_throttle` by reason, in ns. Time of an unknown reason is in none of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttles([u64; REASON_COUNT]);

impl Throttles {
    /// Times in ns, in the order of [`REASONS`].
    #[must_use]
    pub const fn of(ns: [u64; REASON_COUNT]) -> Self {
        Self(ns)
    }

    /// Times in ns, in the order of [`REASONS`].
    #[must_use]
    pub const fn ns(self) -> [u64; REASON_COUNT] {
        self.0
    }

    /// Converts the kernel side's numbers, which are in us.
    #[must_use]
    pub fn of_us(us: [u64; REASON_COUNT]) -> Self {
        Self(us.map(|us| us.saturating_mul(1000)))
    }

    /// Adds the times of `more`.
    pub fn add(&mut self, more: Self) {
        self.0.iter_mut().zip(more.0).for_each(|(sum, ns)| *sum = sum.saturating_add(ns));
    }

    /// The growth since `base`, an older state of the same sums.
    #[must_use]
    pub fn since(mut self, base: Self) -> Self {
        self.0.iter_mut().zip(base.0).for_each(|(now, before)| *now = now.saturating_sub(before));
        self
    }

    /// Each reason with a time above 0, and its time in ns.
    pub fn named(self) -> impl Iterator<Item = (&'static str, u64)> {
        REASONS.into_iter().zip(self.0).filter(|(_, ns)| *ns > 0)
    }
}
