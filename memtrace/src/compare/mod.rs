//! Comparing recordings before and after a change: what was tuned, whether the two may be compared, what differs.

pub mod statistics;
pub mod tuned;
