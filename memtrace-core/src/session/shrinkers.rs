//! Time of stalls by shrinker: exact sums by kind and shrinker from the kernel side, and sums over the slowest stalls
//! from single events.

use std::{cmp::Reverse, collections::BTreeMap};

use memtrace_common::{kind::StallKind, shrinker::ShrinkerTotals};

use crate::untrusted::Text;

/// The name of a kernel function, with its module if it is in one: `xfs_fs_free_cached_objects [xfs]`.
pub type FunctionName = Text;

/// Time of stalls since attach, by kind and shrinker. A shrinker is identified by the address of its function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shrinkers {
    /// Sums by kind and address.
    pub totals: BTreeMap<(StallKind, u64), ShrinkerTotals>,
    /// Names of those addresses, as far as they were found.
    pub names: BTreeMap<u64, FunctionName>,
}

impl Shrinkers {
    /// The growth since `base`, an older state of the same totals.
    #[must_use]
    pub fn since(&self, base: &Self) -> Self {
        let since = |(key, now): (&(StallKind, u64), &ShrinkerTotals)| {
            let base = base.totals.get(key).copied().unwrap_or_default();
            let (total_ns, stalls) =
                (now.total_ns.saturating_sub(base.total_ns), now.stalls.saturating_sub(base.stalls));
            (stalls > 0 || total_ns > 0).then_some((*key, ShrinkerTotals { total_ns, stalls }))
        };
        Self { totals: self.totals.iter().filter_map(since).collect(), names: self.names.clone() }
    }

    /// Shrinkers of a kind, the longest time first.
    #[must_use]
    pub fn of_kind(&self, kind: StallKind) -> Vec<ShrinkerTime> {
        let functions = self.totals.range((kind, 0)..=(kind, u64::MAX));
        self.named(functions.map(|(&(_, function), totals)| (function, totals.total_ns)))
    }

    /// Times by address with their names, the largest first.
    #[must_use]
    pub fn named(&self, times: impl IntoIterator<Item = (u64, u64)>) -> Vec<ShrinkerTime> {
        // One name may be at several addresses; functions without a name share one row.
        let mut by_name: BTreeMap<Option<&FunctionName>, u64> = BTreeMap::new();
        for (function, ns) in times {
            let sum = by_name.entry(self.names.get(&function)).or_default();
            *sum = sum.saturating_add(ns);
        }
        let row = |(name, total_ns): (Option<&FunctionName>, u64)| ShrinkerTime { name: name.cloned(), total_ns };
        let mut rows: Vec<_> = by_name.into_iter().map(row).collect();
        rows.sort_by_key(|row| Reverse(row.total_ns));
        rows
    }
}

/// Time in one shrinker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShrinkerTime {
    /// Name of its function; `None` for functions without a name.
    pub name: Option<FunctionName>,
    /// Time in ns.
    pub total_ns: u64,
}

/// The shrinkers of one kind of stall, the longest time first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShrinkerSummary {
    /// Times in all stalls: lower bounds where a stall went through more shrinkers than are counted separately.
    pub all: Vec<ShrinkerTime>,
    /// Times in the slowest hundredth of the stalls, counting only the largest shrinker of each: a lower bound.
    pub slowest: Vec<ShrinkerTime>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(total_ns: u64, stalls: u64) -> ShrinkerTotals {
        ShrinkerTotals { total_ns, stalls }
    }

    #[test]
    fn a_name_at_several_addresses_is_one_row_and_so_are_those_without() {
        let direct = StallKind::Direct;
        let shrinkers = Shrinkers {
            totals: [
                ((direct, 1), totals(5, 1)),
                ((direct, 2), totals(6, 1)),
                ((direct, 3), totals(4, 1)),
                ((direct, u64::MAX), totals(3, 1)),
                ((StallKind::Memcg, 1), totals(99, 1)),
            ]
            .into(),
            names: [(1, "super_cache_scan".into()), (2, "super_cache_scan".into())].into(),
        };
        let rows: Vec<_> = shrinkers.of_kind(direct).into_iter().map(|row| (row.name, row.total_ns)).collect();
        assert_eq!(rows, [(Some("super_cache_scan".into()), 11), (None, 7)]);
        let mut later = shrinkers.clone();
        later.totals.insert((direct, 2), totals(16, 3));
        let since = later.since(&shrinkers);
        assert_eq!(since.totals, [((direct, 2), totals(10, 2))].into());
    }
}
