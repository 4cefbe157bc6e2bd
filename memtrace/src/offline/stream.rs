//! A pipe that is read as it comes: `memtrace record -o - | memtrace replay -` shows each block when it is written.
//!
//! Only a pipe that starts at the very beginning of a recording is shown this way: later blocks then seldom belong
//! before those already shown. All other pipes are read to their end first.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Chain, Cursor, Read},
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::input_file::InputFile;
use crate::signals::Signals;
use memtrace_trace::{
    BlockId, BlockKind, BlockSource, RawBlock, ReadError, Scanned, Scanner,
    index::{RecordingId, SegmentId, segment_of},
};

/// Most bytes that are read of a pipe to find its first block.
const HEAD: usize = 1 << 20;
/// Interval at which signals are checked while the pipe is idle.
const SIGNAL_WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
/// Time that a pipe is still read after a signal: its writer may have received the same one, and writes its END.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Blocks that are remembered in each of two halves: some hours of a recording, in a few megabytes.
const REMEMBERED: usize = 1 << 15;

/// A pipe whose first bytes were read ahead.
pub(super) type Peeked = Chain<Cursor<Vec<u8>>, File>;

/// Looks at the first block of a pipe. Returns the pipe from its first byte, and true when a recording begins there.
pub(super) fn peek(pipe: File) -> (Peeked, bool) {
    let mut head = Head { from: &pipe, kept: Vec::new() };
    let mut scanner = Scanner::new(&mut head);
    let begins = match scanner.next_block() {
        Ok(Some(Scanned::Block(block))) => segment_of(&block, scanner.block())
            .is_some_and(|(id, start_ns)| id.segment == 0 && start_ns == id.recording.start_ns),
        // The reader of the whole pipe reports why nothing can be read.
        _ => false,
    };
    let kept = head.kept;
    (Cursor::new(kept).chain(pipe), begins)
}

/// Keeps the bytes read through it, and ends after `HEAD` of them.
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

/// A pipe that ends some time after a signal, even when its writer is silent.
#[derive(Debug)]
struct Patient {
    pipe: Peeked,
    signals: Signals,
    signalled: Option<Instant>,
}

impl Read for Patient {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.signals.received().is_some() {
                let since = *self.signalled.get_or_insert_with(Instant::now);
                if since.elapsed() > LAST_WORDS {
                    return Ok(0);
                }
            }
            let (head, pipe) = self.pipe.get_ref();
            let is_here = head.position() < head.get_ref().len() as u64
                || match poll(&mut [PollFd::new(pipe, PollFlags::IN)], Some(&SIGNAL_WAIT)) {
                    Ok(ready) => ready > 0,
                    Err(rustix::io::Errno::INTR) => false,
                    // The read returns the error.
                    Err(_) => true,
                };
            if is_here {
                return self.pipe.read(buffer);
            }
        }
    }
}

/// Treatment of the blocks of a segment after its META.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    /// The segment is new.
    New,
    /// The segment had begun before: blocks that came before are left out, and so are those that belong between them.
    Copy,
    /// The segment belongs before the blocks already shown: all of it is left out.
    Late,
}

/// The blocks of a pipe, recording by recording. A block that a copy of a segment repeats is left out.
#[derive(Debug)]
pub(super) struct Streamed {
    file: InputFile,
    scanner: Scanner<Patient>,
    /// The current segment; `None` between two recordings.
    segment: Option<SegmentId>,
    course: Course,
    /// Numbers of the segments of this recording that have begun.
    begun: Vec<u32>,
    /// Recordings that are over: another one has followed.
    over: Vec<Arc<RecordingId>>,
    /// A block that was read ahead: it is still the last one of the scanner.
    held: Option<RawBlock>,
    /// The last END, held back with its bytes: a copy of the segment may still go on where this one ended.
    end: Option<(RawBlock, Vec<u8>)>,
    /// The bytes of the block that came last, where the scanner is past it.
    bytes: Option<Vec<u8>>,
    /// The latest place of a block, `CLOCK_MONOTONIC` in ns.
    latest_ns: u64,
    /// The blocks that came, in a recent and an older half.
    recent: HashSet<BlockId>,
    older: HashSet<BlockId>,
    /// `latest_ns` at the time `older` was filled, and at the time the forgotten half was, `CLOCK_MONOTONIC` in ns.
    filled_ns: u64,
    forgotten_ns: u64,
    /// The first and the last segment that came more than once.
    shared: Option<(u32, u32)>,
    /// Number of blocks that came too late to be shown.
    late: u64,
    ended: bool,
}

