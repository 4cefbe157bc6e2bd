//! The word on one metric.

use super::number::differ;
use crate::metric::Better;

/// Outcome in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// A difference for the better.
    Better,
    /// A difference for the worse.
    Worse,
    /// No difference was found, but there may be one.
    NoDifferenceShown,
    /// No outcome for this row.
    CannotSay,
}

impl Word {
    /// All words.
    pub const ALL: [Self; 4] = [Self::Better, Self::Worse, Self::NoDifferenceShown, Self::CannotSay];

    /// The word of an interval of the ratio, for a metric of which this direction is better.
    pub(super) fn of((low, high): (f64, f64), better: Better) -> Self {
        match () {
            () if high < 1.0 && differ(1.0, high) => Self::of_less(better),
            () if low > 1.0 && differ(1.0, low) => Self::of_more(better),
            () => Self::NoDifferenceShown,
        }
    }

    /// The word of a value that grew, for a metric of which this direction is better.
    pub(super) const fn of_more(better: Better) -> Self {
        match better {
            Better::Less => Self::Worse,
            Better::More => Self::Better,
        }
    }

    /// The word of a value that shrank, likewise.
    pub(super) const fn of_less(better: Better) -> Self {
        match better {
            Better::Less => Self::Better,
            Better::More => Self::Worse,
        }
    }

    /// Name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::NoDifferenceShown => "no_difference_shown",
            Self::CannotSay => "cannot_say",
        }
    }

    /// Name for a person.
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
