//! Condition for the end of a load.

use std::time::{Duration, Instant};

/// Minimum number of passes, however slow the machine is: memory that is touched once is never needed again.
const LEAST_PASSES: u64 = 2;

/// End of a loop.
pub(crate) enum Until {
    /// After this time and at least [`LEAST_PASSES`] passes.
    Elapsed(Duration),
    Passes(u64),
}

impl Until {
    pub(crate) fn new(time: Option<Duration>, passes: Option<u64>) -> Self {
        passes.map_or(Self::Elapsed(time.unwrap_or_default()), Self::Passes)
    }

    pub(crate) fn reached(&self, start: Instant, passes: u64) -> bool {
        match self {
            Self::Elapsed(time) => passes >= LEAST_PASSES && start.elapsed() >= *time,
            Self::Passes(n) => passes >= *n,
        }
    }
}
