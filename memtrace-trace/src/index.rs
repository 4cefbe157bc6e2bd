//! Index of the segments in an input, and of their parts. It rests on the blocks alone: file names mean nothing.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::Read,
    sync::Arc,
};

use prost::Message as _;

use super::{
    error::ReadError,
    frame::BlockKind,
    scan::{RawBlock, Scanned, Scanner},
    unpack::Unpacker,
    wire,
};
use memtrace_core::untrusted::Text;

/// Identity of a recording: equal in all of its files, whatever their names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordingId {
    /// The random number of the recording.
    pub recording: u64,
    /// Number of the run, from 1; 0 when there is only one.
    pub run: u32,
    /// When the hooks were attached, `CLOCK_MONOTONIC` in ns.
    pub start_ns: u64,
    /// Boot id of the host; empty when it was not read.
    pub boot_id: Text,
    /// Name of the host.
    pub host: Text,
}

/// A segment of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentId {
    /// The recording.
    pub recording: Arc<RecordingId>,
    /// Number of the segment in it, from 0.
    pub segment: u32,
}

/// A contiguous part of an input, with blocks of one segment.
#[derive(Clone, Debug)]
pub struct Piece {
    /// The segment; `None` where its META is lost.
    pub id: Option<SegmentId>,
    /// First byte in the input.
    pub begin: u64,
    /// Byte after the last.
    pub end: u64,
    /// When the segment began, `CLOCK_MONOTONIC` in ns: the tick before it, or the attaching. Without META, the first
    /// time in the piece.
    pub start_ns: u64,
    /// Time of the last tick in it; `None` when it holds none.
    pub last_tick_ns: Option<u64>,
    /// A hash over its blocks: pieces with equal hashes are copies.
    pub digest: u64,
}

/// Contents of an input.
#[derive(Debug)]
pub struct Index {
    /// Pieces, in order of their offsets. Every byte up to the last block or damage is in one.
    pub pieces: Vec<Piece>,
    /// Error that ended reading; `None` when the input was read to its end.
    pub failed: Option<ReadError>,
}

impl Index {
    /// Reads an input to its end.
    pub fn of(input: impl Read) -> Self {
        let mut scanner = Scanner::new(input);
        let mut pieces = Pieces::default();
        let failed = loop {
            match scanner.next_block() {
                Ok(None) => break None,
                Ok(Some(Scanned::Block(block))) => pieces.block(&block, scanner.block()),
                Ok(Some(Scanned::Damage(damage))) => {
                    (damage.bytes, damage.is_cut).hash(&mut pieces.hasher);
                    pieces.end = damage.offset + damage.bytes;
                }
                Err(e) => break Some(e),
            }
        };
        Self { pieces: pieces.finish(), failed }
    }
}

/// Pieces found so far.
#[derive(Default)]
struct Pieces {
    done: Vec<Piece>,
    open: Option<Piece>,
    hasher: DefaultHasher,
    end: u64,
}

impl Pieces {
    fn block(&mut self, block: &RawBlock, bytes: &[u8]) {
        let header = &block.header;
        if let Some((id, start_ns)) = segment_of(block, bytes) {
            // Damage before the first block belongs to the first piece.
            let begin = if self.open.is_some() { block.offset } else { 0 };
            self.close(block.offset);
            self.open = Some(piece(Some(id), begin, start_ns));
        }
        let open = self.open.get_or_insert_with(|| piece(None, 0, 0));
        if open.start_ns == 0 {
            open.start_ns = header.first_ns;
        }
        if block.kind() == Some(BlockKind::Tick) {
            open.last_tick_ns = Some(header.last_ns);
        }
        header.hash(&mut self.hasher);
        self.end = block.offset + bytes.len() as u64;
    }

    fn close(&mut self, end: u64) {
        if let Some(open) = self.open.take() {
            let digest = std::mem::take(&mut self.hasher).finish();
            self.done.push(Piece { end, digest, ..open });
        }
    }

    fn finish(mut self) -> Vec<Piece> {
        self.close(self.end);
        self.done
    }
}

fn piece(id: Option<SegmentId>, begin: u64, start_ns: u64) -> Piece {
    Piece { id, begin, end: begin, start_ns, last_tick_ns: None, digest: 0 }
}

/// The segment that a META begins, and its begin, `CLOCK_MONOTONIC` in ns: the tick before it, or the attaching. `None`
/// when the block is no META or cannot be decoded, which its reader reports as damage.
#[must_use]
pub fn segment_of(block: &RawBlock, bytes: &[u8]) -> Option<(SegmentId, u64)> {
    if block.kind() != Some(BlockKind::Meta) {
        return None;
    }
    let payload = bytes.get(super::frame::HEADER..)?;
    let mut unpacker = Unpacker::new();
    unpacker.unpack(BlockKind::Meta, &block.header, payload).ok()?;
    let meta = wire::Meta::decode(unpacker.bytes()).ok()?;
    let (setup, host) = (meta.setup.unwrap_or_default(), meta.host.unwrap_or_default());
    let recording = RecordingId {
        recording: meta.recording,
        run: meta.run,
        start_ns: setup.start_ns,
        boot_id: host.boot_id.into(),
        host: host.host.into(),
    };
    let start_ns = meta.base.map_or(setup.start_ns, |base| base.t_ns);
    Some((SegmentId { recording: Arc::new(recording), segment: meta.segment }, start_ns))
}
