//! memtrace: what memory reclaim costs whom, from the running kernel.

pub mod event;
pub mod hook;
pub mod probe;
pub mod session;
pub mod untrusted;
