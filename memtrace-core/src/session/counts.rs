//! The counts of a session.

use memtrace_common::count::Count;

/// Counts since the attaching; `None` where the hook is not attached, or the trace is older than the count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts([Option<u64>; Count::COUNT]);

impl Counts {
    /// The counts from their values, in the order of [`Count::ALL`].
    #[must_use]
    pub const fn of(values: [Option<u64>; Count::COUNT]) -> Self {
        Self(values)
    }

    /// The values, in the order of [`Count::ALL`].
    #[must_use]
    pub const fn all(&self) -> [Option<u64>; Count::COUNT] {
        self.0
    }

    /// The value of a count.
    #[must_use]
    pub const fn get(&self, count: Count) -> Option<u64> {
        self.0[count as usize]
    }

    /// Gives a count a value.
    pub const fn set(&mut self, count: Count, value: u64) {
        self.0[count as usize] = Some(value);
    }

    /// The counts since `base`, an older state of the same counts.
    #[must_use]
    pub fn since(mut self, base: &Self) -> Self {
        for (now, before) in self.0.iter_mut().zip(base.0) {
            *now = now.map(|now| now.saturating_sub(before.unwrap_or(0)));
        }
        self
    }
}
