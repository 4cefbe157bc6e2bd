//! What the rows of the table are sorted by.

use std::cmp::Ordering;

use super::rows::ScreenRow;

/// What rows are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortBy {
    /// Name, from a to z.
    Name,
    /// Stalls.
    Stalls,
    /// Time stalled.
    #[default]
    Time,
    /// Median.
    P50,
    /// 99th percentile.
    P99,
    /// The longest.
    Max,
    /// Refaults.
    Refaults,
    /// Pages reclaimed.
    Reclaimed,
    /// Times it asked for kswapd.
    Wakeups,
    /// OOM kills.
    Oom,
}

impl SortBy {
    const ALL: [Self; 10] = [
        Self::Name,
        Self::Stalls,
        Self::Time,
        Self::P50,
        Self::P99,
        Self::Max,
        Self::Refaults,
        Self::Reclaimed,
        Self::Wakeups,
        Self::Oom,
    ];

    /// The next column.
    #[must_use]
    pub fn next(self) -> Self {
        self.step(1)
    }

    /// The one before.
    #[must_use]
    pub fn before(self) -> Self {
        self.step(Self::ALL.len() - 1)
    }

    fn step(self, by: usize) -> Self {
        let at = Self::ALL.iter().position(|sort| *sort == self).unwrap_or(0);
        Self::ALL[(at + by) % Self::ALL.len()]
    }

    pub(super) fn compare(self, a: &ScreenRow, b: &ScreenRow) -> Ordering {
        let refaults = |row: &ScreenRow| row.faults.map_or(0, |faults| faults.refaulted_pages());
        match self {
            Self::Name => a.name.cmp(&b.name),
            Self::Stalls => b.stalls.count.cmp(&a.stalls.count),
            Self::Time => b.stalls.total_ns.cmp(&a.stalls.total_ns),
            Self::P50 => b.stalls.p50_ns.cmp(&a.stalls.p50_ns),
            Self::P99 => b.stalls.p99_ns.cmp(&a.stalls.p99_ns),
            Self::Max => b.stalls.max_ns.cmp(&a.stalls.max_ns),
            Self::Refaults => refaults(b).cmp(&refaults(a)),
            Self::Reclaimed => b.reclaimed_pages.cmp(&a.reclaimed_pages),
            Self::Wakeups => b.wakeups.cmp(&a.wakeups),
            Self::Oom => b.ooms.cmp(&a.ooms),
        }
    }
}
