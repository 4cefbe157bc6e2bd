//! The statistics of a comparison. Stalls are bursty: events, and even seconds, are not independent samples. Runs are
//! judged, or long blocks of seconds, and never single stalls.

pub mod bootstrap;
pub mod permutation;
pub mod welch;

#[cfg(test)]
mod oracle;
