//! A pipe that is read as it comes: `memtrace record -o - | memtrace replay -` shows each block when it is written.
//!
//! Only a recording from its very beginning can be shown so: what comes later in the pipe then seldom belongs before what
//! was shown. All other pipes are read to their end first.

use std::{
    fs::File,
    io::{self, Chain, Cursor, Read},
};

use super::input::Source;
use crate::trace::{
    BlockKind, BlockSource, Damage, RawBlock, ReadError, Scanned, Scanner,
    index::{SegmentId, segment_of},
};

/// The most that is read of a pipe before its first block is there, in bytes.
const HEAD: usize = 1 << 20;

/// A pipe whose first bytes were looked at.
pub(super) type Peeked = Chain<Cursor<Vec<u8>>, File>;

/// Looks at the first block of a pipe. The pipe from its first byte, and whether a recording begins there.
pub(super) fn peek(pipe: File) -> (Peeked, bool) {
    let mut head = Head { from: &pipe, kept: Vec::new() };
    let mut scanner = Scanner::new(&mut head);
    let begins = match scanner.next_block() {
        Ok(Some(Scanned::Block(block))) => segment_of(&block, scanner.block())
            .is_some_and(|(id, start_ns)| id.segment == 0 && start_ns == id.recording.start_ns),
        // Why nothing can be read is said by whoever reads it all.
        _ => false,
    };
    let kept = head.kept;
    (Cursor::new(kept).chain(pipe), begins)
}

/// Keeps what is read through it, and ends when that is much.
struct Head<'a> {
    from: &'a File,
    kept: Vec<u8>,
}

impl Read for Head<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(HEAD - self.kept.len());
        let length = self.from.read(&mut buffer[..most])?;
        self.kept.extend_from_slice(&buffer[..length]);
        Ok(length)
    }
}

/// Why the blocks of a segment are left out that comes too late.
const LATE: &str = "a segment comes after later ones; a pipe that is saved to a file may hold them in any order";

/// A segment that has begun, as the blocks after its META are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    /// It is new.
    New,
    /// It had begun before: what came before is left out.
    Copy,
    /// Later ones came before it: all of it is left out.
    Late,
}

/// The blocks of a pipe, recording by recording. A block that a copy of a segment repeats is left out.
#[derive(Debug)]
pub(super) struct Streamed {
    source: Source,
    scanner: Scanner<Peeked>,
    /// The segment at hand; `None` between two recordings.
    segment: Option<SegmentId>,
    course: Course,
    /// Numbers of the segments of this recording that have begun.
    begun: Vec<u32>,
    /// A block that was read already: it is still the last one of the scanner.
    held: Option<RawBlock>,
    /// The last END, with its bytes: a copy may still go on where this one ended.
    end: Option<(RawBlock, Vec<u8>)>,
    /// The bytes of the block that came last, where the scanner is past it.
    bytes: Option<Vec<u8>>,
    /// The latest time of a block, `CLOCK_MONOTONIC` in ns, and the blocks with that time.
    latest: (u64, Vec<RawBlock>),
    /// The first and the last segment that came more than once.
    shared: Option<(u32, u32)>,
    ended: bool,
}

impl Streamed {
    /// The blocks of a pipe.
    pub(super) fn new(source: Source, pipe: Peeked) -> Self {
        Self {
            source,
            scanner: Scanner::new(pipe),
            segment: None,
            course: Course::New,
            begun: Vec::new(),
            held: None,
            end: None,
            bytes: None,
            latest: (0, Vec::new()),
            shared: None,
            ended: false,
        }
    }

    /// The pipe.
    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// True when nothing is left in the pipe.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// The first and the last segment of the recording at hand that came more than once.
    pub(super) fn shared(&self) -> Option<(u32, u32)> {
        self.shared
    }

    /// Goes on to the next recording, past what was not read of this one. False at the end of the pipe.
    pub(super) fn next_recording(&mut self) -> bool {
        while self.segment.is_some() && !self.ended {
            if self.next_block().is_err() {
                self.ended = true;
            }
        }
        self.begun.clear();
        (self.latest, self.course, self.shared, self.end) = ((0, Vec::new()), Course::New, None, None);
        !self.ended
    }

    /// The course of a segment that begins.
    fn course(&self, id: &SegmentId) -> Course {
        match self.begun.iter().max() {
            _ if self.begun.contains(&id.segment) => Course::Copy,
            Some(last) if id.segment < *last => Course::Late,
            _ => Course::New,
        }
    }

    fn begin(&mut self, id: SegmentId) {
        self.course = self.course(&id);
        match self.course {
            Course::New => self.begun.push(id.segment),
            Course::Copy => {
                let (first, last) = self.shared.unwrap_or((id.segment, id.segment));
                self.shared = Some((first.min(id.segment), last.max(id.segment)));
            }
            Course::Late => {}
        }
        self.segment = Some(id);
    }

    /// True when a block came before.
    fn is_known(&self, block: &RawBlock) -> bool {
        let (latest_ns, blocks) = &self.latest;
        let (_, last_ns) = block.times();
        let came = last_ns > 0 && (last_ns < *latest_ns || blocks.iter().any(|other| other.is_copy_of(block)));
        self.course == Course::Copy && (block.kind() == Some(BlockKind::Meta) || came)
    }

    fn passed(&mut self, block: RawBlock) {
        let (_, last_ns) = block.times();
        if last_ns > self.latest.0 {
            self.latest = (last_ns, Vec::new());
        }
        if last_ns == self.latest.0 {
            self.latest.1.push(block);
        }
    }

    /// The END that was kept back.
    fn take_end(&mut self) -> Option<Scanned> {
        let (block, bytes) = self.end.take()?;
        self.bytes = Some(bytes);
        Some(Scanned::Block(block))
    }
}

impl BlockSource for Streamed {
    fn next_block(&mut self) -> Result<Option<Scanned>, ReadError> {
        self.bytes = None;
        loop {
            let next = match self.held.take() {
                Some(block) => Ok(Some(Scanned::Block(block))),
                None => self.scanner.next_block(),
            };
            let block = match next {
                Ok(Some(Scanned::Block(block))) => block,
                Ok(Some(damage)) => return Ok(Some(damage)),
                over => {
                    // The scanner says it again after the END.
                    return self.take_end().map_or_else(
                        || {
                            self.ended = true;
                            over
                        },
                        |end| Ok(Some(end)),
                    );
                }
            };
            if let Some((id, _)) = segment_of(&block, self.scanner.block()) {
                let is_other = self.segment.as_ref().is_some_and(|segment| segment.recording != id.recording);
                if (is_other || self.course(&id) == Course::New)
                    && let Some(end) = self.take_end()
                {
                    self.held = Some(block);
                    return Ok(Some(end));
                }
                if is_other {
                    self.segment = None;
                    self.held = Some(block);
                    return Ok(None);
                }
                self.begin(id);
            }
            if self.course == Course::Late {
                let (offset, bytes) = (block.offset, self.scanner.block().len() as u64);
                let what = LATE.to_owned();
                return Ok(Some(Scanned::Damage(Damage { offset, bytes, is_cut: false, what, block: Some(block) })));
            }
            if self.is_known(&block) {
                continue;
            }
            self.passed(block);
            if block.kind() == Some(BlockKind::End) {
                self.end = Some((block, self.scanner.block().to_vec()));
                continue;
            }
            if block.times().1 > 0 {
                // The segment goes on.
                self.end = None;
            }
            return Ok(Some(Scanned::Block(block)));
        }
    }

    fn block(&self) -> &[u8] {
        self.bytes.as_deref().unwrap_or_else(|| self.scanner.block())
    }
}
