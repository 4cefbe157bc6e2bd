//! Parts: the times inside a stall that are measured separately.
//!
//! A part is declared here once. The ring, the exact totals, the session, the trace file and all outputs carry every
//! part of [`Part::ALL`]; docs/dev/add-a-part.md walks through a new one.

use crate::named::named;

named! {
    /// A time inside a stall that is measured by itself.
    Part {
        /// Asleep in `reclaim_throttle`, until pages are written back or isolated ones return; in steps of a jiffy.
        Throttle = "throttle";
        /// In scans of the lists of pages: of the stretches between two other things that the kernel reports (begin, end,
        /// shrinkers, throttles), those in which a list was scanned.
        Scan = "scan";
        /// In shrinkers, which free slab objects.
        Shrinkers = "shrinkers";
        /// In memcg soft-limit reclaim, but for its scans, shrinkers and throttles.
        SoftLimit = "soft_limit";
        /// In reclaim, for the kinds of stall that are more than that (`memcg_high`).
        Reclaim = "reclaim";
    }
}

/// Time by part, in ns. The time of [`Part::Reclaim`] includes the parts inside it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "zerocopy", derive(zerocopy::FromBytes))]
pub struct Spent([u64; Part::COUNT]);

impl Spent {
    /// Takes times in the order of [`Part::ALL`].
    #[must_use]
    pub const fn of(ns: [u64; Part::COUNT]) -> Self {
        Self(ns)
    }

    /// The times, in the order of [`Part::ALL`].
    #[must_use]
    pub const fn all(self) -> [u64; Part::COUNT] {
        self.0
    }

    /// Time of a part, in ns.
    #[inline(always)]
    #[must_use]
    pub const fn ns(&self, part: Part) -> u64 {
        self.0[part as usize]
    }

    /// Adds time to a part. Wraps, as counters of a kernel do.
    #[inline(always)]
    pub const fn add(&mut self, part: Part, ns: u64) {
        self.0[part as usize] = self.0[part as usize].wrapping_add(ns);
    }

    /// Adds other times, part by part, in the kernel. Wraps, as its counters do.
    #[inline(always)]
    pub const fn count(&mut self, more: &Self) {
        let mut i = 0;
        while i < Part::COUNT {
            self.0[i] = self.0[i].wrapping_add(more.0[i]);
            i += 1;
        }
    }

    /// Adds other times, part by part; saturates.
    pub fn merge(&mut self, more: &Self) {
        self.0.iter_mut().zip(more.0).for_each(|(sum, ns)| *sum = sum.saturating_add(ns));
    }

    /// The growth since `base`, an older state of the same sums.
    #[must_use]
    pub fn since(mut self, base: &Self) -> Self {
        self.0.iter_mut().zip(base.0).for_each(|(now, before)| *now = now.saturating_sub(before));
        self
    }
}
