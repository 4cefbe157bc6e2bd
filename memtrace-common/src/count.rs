//! Counts: exact numbers of the whole host that a hook maintains and that belong to no stall.
//!
//! A count is declared here once. The totals, the trace file and JSON carry every count of [`Count::ALL`]. The
//! catalogue of hooks names the hook that counts it; without that hook it is unknown, never 0.

use crate::named::named;

named! {
    /// A number that a hook counts.
    Count {
        /// Calls of the OOM killer: one may have several victims, or none that was left to kill.
        OomCalls = "oom_calls";
    }
}
