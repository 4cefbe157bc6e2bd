//! Compares two ranges and gives a verdict. This module knows no counter.

use super::{Agreement, CoverageRow, Note};

/// A number that is known to lie between two bounds, both included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) low: u64,
    pub(super) high: u64,
}

impl Range {
    /// A range of one value.
    pub(super) const fn exactly(n: u64) -> Self {
        Self { low: n, high: n }
    }

    /// The range from `certain` to `certain + more`.
    pub(super) const fn upwards(certain: u64, more: u64) -> Self {
        Self { low: certain, high: certain.saturating_add(more) }
    }

    fn clamp(self, n: u64) -> u64 {
        // A counter that went backwards between two readings leaves an empty range.
        n.min(self.high.max(self.low)).max(self.low)
    }
}

/// The input of a verdict.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub(super) counter: &'static str,
    pub(super) kernel: Option<Range>,
    pub(super) seen: Result<Range, Note>,
    /// Largest part of the kernel's count that the CPUs may hold back.
    pub(super) slack: u64,
    /// Number of events that are known to be lost, and the gap that they can account for.
    pub(super) lost: Lost,
    /// Reason why the kernel's count may be above ours, and the largest gap that it explains.
    pub(super) gap: Option<(Note, u64)>,
    /// Reason why our count may be above the kernel's.
    pub(super) over: Option<Note>,
    /// Reason why the two may differ in either direction: they count different things.
    pub(super) unlike: Option<Note>,
}

/// Known loss.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lost {
    pub(super) events: u64,
    /// The largest count that these events can account for.
    pub(super) accounts_for: u64,
}

impl Case {
    /// A case without a reason for a difference.
    pub(super) const fn new(counter: &'static str, kernel: Option<Range>, seen: Result<Range, Note>) -> Self {
        Self {
            counter,
            kernel,
            seen,
            slack: 0,
            lost: Lost { events: 0, accounts_for: 0 },
            gap: None,
            over: None,
            unlike: None,
        }
    }

    /// The verdict.
    pub(super) fn judge(&self) -> CoverageRow {
        let row = |kernel, seen, ratio, verdict, note| CoverageRow {
            counter: self.counter,
            kernel,
            seen,
            ratio,
            verdict,
            note,
        };
        let (kernel, seen) = match (self.kernel, self.seen) {
            (Some(kernel), Ok(seen)) => (kernel, seen),
            (None, Ok(seen)) => return row(None, Some(seen.low), None, Agreement::Unread, Some(Note::NotInKernel)),
            (None, Err(_)) => return row(None, None, None, Agreement::Unread, Some(Note::NotInKernel)),
            (Some(kernel), Err(note)) => return row(Some(kernel.low), None, None, Agreement::Unread, Some(note)),
        };
        let ours = seen.clamp(kernel.low);
        let theirs = kernel.clamp(ours);
        let (verdict, note) = self.compare(ours, theirs);
        let comparable = verdict != Agreement::NotComparable && theirs > 0;
        #[expect(clippy::cast_precision_loss, reason = "a share for a person")]
        let ratio = comparable.then(|| ours as f64 / theirs as f64);
        row(Some(theirs), Some(ours), ratio, verdict, note)
    }

    fn compare(&self, ours: u64, theirs: u64) -> (Agreement, Option<Note>) {
        let apart = ours.abs_diff(theirs);
        if apart == 0 {
            // An agreement within wide bounds, as after an attach in the middle of a storm, proves less.
            let within = self.kernel.map_or(0, |kernel| kernel.high.saturating_sub(kernel.low));
            let wide = within > 2 && within > theirs / 100;
            return if wide { (Agreement::Close, Some(Note::Within(within))) } else { (Agreement::Exact, None) };
        }
        if apart <= self.slack {
            return (Agreement::Close, None);
        }
        if ours > theirs {
            return match self.over.map(|note| (Agreement::Explained, note)) {
                Some((verdict, note)) => (verdict, Some(note)),
                None => self.unlike.map_or((Agreement::Over, None), |note| (Agreement::NotComparable, Some(note))),
            };
        }
        if apart <= theirs / 100 {
            return (Agreement::Close, None);
        }
        if apart <= self.lost.accounts_for {
            return (Agreement::Explained, Some(Note::Lost(self.lost.events)));
        }
        if let Some(note) = self.unlike {
            return (Agreement::NotComparable, Some(note));
        }
        match self.gap {
            // With loss of our own it is unknown how much of the gap is natural.
            Some((note, most)) if self.lost.events == 0 && apart <= most => (Agreement::Explained, Some(note)),
            _ => (Agreement::Gap, (self.lost.events > 0).then_some(Note::LostFewer(self.lost.events))),
        }
    }
}
