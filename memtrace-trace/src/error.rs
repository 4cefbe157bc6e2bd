//! Errors of reading.

use std::io;

/// Why nothing (more) can be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The input failed.
    #[error("reading failed: {0}")]
    Io(#[from] io::Error),
    /// It is something else; in words what.
    #[error("{0}")]
    NotATrace(String),
    /// It is of a later version of the format.
    #[error("it has format version {found}, of a newer memtrace; this one reads up to version {known}")]
    Newer {
        /// Its version.
        found: u16,
        /// The latest that can be read.
        known: u16,
    },
}
