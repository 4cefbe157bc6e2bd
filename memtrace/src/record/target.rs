//! Targets of blocks: one file, the ring of a flight recorder, or memory.

use std::{fs::File, io, path::Path, sync::Arc};

use super::{
    flight::{ring::Ring, triggers::Trigger},
    memory_ring::MemoryRing,
    progress::Progress,
    sink::TraceFile,
};
use memtrace_core::untrusted::shown_path;
use memtrace_trace::{
    BlockKind, BlockSink,
    model::{ClockReading, End},
};

/// Target of the blocks of a trace.
#[derive(Debug)]
pub(super) enum Target {
    /// One file, with its name for messages.
    File(String, TraceFile),
    /// The ring of a flight recorder.
    Ring(Box<Ring>),
    /// Memory, and a file while one is recorded.
    MemoryRing(MemoryRing),
}

impl Target {
    /// Target for a file or pipe that is open already.
    pub(super) fn file(path: &Path, file: File, progress: &Progress) -> Self {
        let name = shown_path(path);
        Self::File(name, TraceFile::new(file, Arc::clone(&progress.bytes)))
    }

    /// Name for messages.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File(name, _) => name.clone(),
            Self::Ring(ring) => ring.name(),
            Self::MemoryRing(_) => "memory".to_owned(),
        }
    }

    /// True once the segment has reached a limit.
    pub(super) fn wants_next_segment(&self, now_ns: u64) -> bool {
        match self {
            Self::File(..) => false,
            Self::Ring(ring) => ring.wants_next_segment(now_ns),
            Self::MemoryRing(kept) => kept.wants_next_segment(now_ns),
        }
    }

    /// Begins the next segment, to which further blocks go.
    pub(super) fn begin_segment(&mut self, now_ns: u64, clock: &ClockReading) -> io::Result<()> {
        match self {
            Self::File(..) => Ok(()),
            Self::Ring(ring) => ring.begin_segment(now_ns, clock),
            Self::MemoryRing(kept) => {
                kept.begin_segment(now_ns);
                Ok(())
            }
        }
    }

    /// Begins an incident.
    pub(super) fn trigger(&mut self, trigger: &Trigger) {
        if let Self::Ring(ring) = self {
            ring.trigger(trigger);
        }
    }

    /// Called after each tick; `end` is the END that would end the trace there.
    pub(super) fn advance(&mut self, end: &End) {
        if let Self::Ring(ring) = self {
            ring.advance(end);
        }
    }

    /// Syncs all that was written to the disk.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::File(_, file) => file.sync(),
            Self::Ring(ring) => ring.finish(),
            Self::MemoryRing(_) => Ok(()),
        }
    }

    /// The ring in memory; `None` for other targets.
    pub(super) fn kept(&mut self) -> Option<&mut MemoryRing> {
        if let Self::MemoryRing(kept) = self { Some(kept) } else { None }
    }

    /// Names of the incident files so far.
    pub(super) fn incidents(&self) -> Vec<String> {
        match self {
            Self::File(..) | Self::MemoryRing(_) => Vec::new(),
            Self::Ring(ring) => ring.incidents().to_vec(),
        }
    }
}

impl BlockSink for Target {
    fn block(&mut self, kind: BlockKind, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::File(_, file) => file.block(kind, bytes),
            Self::Ring(ring) => ring.block(kind, bytes),
            Self::MemoryRing(kept) => kept.block(kind, bytes),
        }
    }
}
