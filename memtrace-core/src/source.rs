//! Relation of a duration to the true stall, by the hooks that were attached for its kind.

use memtrace_common::kind::StallKind;

/// Relation of a duration to the true stall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The whole stall.
    True,
    /// A part of the stall: time outside the hooks is not in the number.
    LowerBound,
    /// Derived from other measurements.
    Estimated,
}

impl Source {
    /// All sources.
    pub const ALL: [Self; 3] = [Self::True, Self::LowerBound, Self::Estimated];

    /// Number of the source in a trace.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::True => 0,
            Self::LowerBound => 1,
            Self::Estimated => 2,
        }
    }

    /// The source with this number; `None` for a number that no source has.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The name in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::LowerBound => "lower_bound",
            Self::Estimated => "estimated",
        }
    }
}

/// The source of each kind of stall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sources([Source; StallKind::COUNT]);

impl Sources {
    /// Sources with begin and end events alone: the pfmemalloc throttle lies before the begin, and the sleep at
    /// `memory.high` after the end.
    pub const EVENTS: Self = {
        let mut sources = Self([Source::True; StallKind::COUNT]);
        sources.set(StallKind::Direct, Source::LowerBound);
        sources.set(StallKind::Memcg, Source::LowerBound);
        sources.set(StallKind::Node, Source::LowerBound);
        sources
    };

    /// The source of one kind.
    #[must_use]
    pub const fn of(&self, kind: StallKind) -> Source {
        self.0[kind as usize]
    }

    /// Sets the source of one kind.
    pub const fn set(&mut self, kind: StallKind, source: Source) {
        self.0[kind as usize] = source;
    }
}

impl Default for Sources {
    fn default() -> Self {
        Self::EVENTS
    }
}
