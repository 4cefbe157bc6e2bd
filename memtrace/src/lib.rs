//! memtrace: what memory reclaim costs whom, from the running kernel.

pub mod cli;
pub mod event;
pub mod hook;
pub mod host;
pub mod preflight;
pub mod session;
pub mod survive;
pub mod untrusted;
