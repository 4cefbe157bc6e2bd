//! When a load ends.

use std::time::{Duration, Instant};

/// When a loop ends.
pub(crate) enum Until {
    Elapsed(Duration),
    Passes(u64),
}

impl Until {
    pub(crate) fn new(time: Option<Duration>, passes: Option<u64>) -> Self {
        passes.map_or(Self::Elapsed(time.unwrap_or_default()), Self::Passes)
    }

    pub(crate) fn reached(&self, start: Instant, passes: u64) -> bool {
        match self {
            Self::Elapsed(time) => start.elapsed() >= *time,
            Self::Passes(n) => passes >= *n,
        }
    }
}
