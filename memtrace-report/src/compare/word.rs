//! The word on one metric.

use super::number::differ;

/// What can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Less.
    Better,
    /// More.
    Worse,
    /// No difference came out; there may be one.
    NoDifferenceShown,
    /// Not for this row.
    CannotSay,
}

impl Word {
    /// All words.
    pub const ALL: [Self; 4] = [Self::Better, Self::Worse, Self::NoDifferenceShown, Self::CannotSay];

    /// The word of an interval: of all metrics less is better.
    pub(super) fn of((low, high): (f64, f64)) -> Self {
        match () {
            () if high < 1.0 && differ(1.0, high) => Self::Better,
            () if low > 1.0 && differ(1.0, low) => Self::Worse,
            () => Self::NoDifferenceShown,
        }
    }

    /// Its name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::NoDifferenceShown => "no_difference_shown",
            Self::CannotSay => "cannot_say",
        }
    }

    /// Its name for a person.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::NoDifferenceShown => "no difference shown",
            Self::CannotSay => "cannot say",
        }
    }
}
