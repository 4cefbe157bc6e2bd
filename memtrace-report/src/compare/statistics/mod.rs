//! The statistics of a comparison. Stalls are bursty: events, and even seconds, are not independent samples. Runs are
//! judged, or one run by the memory of its seconds, and never single stalls.

pub mod long_run;
pub mod memory;
pub mod permutation;
pub mod welch;

#[cfg(test)]
mod oracle;
