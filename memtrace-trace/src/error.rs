//! Errors of reading.

use std::io;

/// Reason that nothing (more) can be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The input failed.
    #[error("reading failed: {0}")]
    Io(#[from] io::Error),
    /// The input is no trace; the text describes it.
    #[error("{0}")]
    NotATrace(String),
    /// The input has a later version of the format.
    #[error("it has format version {found}, of a newer memtrace; this one reads up to version {known}")]
    Newer {
        /// Version of the input.
        found: u16,
        /// Latest version that can be read.
        known: u16,
    },
}
