//! What the time of a stall was spent on: its parts, which always add up to the whole.

use super::input::KindTotals;
use crate::event::Stall;

/// The parts of one stall, or of many, in ns. Time that is told apart is in one part only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Asleep in `reclaim_throttle`, until pages are written back or isolated ones return; in steps of a jiffy.
    pub throttle_ns: Option<u64>,
    /// In scans of the lists of pages: of the stretches between two other things that are told (begin, end, shrinkers,
    /// throttles), those in which a list was scanned.
    pub scan_ns: Option<u64>,
    /// In shrinkers, which free slab objects.
    pub shrinkers_ns: Option<u64>,
    /// In memcg soft-limit reclaim, but for what is told apart of it.
    pub soft_limit_ns: Option<u64>,
    /// In reclaim, for the kinds that are more than that: what is not told apart of it.
    pub reclaim_ns: Option<u64>,
    /// All else: for a reclaim where nothing was scanned, and where no scan is told also those; for `memcg_high` the sleep,
    /// for a wait the wait.
    pub rest_ns: u64,
}

/// Times that were measured inside one whole, in ns; `nested` those of the reclaims in a stall that is more than that.
#[derive(Clone, Copy, Debug, Default)]
struct Measured {
    scan: Option<u64>,
    throttle: Option<u64>,
    shrinkers: Option<u64>,
    soft_limit: Option<u64>,
    nested: Option<u64>,
}

impl Parts {
    /// From the times that were measured inside one whole. Throttles come in steps of a jiffy and can come to more than
    /// the whole: then they are cut.
    fn new(whole_ns: u64, measured: &Measured) -> Self {
        let &Measured { scan, throttle, shrinkers, soft_limit, nested } = measured;
        let mut left = nested.map_or(whole_ns, |nested| nested.min(whole_ns));
        let outside = whole_ns - left;
        let mut part = |ns: Option<u64>| {
            let ns = ns?.min(left);
            left -= ns;
            Some(ns)
        };
        let (scan_ns, shrinkers_ns) = (part(scan), part(shrinkers));
        let (soft_limit_ns, throttle_ns) = (part(soft_limit), part(throttle));
        let (reclaim_ns, rest_ns) = match nested {
            Some(_) => (Some(left), outside),
            None => (None, left),
        };
        Self { throttle_ns, scan_ns, shrinkers_ns, soft_limit_ns, reclaim_ns, rest_ns }
    }

    /// Those of one stall.
    #[must_use]
    pub fn of(stall: &Stall) -> Self {
        let measured = Measured {
            scan: stall.scan_ns,
            throttle: stall.throttled_ns,
            shrinkers: stall.shrinkers_ns,
            soft_limit: stall.soft_limit_ns,
            nested: stall.nested_ns,
        };
        Self::new(stall.dur_ns, &measured)
    }

    /// Those of all stalls of a kind; `nested` says whether the kind reclaims and waits. Times that are 0 in all of them
    /// may be those of hooks that are not attached, and are left out.
    #[must_use]
    pub fn of_kind(totals: &KindTotals, nested: bool) -> Self {
        let not_zero = |ns: u64| (ns > 0).then_some(ns);
        let measured = Measured {
            scan: not_zero(totals.scan_ns),
            throttle: not_zero(totals.throttled_ns),
            shrinkers: not_zero(totals.shrinkers_ns),
            soft_limit: not_zero(totals.soft_limit_ns),
            nested: nested.then_some(totals.nested_ns),
        };
        Self::new(totals.total_ns, &measured)
    }

    /// Adds those of other stalls. What is not told apart of some is in their rest.
    pub fn add(&mut self, more: &Self) {
        let sum = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (one, other) => one.or(other),
        };
        *self = Self {
            throttle_ns: sum(self.throttle_ns, more.throttle_ns),
            scan_ns: sum(self.scan_ns, more.scan_ns),
            shrinkers_ns: sum(self.shrinkers_ns, more.shrinkers_ns),
            soft_limit_ns: sum(self.soft_limit_ns, more.soft_limit_ns),
            reclaim_ns: sum(self.reclaim_ns, more.reclaim_ns),
            rest_ns: self.rest_ns.saturating_add(more.rest_ns),
        };
    }

    /// Name and ns of each part that is known.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
        [
            ("throttle", self.throttle_ns),
            ("scan", self.scan_ns),
            ("shrinkers", self.shrinkers_ns),
            ("soft_limit", self.soft_limit_ns),
            ("reclaim", self.reclaim_ns),
            ("rest", Some(self.rest_ns)),
        ]
        .into_iter()
        .filter_map(|(name, ns)| Some((name, ns?)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::{Measured, Parts};

    proptest! {
        /// Whatever was measured, the parts come to the whole.
        #[test]
        fn they_add_up(whole: u64, [scan, throttle, shrinkers, soft_limit, nested] in any::<[Option<u64>; 5]>()) {
            let parts = Parts::new(whole, &Measured { scan, throttle, shrinkers, soft_limit, nested });
            prop_assert_eq!(parts.named().map(|(_, ns)| u128::from(ns)).sum::<u128>(), u128::from(whole));
            prop_assert_eq!(parts.throttle_ns.is_some(), throttle.is_some());
            prop_assert_eq!(parts.scan_ns.is_some(), scan.is_some());
            prop_assert!(parts.shrinkers_ns <= shrinkers);
        }
    }

    #[test]
    fn a_sleep_at_memory_high_is_what_lies_outside_its_reclaim() {
        let measured =
            Measured { scan: Some(7), throttle: Some(8), shrinkers: Some(5), soft_limit: Some(0), nested: Some(30) };
        let named: Vec<_> = Parts::new(100, &measured).named().collect();
        let want = [("throttle", 8), ("scan", 7), ("shrinkers", 5), ("soft_limit", 0), ("reclaim", 10), ("rest", 70)];
        assert_eq!(named, want);
    }

    #[test]
    fn a_throttle_of_a_whole_jiffy_is_cut_to_its_stall() {
        let measured = Measured { throttle: Some(4_000_000), shrinkers: Some(500_000), ..Measured::default() };
        let parts = Parts::new(3_000_000, &measured);
        assert_eq!((parts.throttle_ns, parts.shrinkers_ns, parts.rest_ns), (Some(2_500_000), Some(500_000), 0));
    }
}