impl Streamed {
    /// The blocks of a pipe.
    pub(super) fn new(file: InputFile, pipe: Peeked, signals: Signals) -> Self {
        Self {
            file,
            scanner: Scanner::new(Patient { pipe, signals, signalled: None }),
            segment: None,
            course: Course::New,
            begun: Vec::new(),
            over: Vec::new(),
            held: None,
            end: None,
            bytes: None,
            latest_ns: 0,
            recent: HashSet::new(),
            older: HashSet::new(),
            filled_ns: 0,
            forgotten_ns: 0,
            shared: None,
            late: 0,
            ended: false,
        }
    }

    /// The pipe.
    pub(super) fn input_file(&self) -> &InputFile {
        &self.file
    }

    /// True when nothing is left in the pipe.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Reads no further.
    pub(super) fn close(&mut self) {
        self.ended = true;
    }

    /// The first and the last segment of the current recording that came more than once.
    pub(super) fn shared(&self) -> Option<(u32, u32)> {
        self.shared
    }

    /// Number of blocks that came too late to be shown.
    pub(super) fn late(&self) -> u64 {
        self.late
    }

    /// Goes on to the next recording, past the unread rest of this one. False at the end of the pipe.
    pub(super) fn next_recording(&mut self) -> bool {
        while self.segment.is_some() && !self.ended {
            if self.next_block().is_err() {
                self.ended = true;
            }
        }
        self.begun.clear();
        self.recent.clear();
        self.older.clear();
        (self.filled_ns, self.forgotten_ns) = (0, 0);
        (self.latest_ns, self.course, self.shared, self.end) = (0, Course::New, None, None);
        !self.ended
    }

    /// Treatment of a segment that begins.
    fn course(&self, id: &SegmentId) -> Course {
        match self.begun.iter().max() {
            _ if self.over.contains(&id.recording) => Course::Late,
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
            // The current segment stays as it is.
            Course::Late => return,
        }
        self.segment = Some(id);
    }

    /// True when a block is left out. Counts blocks that are missing from the output.
    fn is_left_out(&mut self, block: &RawBlock) -> bool {
        let place_ns = block.place_ns();
        match self.course {
            Course::New => false,
            Course::Late => {
                self.late += u64::from(place_ns > 0);
                true
            }
            Course::Copy if block.kind() == Some(BlockKind::Meta) => true,
            Course::Copy if place_ns == 0 => false,
            Course::Copy => {
                let id = block.id();
                let came = self.recent.contains(&id) || self.older.contains(&id);
                // An END belongs to its own file. A block of the forgotten time may have come before.
                let is_late = !came
                    && (self.forgotten_ns.saturating_add(1)..self.latest_ns).contains(&place_ns)
                    && block.kind() != Some(BlockKind::End);
                self.late += u64::from(is_late);
                came || place_ns < self.latest_ns
            }
        }
    }

    fn passed(&mut self, block: &RawBlock) {
        self.latest_ns = self.latest_ns.max(block.place_ns());
        if self.recent.len() >= REMEMBERED {
            self.older = std::mem::take(&mut self.recent);
            self.forgotten_ns = std::mem::replace(&mut self.filled_ns, self.latest_ns);
        }
        self.recent.insert(block.id());
    }

    /// The END that was held back.
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
                None if self.ended => Ok(None),
                None => self.scanner.next_block(),
            };
            let block = match next {
                Ok(Some(Scanned::Block(block))) => block,
                Ok(Some(damage)) => return Ok(Some(damage)),
                over => {
                    // The scanner returns the same again after the END.
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
                let before = self.segment.as_ref().map(|segment| Arc::clone(&segment.recording));
                let other = before.filter(|before| *before != id.recording);
                let is_end = match &other {
                    Some(_) => !self.over.contains(&id.recording),
                    None => self.course(&id) == Course::New,
                };
                if is_end && let Some(end) = self.take_end() {
                    self.held = Some(block);
                    return Ok(Some(end));
                }
                if let Some(before) = other.filter(|_| is_end) {
                    self.over.push(before);
                    self.segment = None;
                    self.held = Some(block);
                    return Ok(None);
                }
                self.begin(id);
            }
            if self.is_left_out(&block) {
                continue;
            }
            self.passed(&block);
            if block.kind() == Some(BlockKind::End) {
                self.end = Some((block, self.scanner.block().to_vec()));
                continue;
            }
            if block.place_ns() > 0 {
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
