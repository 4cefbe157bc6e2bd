//! The last minutes of a trace, kept in memory as blocks, and the file that the screen begins or saves.

use std::{
    collections::VecDeque,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    create::create,
    sink::{TraceFile, put_end},
};
use memtrace_core::untrusted::shown_path;
use memtrace_report::text::bytes;
use memtrace_trace::{BlockKind, BlockSink, model::End};

/// Limits of the ring, in ns and in bytes.
const KEEP_NS: u64 = 600_000_000_000;
const KEEP_BYTES: usize = 16 << 20;
/// Limits of a segment, in ns and in bytes. The ring drops whole segments.
const SEGMENT_NS: u64 = 60_000_000_000;
const SEGMENT_BYTES: usize = 2 << 20;

/// A segment.
#[derive(Debug, Default)]
struct MemorySegment {
    begin_ns: u64,
    bytes: Vec<u8>,
}

/// The last segments, and the file that is written beside them.
#[derive(Debug)]
pub(super) struct MemoryRing {
    done: VecDeque<MemorySegment>,
    current: MemorySegment,
    file: Option<(PathBuf, TraceFile)>,
    /// Failure of the file that is still to be reported.
    failed: Option<String>,
}

impl MemoryRing {
    /// Creates an empty ring.
    pub(super) fn new(begin_ns: u64) -> Self {
        let current = MemorySegment { begin_ns, bytes: Vec::new() };
        Self { done: VecDeque::new(), current, file: None, failed: None }
    }

    pub(super) fn wants_next_segment(&self, now_ns: u64) -> bool {
        now_ns.saturating_sub(self.current.begin_ns) >= SEGMENT_NS || self.current.bytes.len() >= SEGMENT_BYTES
    }

    pub(super) fn begin_segment(&mut self, now_ns: u64) {
        let next = MemorySegment { begin_ns: now_ns, bytes: Vec::new() };
        self.done.push_back(std::mem::replace(&mut self.current, next));
        while self.done.front().is_some_and(|first| {
            let bytes: usize = self.done.iter().map(|segment| segment.bytes.len()).sum();
            bytes + SEGMENT_BYTES > KEEP_BYTES || now_ns.saturating_sub(first.begin_ns) > KEEP_NS + SEGMENT_NS
        }) {
            self.done.pop_front();
        }
    }

    /// True while a file is written.
    pub(super) fn is_recording(&self) -> bool {
        self.file.is_some()
    }

    /// Begins a file with the segment that has just begun; returns the message about it.
    pub(super) fn begin_file(&mut self, path: &Path) -> String {
        let begun = made(path).and_then(|mut file| {
            file.write_all(&self.current.bytes).map_err(|e| e.to_string())?;
            Ok(TraceFile::new(file, Arc::default()))
        });
        match begun {
            Ok(file) => {
                self.file = Some((path.to_owned(), file));
                format!("recording to {}; r ends it", shown(path))
            }
            Err(e) => e,
        }
    }

    /// Ends the file; returns the message about it.
    pub(super) fn end_file(&mut self, end: &End) -> Option<String> {
        let (path, mut file) = self.file.take()?;
        let ended = put_end(end, &mut file).and_then(|()| file.sync());
        let size = bytes(file.bytes());
        Some(match ended {
            Ok(()) => format!("recorded {size} to {}", shown(&path)),
            Err(e) => format!("{} is not complete: {e}", shown(&path)),
        })
    }

    /// Saves all complete segments; returns the message about it.
    pub(super) fn save(&self, path: &Path, end: &End) -> String {
        let saved = made(path).and_then(|mut file| {
            let mut size = 0;
            let mut write = |bytes: &[u8]| {
                size += bytes.len() as u64;
                file.write_all(bytes).map_err(|e| format!("{} is not complete: {e}", shown(path)))
            };
            self.done.iter().try_for_each(|segment| write(&segment.bytes))?;
            let mut ended = Vec::new();
            put_end(end, &mut ended).map_err(|e| e.to_string())?;
            write(&ended)?;
            file.sync_data().map_err(|e| format!("{} may not be on the disk: {e}", shown(path)))?;
            Ok(size)
        });
        match saved {
            Ok(size) => format!("saved {} to {}", bytes(size), shown(path)),
            Err(e) => e,
        }
    }

    /// Failure of the file since the last call.
    pub(super) fn take_failure(&mut self) -> Option<String> {
        self.failed.take()
    }
}

impl BlockSink for MemoryRing {
    fn block(&mut self, kind: BlockKind, bytes: &[u8]) -> io::Result<()> {
        self.current.bytes.extend_from_slice(bytes);
        if let Some((path, file)) = &mut self.file
            && let Err(e) = file.block(kind, bytes)
        {
            self.failed = Some(format!("{} is not complete: {e}", shown(path)));
            self.file = None;
        }
        Ok(())
    }
}

/// Creates a new file under its final name; the error is a text for the user.
fn made(path: &Path) -> Result<std::fs::File, String> {
    let created = create(path, false).map_err(|e| e.to_string())?;
    created.unnamed.name().map_err(|e| e.to_string())?;
    Ok(created.file)
}

fn shown(path: &Path) -> String {
    shown_path(path)
}

#[cfg(test)]
mod tests {
    use super::{BlockKind, BlockSink as _, KEEP_BYTES, MemoryRing, SEGMENT_BYTES, SEGMENT_NS};

    #[test]
    fn what_is_kept_is_bounded_in_time_and_bytes() {
        let mut kept = MemoryRing::new(0);
        for n in 1..=30 {
            kept.block(BlockKind::Tick, &[0; 1000]).unwrap();
            assert!(kept.wants_next_segment(n * SEGMENT_NS) && !kept.wants_next_segment(n * SEGMENT_NS - 1));
            kept.begin_segment(n * SEGMENT_NS);
        }
        // Ten whole minutes, and the one that is under way.
        assert_eq!(kept.done.len(), 11);
        for n in 31..=60 {
            while !kept.wants_next_segment(n * SEGMENT_NS - 1) {
                kept.block(BlockKind::Events, &vec![0; 1 << 19]).unwrap();
            }
            kept.begin_segment(n * SEGMENT_NS);
            let bytes: usize = kept.done.iter().map(|segment| segment.bytes.len()).sum();
            assert!(bytes + SEGMENT_BYTES <= KEEP_BYTES, "{bytes}");
        }
        assert!(kept.done.len() >= 6);
    }
}
