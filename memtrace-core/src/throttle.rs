//! Time in which reclaim made tasks sleep, by why.

use memtrace_common::throttle::{REASON_COUNT, REASONS};

/// Time in `reclaim_throttle` by reason, in ns. What no reason is known of is in none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttles([u64; REASON_COUNT]);

impl Throttles {
    /// In the order of [`REASONS`].
    #[must_use]
    pub const fn of(ns: [u64; REASON_COUNT]) -> Self {
        Self(ns)
    }

    /// In the order of [`REASONS`].
    #[must_use]
    pub const fn ns(self) -> [u64; REASON_COUNT] {
        self.0
    }

    /// From the kernel side's numbers, which are in us.
    #[must_use]
    pub fn of_us(us: [u64; REASON_COUNT]) -> Self {
        Self(us.map(|us| us.saturating_mul(1000)))
    }

    /// Adds others.
    pub fn add(&mut self, more: Self) {
        self.0.iter_mut().zip(more.0).for_each(|(sum, ns)| *sum = sum.saturating_add(ns));
    }

    /// What came since `base`, an older state of the same sums.
    #[must_use]
    pub fn since(mut self, base: Self) -> Self {
        self.0.iter_mut().zip(base.0).for_each(|(now, before)| *now = now.saturating_sub(before));
        self
    }

    /// Each reason that took time, and its ns.
    pub fn named(self) -> impl Iterator<Item = (&'static str, u64)> {
        REASONS.into_iter().zip(self.0).filter(|(_, ns)| *ns > 0)
    }
}
