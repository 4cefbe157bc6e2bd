//! Blocks to entries and ticks.

use std::io::{self, Read};

use super::model::{ClockReading, End, Entry, Meta, Remark, TickRecord};
use crate::session::filter::CgroupNames;

/// A part of a trace that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where it begins in the input, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub bytes: u64,
    /// Whether the input just ends there, as after a kill; nothing is then known to be wrong.
    pub is_cut: bool,
    /// What is wrong, in words.
    pub what: String,
}

/// What a trace holds next.
#[derive(Debug)]
pub enum Item {
    /// A segment begins.
    Meta(Box<Meta>),
    /// The clocks were read.
    Clock(ClockReading),
    /// Entries: [`Reader::entries`] has them until the next call.
    Entries,
    /// An interval ended.
    Tick(Box<TickRecord>),
    /// A remark.
    Remark(Remark),
    /// The segment ended.
    End(End),
    /// Something could not be read; it was skipped.
    Damage(Damage),
}

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
    #[error("it has format version {found}, of a newer memtrace; this one reads version {known}")]
    Newer {
        /// Its version.
        found: u16,
        /// The latest that can be read.
        known: u16,
    },
}

/// Reads a trace, block by block, in bounded memory.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    entries: Vec<Entry>,
}

impl<R: Read> Reader<R> {
    /// A reader of a trace.
    pub fn new(input: R) -> Self {
        Self { input, entries: Vec::new() }
    }

    /// What comes next; `None` at the end.
    ///
    /// # Errors
    /// When nothing more can be read.
    pub fn next(&mut self) -> Result<Option<Item>, ReadError> {
        let _ = self.input.by_ref();
        Ok(None)
    }

    /// The entries of the block of the last [`Item::Entries`].
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The paths of cgroups as far as they are known by now.
    #[must_use]
    pub fn paths(&self) -> &dyn CgroupNames {
        const NONE: &std::collections::BTreeMap<u64, Vec<u8>> = &std::collections::BTreeMap::new();
        NONE
    }
}
