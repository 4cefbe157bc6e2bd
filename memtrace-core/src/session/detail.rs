//! Properties of the stalls of a row: the allocations, the parts of the time, the longest stall.

use memtrace_common::kind::StallKind;

use super::parts::Parts;
use crate::{event::Stall, throttle::Throttles};

/// Number of allocation types that a row distinguishes; in an interval there are few.
const SHAPES: usize = 6;

/// Allocations of one type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allocation {
    /// Order of the allocations; `None` when not read.
    pub order: Option<i32>,
    /// Flags of the allocations, with the running kernel's bit numbers; `None` when not read.
    pub gfp: Option<u32>,
    /// Number of stalls in these allocations.
    pub stalls: u64,
}

/// The longest stall of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Longest {
    /// End of the stall, `CLOCK_MONOTONIC` in ns.
    pub t_ns: u64,
    /// Duration in ns.
    pub dur_ns: u64,
    /// Kind of the stall.
    pub kind: StallKind,
    /// Thread id.
    pub tid: u32,
    /// Time by part.
    pub parts: Parts,
    /// Time throttled, by reason.
    pub throttles: Throttles,
}

/// Properties of the stalls of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    shapes: [Allocation; SHAPES],
    other: u64,
    /// Time of the stalls by part.
    pub parts: Parts,
    /// Time throttled, by reason.
    pub throttles: Throttles,
    /// The longest stall; `None` without a stall.
    pub longest: Option<Longest>,
}

impl Detail {
    /// Counts a stall. Allocates nothing.
    pub(super) fn add(&mut self, stall: &Stall) {
        self.count(Allocation { order: stall.order, gfp: stall.gfp, stalls: 1 });
        let parts = Parts::of(stall);
        self.parts.add(&parts);
        self.throttles.add(stall.throttles);
        if self.longest.is_none_or(|longest| stall.dur_ns > longest.dur_ns) {
            let &Stall { t_ns, dur_ns, kind, tid, throttles, .. } = stall;
            self.longest = Some(Longest { t_ns, dur_ns, kind, tid, parts, throttles });
        }
    }

    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        other.shapes.iter().filter(|shape| shape.stalls > 0).for_each(|shape| self.count(*shape));
        self.other = self.other.saturating_add(other.other);
        self.parts.add(&other.parts);
        self.throttles.add(other.throttles);
        self.longest = self.longest.into_iter().chain(other.longest).max_by_key(|longest| longest.dur_ns);
    }

    fn count(&mut self, more: Allocation) {
        let same = |shape: &&mut Allocation| shape.stalls == 0 || (shape.order, shape.gfp) == (more.order, more.gfp);
        match self.shapes.iter_mut().find(same) {
            Some(shape) => *shape = Allocation { stalls: shape.stalls.saturating_add(more.stalls), ..more },
            None => self.other = self.other.saturating_add(more.stalls),
        }
    }

    /// The allocations that stalled, the most frequent first.
    #[must_use]
    pub fn shapes(&self) -> Vec<Allocation> {
        let mut shapes: Vec<Allocation> = self.shapes.into_iter().filter(|shape| shape.stalls > 0).collect();
        shapes.sort_by_key(|shape| std::cmp::Reverse(shape.stalls));
        shapes
    }

    /// Stalls in allocations beyond those of [`Self::shapes`].
    #[must_use]
    pub fn other_shapes(&self) -> u64 {
        self.other
    }
}

#[cfg(test)]
mod tests {
    use memtrace_common::{kind::StallKind, part::Part};
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::Detail;
    use crate::{
        event::{PartTimes, Stall},
        session::tests::stall,
    };

    fn detail(stalls: &[(u8, u64)]) -> Detail {
        let mut detail = Detail::default();
        for &(order, dur_ns) in stalls {
            let order = (order < 200).then_some(i32::from(order % 11));
            detail.add(&Stall {
                order,
                dur_ns,
                times: PartTimes::default().with(Part::Throttle, Some(dur_ns / 2)),
                ..stall(1, StallKind::Direct, dur_ns)
            });
        }
        detail
    }

    proptest! {
        /// Any sequence of counting and merging keeps every stall in one shape, and all time in the parts.
        #[test]
        fn nothing_is_lost(a in proptest::collection::vec((any::<u8>(), 0_u64..1 << 40), 0..40),
                           b in proptest::collection::vec((any::<u8>(), 0_u64..1 << 40), 0..40)) {
            let mut sum = detail(&a);
            sum.merge(&detail(&b));
            let stalls: u64 = sum.shapes().iter().map(|shape| shape.stalls).sum();
            prop_assert_eq!(stalls + sum.other_shapes(), (a.len() + b.len()) as u64);
            let all = || a.iter().chain(&b).map(|(_, ns)| *ns);
            prop_assert_eq!(sum.parts.named().map(|(_, ns)| ns).sum::<u64>(), all().sum::<u64>());
            prop_assert_eq!(sum.longest.map(|longest| longest.dur_ns), all().max());
        }
    }
}
