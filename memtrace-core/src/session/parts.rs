//! Parts of the time of a stall: they always add up to the whole.

use memtrace_common::part::Part;

use super::input::KindTotals;
use crate::event::{PartTimes, Stall};

/// The parts of one stall, or of many, in ns. Each moment belongs to one part only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Time by part; for [`Part::Reclaim`] the time that is in no other part.
    times: PartTimes,
    /// The remaining time: for a reclaim the time without scanning, and with it where scans are not reported; for
    /// `memcg_high` the sleep; for a wait the wait.
    pub rest_ns: u64,
}

impl Parts {
    /// Splits the time of a stall by the times measured in it. Throttles come in steps of a jiffy, and their sum can
    /// exceed the stall: then they are cut.
    fn new(whole_ns: u64, measured: &PartTimes) -> Self {
        let reclaim = measured.get(Part::Reclaim);
        let mut left = reclaim.map_or(whole_ns, |ns| ns.min(whole_ns));
        let outside = whole_ns - left;
        let mut times = PartTimes::default();
        // The last of the exact times come first, and throttles after all of them.
        for part in Part::ALL.into_iter().rev().filter(|part| *part != Part::Reclaim) {
            let ns = measured.get(part).map(|ns| ns.min(left));
            left -= ns.unwrap_or(0);
            times = times.with(part, ns);
        }
        match reclaim {
            Some(_) => Self { times: times.with(Part::Reclaim, Some(left)), rest_ns: outside },
            None => Self { times, rest_ns: left },
        }
    }

    /// Parts of one stall.
    #[must_use]
    pub fn of(stall: &Stall) -> Self {
        Self::new(stall.dur_ns, &stall.times)
    }

    /// Parts of all stalls of a kind; `nested` is true when the kind reclaims and waits. Times that are 0 in all stalls
    /// may belong to hooks that are not attached, and are left out.
    #[must_use]
    pub fn of_kind(totals: &KindTotals, nested: bool) -> Self {
        let ns = |part| match part {
            Part::Reclaim => nested.then(|| totals.spent.ns(part)),
            _ => Some(totals.spent.ns(part)).filter(|ns| *ns > 0),
        };
        Self::new(totals.total_ns, &PartTimes::of(ns))
    }

    /// Parts from times whose sum is at most the whole.
    #[must_use]
    pub fn example(times: &[(Part, u64)], rest_ns: u64) -> Self {
        let times = times.iter().fold(PartTimes::default(), |all, &(part, ns)| all.with(part, Some(ns)));
        Self { times, rest_ns }
    }

    /// Time of a part, in ns; `None` where it was not measured.
    #[must_use]
    pub const fn get(&self, part: Part) -> Option<u64> {
        self.times.get(part)
    }

    /// Adds the parts of other stalls. A part that was not measured in some of them is in their rest.
    pub fn add(&mut self, more: &Self) {
        let times = PartTimes::of(|part| match (self.get(part), more.get(part)) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (one, other) => one.or(other),
        });
        *self = Self { times, rest_ns: self.rest_ns.saturating_add(more.rest_ns) };
    }

    /// Name and ns of each part that is known.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let times = self.times;
        let known = Part::ALL.into_iter().filter_map(move |part| Some((part.name(), times.get(part)?)));
        known.chain([("rest", self.rest_ns)])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::{Part, PartTimes, Parts};

    proptest! {
        /// For any measured times, the sum of the parts is the whole.
        #[test]
        fn they_add_up(whole: u64, times in any::<[Option<u64>; Part::COUNT]>()) {
            let measured = PartTimes::of(|part| times[part as usize]);
            let parts = Parts::new(whole, &measured);
            prop_assert_eq!(parts.named().map(|(_, ns)| u128::from(ns)).sum::<u128>(), u128::from(whole));
            for part in Part::ALL {
                prop_assert_eq!(parts.get(part).is_some(), measured.get(part).is_some());
                prop_assert!(parts.get(part) <= measured.get(part));
            }
        }
    }

    fn measured(times: &[(Part, u64)]) -> PartTimes {
        times.iter().fold(PartTimes::default(), |all, &(part, ns)| all.with(part, Some(ns)))
    }

    #[test]
    fn a_sleep_at_memory_high_is_what_lies_outside_its_reclaim() {
        let times =
            [(Part::Scan, 7), (Part::Throttle, 8), (Part::Shrinkers, 5), (Part::SoftLimit, 0), (Part::Reclaim, 30)];
        let named: Vec<_> = Parts::new(100, &measured(&times)).named().collect();
        let want = [("throttle", 8), ("scan", 7), ("shrinkers", 5), ("soft_limit", 0), ("reclaim", 10), ("rest", 70)];
        assert_eq!(named, want);
    }

    #[test]
    fn a_throttle_of_a_whole_jiffy_is_cut_to_its_stall() {
        let parts = Parts::new(3_000_000, &measured(&[(Part::Throttle, 4_000_000), (Part::Shrinkers, 500_000)]));
        let [throttle, shrinkers] = [Part::Throttle, Part::Shrinkers].map(|part| parts.get(part));
        assert_eq!((throttle, shrinkers, parts.rest_ns), (Some(2_500_000), Some(500_000), 0));
    }
}
