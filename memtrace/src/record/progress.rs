//! The state of the writing that the tracing thread sees.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU64},
};

/// The state of the writing, shared by the thread that traces and the one that writes.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes written.
    pub bytes: Arc<AtomicU64>,
    /// Events that were not written since the disk was full or failed.
    pub unwritten: AtomicU64,
    /// True when the pipe that the trace goes to has no reader any more.
    pub closed: AtomicBool,
    /// The answer to a person's request, in words, until it is taken.
    pub said: Mutex<Vec<String>>,
}
