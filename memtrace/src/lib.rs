//! memtrace: what memory reclaim costs whom, from the running kernel.

pub mod decode;
pub mod event;
pub mod hook;
pub mod session;
pub mod untrusted;
