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
    /// Number of events not written because the disk was full or failed.
    pub unwritten: AtomicU64,
    /// True when the pipe that the trace goes to has no reader any more.
    pub closed: AtomicBool,
    /// Messages in reply to requests from the screen, until they are taken.
    pub said: Mutex<Vec<String>>,
}
