//! Comparison of memtrace's exact counts with the kernel's own over the same window: the proof of memtrace's numbers.
//!
//! No counter can be read at the very instant of our totals or of an attach. So the kernel's counters are read before
//! and after attaching, and before and after each reading of the totals. The kernel's count over the window lies
//! between the two differences, and ours is right when it lies there too. Our count is a range as well where events
//! cannot be placed for certain (memtrace's own stalls, stalls in flight).

mod judge;
mod note;
mod rows;

pub use self::{note::Note, rows::Ours};
use super::{
    counters::{Baseline, KernelCounters, Readings},
    faults::RefaultTotals,
};

/// Result of comparing our count with the kernel's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// Equal, as exactly as both could be read.
    Exact,
    /// Less than 1 % below, or off by no more than the CPUs may hold back, or equal within bounds wider than 1 %.
    Close,
    /// Different for a known reason, which the note gives.
    Explained,
    /// Below the kernel's for no known reason: something was missed.
    Gap,
    /// Above the kernel's for no known reason: an error in memtrace.
    Over,
    /// One of the two was not read.
    Unread,
    /// The two count different things here.
    NotComparable,
}

impl Agreement {
    /// All of them, from the best.
    pub const ALL: [Self; 7] =
        [Self::Exact, Self::Close, Self::Explained, Self::Gap, Self::Over, Self::Unread, Self::NotComparable];

    /// The name in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Close => "close",
            Self::Explained => "explained",
            Self::Gap => "gap",
            Self::Over => "over",
            Self::Unread => "unread",
            Self::NotComparable => "not_comparable",
        }
    }

    /// True when it must be reported to the user.
    #[must_use]
    pub const fn is_bad(self) -> bool {
        matches!(self, Self::Gap | Self::Over)
    }
}

/// Comparison of one counter.
#[derive(Clone, Debug, PartialEq)]
pub struct CoverageRow {
    /// Name of the counter in `/proc/vmstat`, or, after `memory.stat:`, in that file.
    pub counter: &'static str,
    /// The kernel's count since attach: of the possible values, the one nearest to ours.
    pub kernel: Option<u64>,
    /// memtrace's count since attach: of the possible values, the one nearest to the kernel's.
    pub seen: Option<u64>,
    /// Our count as a share of the kernel's; `None` when the kernel's is 0, or when the two cannot be compared.
    pub ratio: Option<f64>,
    /// Result of the comparison.
    pub verdict: Agreement,
    /// Reason why they differ or cannot be compared.
    pub note: Option<Note>,
}

impl CoverageRow {
    /// Absolute difference of the two counts; 0 when one was not read.
    #[must_use]
    pub fn difference(&self) -> u64 {
        self.kernel.zip(self.seen).map_or(0, |(kernel, seen)| kernel.abs_diff(seen))
    }
}

/// All counters that can be compared, in a fixed order; empty without a baseline.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Coverage {
    /// The rows.
    pub rows: Vec<CoverageRow>,
}

impl Coverage {
    /// Compares memtrace's counts with the kernel's own counters.
    #[must_use]
    pub fn new(baseline: &Baseline, now: &Readings, ours: &Ours<'_>) -> Self {
        Self { rows: rows::all(baseline, now, ours) }
    }

    /// The row of a counter.
    #[must_use]
    pub fn row(&self, counter: &str) -> Option<&CoverageRow> {
        self.rows.iter().find(|row| row.counter == counter)
    }

    /// The rows that must be reported to the user.
    pub fn bad(&self) -> impl Iterator<Item = &CoverageRow> {
        self.rows.iter().filter(|row| row.verdict.is_bad())
    }

    /// The rows that must be reported to the user and that got worse since `earlier`, so that the same row is not
    /// reported once a second.
    pub fn worse_than<'a>(&'a self, earlier: &'a Self) -> impl Iterator<Item = &'a CoverageRow> {
        let before = |counter| earlier.row(counter).filter(|row| row.verdict.is_bad());
        self.bad().filter(move |row| before(row.counter).is_none_or(|old| row.difference() > old.difference()))
    }
}

#[cfg(test)]
mod tests;
