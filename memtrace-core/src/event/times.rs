//! Times of a stall by part, each measured or not.

use memtrace_common::part::{Part, Spent};

/// Times by part, in ns; some may not have been measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartTimes {
    /// Times; 0 where not measured.
    ns: Spent,
    /// Bit `n` is set when the part with this number was measured.
    measured: u8,
}

const _: () = assert!(Part::COUNT <= 8, "a bit for each part");

impl PartTimes {
    /// Times from a function that returns the time of a part, `None` where it was not measured.
    #[must_use]
    pub fn of(ns: impl Fn(Part) -> Option<u64>) -> Self {
        Part::ALL.into_iter().fold(Self::default(), |times, part| times.with(part, ns(part)))
    }

    /// These times with the time of one part replaced.
    #[must_use]
    pub fn with(mut self, part: Part, ns: Option<u64>) -> Self {
        let mut all = self.ns.all();
        all[part as usize] = ns.unwrap_or(0);
        self.ns = Spent::of(all);
        let bit = 1 << part as u8;
        self.measured = if ns.is_some() { self.measured | bit } else { self.measured & !bit };
        self
    }

    /// Time of a part, in ns; `None` where it was not measured.
    #[must_use]
    pub const fn get(&self, part: Part) -> Option<u64> {
        if self.measured & (1 << part as u8) != 0 { Some(self.ns.ns(part)) } else { None }
    }

    /// All times, 0 where not measured: for sums.
    #[must_use]
    pub const fn spent(&self) -> &Spent {
        &self.ns
    }

    /// The times that were measured, in ns.
    pub fn known(&self) -> impl Iterator<Item = u64> {
        let times = *self;
        Part::ALL.into_iter().filter_map(move |part| times.get(part))
    }
}
