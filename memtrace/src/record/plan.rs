//! Plan of a recording, and the target that the recorder thread writes to.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result};

use super::{
    create::create,
    feed::Feed,
    flight::{limits::Limits, ring::Ring, store::Store},
    memory_ring::MemoryRing,
    progress::Progress,
    target::Target,
    thread::Prepared,
};
use crate::{host::clocks, stdout};
use memtrace_core::untrusted::shown_path;
use memtrace_report::condition::Condition;

/// Destination of a recording.
#[derive(Clone, Debug, PartialEq)]
pub enum Destination {
    /// A file.
    File {
        /// Path of the file.
        path: PathBuf,
        /// True if an existing file is replaced.
        force: bool,
    },
    /// A pipe on stdout.
    Stdout,
    /// The ring of a flight recorder.
    Flight {
        /// Directory of the ring.
        dir: PathBuf,
        /// Limits of the ring.
        limits: Limits,
    },
    /// Memory, the last ten minutes: for the screen, which can save them.
    Memory,
}

/// A recording that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordPlan {
    /// Destination of the recording.
    pub place: Destination,
    /// Shortest stall that has an event in the trace, in ns.
    pub min_stall_ns: u64,
    /// Number of the run, from 1; 0 when there is only one.
    pub run: u32,
    /// Conditions that begin an incident, besides an OOM kill and SIGUSR1.
    pub conditions: Vec<Condition>,
    /// Settings that memtrace itself changes, which have marks of their own.
    pub own_settings: Vec<String>,
}

impl RecordPlan {
    /// Creates the file or locks the directory, and allocates all memory that the drain path needs.
    ///
    /// # Errors
    /// When something is in the way, with a remedy.
    pub fn prepare(&self) -> Result<(Feed, Prepared)> {
        let progress = Arc::new(Progress::default());
        let (target, unnamed) = match &self.place {
            Destination::File { path, force } => {
                let created = create(path, *force)?;
                if let Some(warning) = created.warning {
                    say!("{warning}");
                }
                (Target::file(path, created.file, &progress), Some(created.unnamed))
            }
            Destination::Memory => (Target::MemoryRing(MemoryRing::new(clocks::read().monotonic_ns)), None),
            Destination::Stdout => (Target::file(Path::new("stdout"), stdout::for_a_trace()?, &progress), None),
            Destination::Flight { dir, limits } => {
                let clock = clocks::read();
                let store = Store::open(dir, *limits, clock.monotonic_ns)?;
                let ring = Ring::new(store, &clock, Arc::clone(&progress.bytes))
                    .with_context(|| format!("creating a file in {}", shown_path(dir)))?;
                (Target::Ring(Box::new(ring)), None)
            }
        };
        Ok(Prepared::new(target, unnamed, progress, self.own_settings.clone()))
    }
}
