//! Finding whole blocks in a stream of bytes that may be cut, damaged or something else.

use std::io::Read;

use memchr::memmem::Finder;

use super::{
    damage::Damage,
    error::ReadError,
    frame::{BlockKind, HEADER, Header, MAX_PAYLOAD, SYNC, VERSION},
};

/// Size of a read, in bytes.
const CHUNK: usize = 256 << 10;
/// Limit on the damaged blocks whose headers are remembered.
const MOST_LOST: usize = 1024;
/// Bytes searched for the first block when the input does not begin with one. A device may have no end.
const FAR: u64 = 256 << 20;

/// A whole block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawBlock {
    /// The header.
    pub header: Header,
    /// Offset of the block in the file, in bytes.
    pub offset: u64,
}

impl RawBlock {
    /// The first and the last time in it, `CLOCK_MONOTONIC` in ns; 0 where it has none.
    #[must_use]
    pub fn times(&self) -> (u64, u64) {
        (self.header.first_ns, self.header.last_ns)
    }

    /// The place of the block among those of its segment, `CLOCK_MONOTONIC` in ns; 0 where it has no time.
    #[must_use]
    pub fn place_ns(&self) -> u64 {
        self.header.place_ns()
    }

    /// Identity of the block: equal in all copies of it, since a recorder writes a block once and copies its bytes.
    #[must_use]
    pub fn id(&self) -> BlockId {
        BlockId(self.header)
    }

    /// Kind of the block; `None` for one of a later version.
    #[must_use]
    pub fn kind(&self) -> Option<BlockKind> {
        BlockKind::of(self.header.kind)
    }
}

/// Identity of a block, whatever its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockId(Header);

/// Next part of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scanned {
    /// A block whose checksums are right: [`Scanner::block`] has its bytes.
    Block(RawBlock),
    /// Bytes that are no block.
    Damage(Damage),
}

/// Damage up to the scanner's current position.
#[derive(Debug)]
struct Pending {
    /// Offset of its first byte in the input.
    from: u64,
    what: &'static str,
    /// The block, while it is one block with a whole header.
    block: Option<RawBlock>,
}

/// Reads blocks, in bounded memory.
#[derive(Debug)]
pub struct Scanner<R> {
    input: R,
    buffer: Vec<u8>,
    /// Position in the buffer at which the next block is looked for.
    at: usize,
    /// Length of the block that was found last, at `at`.
    found: usize,
    /// Offset of `buffer[0]` in the file.
    offset: u64,
    /// Offset of the first byte of the input in the file.
    begin: u64,
    ended: bool,
    /// Damage that was not returned yet.
    damage: Option<Pending>,
    /// Headers of the blocks whose content is in the last damage.
    lost: Vec<Header>,
    any_block: bool,
    finder: Finder<'static>,
}

/// Blocks, one after the other.
pub trait BlockSource {
    /// The next block or the next damaged bytes; `None` at the end.
    ///
    /// # Errors
    /// When the input fails, is no trace, or is one of a later version.
    fn next_block(&mut self) -> Result<Option<Scanned>, ReadError>;

    /// The bytes of the block that came last, header included.
    fn block(&self) -> &[u8];

    /// The payload of the block that came last, as stored.
    fn payload(&self) -> &[u8] {
        self.block().get(HEADER..).unwrap_or_default()
    }
}

impl<R: Read> BlockSource for Scanner<R> {
    fn next_block(&mut self) -> Result<Option<Scanned>, ReadError> {
        self.next_block()
    }

    fn block(&self) -> &[u8] {
        self.block()
    }
}

impl<R: Read> Scanner<R> {
    /// A scanner at the beginning of the input.
    pub fn new(input: R) -> Self {
        Self::at(input, 0)
    }

    /// A scanner of a part that begins at this offset of a file, in bytes.
    pub fn at(input: R, offset: u64) -> Self {
        Self {
            begin: offset,
            input,
            buffer: Vec::new(),
            at: 0,
            found: 0,
            offset,
            ended: false,
            damage: None,
            lost: Vec::new(),
            any_block: false,
            finder: Finder::new(&SYNC),
        }
    }

    /// The next block or damage; `None` at the end.
    ///
    /// # Errors
    /// When the input fails, or is no trace, or one of a later version.
    pub fn next_block(&mut self) -> Result<Option<Scanned>, ReadError> {
        self.at += std::mem::take(&mut self.found);
        loop {
            self.fill(HEADER)?;
            let rest = &self.buffer[self.at..];
            let Some(header) = rest.first_chunk::<HEADER>().and_then(Header::parse) else {
                if rest.len() < HEADER {
                    return self.finish();
                }
                let what =
                    if rest.starts_with(&SYNC) { "the header of a block is damaged" } else { "no block begins here" };
                self.skip(what)?;
                continue;
            };
            if header.version > VERSION {
                return Err(ReadError::Newer { found: header.version, known: VERSION });
            }
            let length = HEADER + header.stored_len as usize;
            self.fill(length)?;
            let Some(block) = self.buffer.get(self.at..self.at + length) else {
                self.skip(CUT)?;
                continue;
            };
            if crc32c::crc32c(&block[HEADER..]) != header.payload_crc {
                // The header is right, and so is the length: nothing inside the block is taken for a block.
                let offset = self.offset + self.at as u64;
                self.note("the content of a block is damaged", Some(RawBlock { header, offset }));
                if self.lost.len() < MOST_LOST {
                    self.lost.push(header);
                }
                self.at += length;
                continue;
            }
            if let Some(damage) = self.damage.take() {
                return Ok(Some(Scanned::Damage(self.locate(damage, false))));
            }
            self.any_block = true;
            self.found = length;
            return Ok(Some(Scanned::Block(RawBlock { header, offset: self.offset + self.at as u64 })));
        }
    }

    /// Headers of the blocks whose content is in the damage returned last, in order.
    pub(super) fn lost(&self) -> &[Header] {
        &self.lost
    }

    /// The bytes of the block that came last.
    #[must_use]
    pub fn block(&self) -> &[u8] {
        &self.buffer[self.at..self.at + self.found]
    }

    /// Reads until the buffer holds `wanted` bytes from the current position, or the input ends.
    fn fill(&mut self, wanted: usize) -> Result<(), ReadError> {
        debug_assert!(wanted <= HEADER + MAX_PAYLOAD);
        while !self.ended && self.buffer.len() - self.at < wanted {
            if self.at >= CHUNK {
                self.buffer.drain(..self.at);
                self.offset += self.at as u64;
                self.at = 0;
            }
            let before = self.buffer.len();
            self.buffer.resize(before + CHUNK, 0);
            let result = self.input.read(&mut self.buffer[before..]);
            self.buffer.truncate(before + *result.as_ref().unwrap_or(&0));
            match result {
                Ok(0) => self.ended = true,
                Ok(_) => {}
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }

    fn note(&mut self, what: &'static str, block: Option<RawBlock>) {
        let here = self.offset + self.at as u64;
        let Some(pending) = &mut self.damage else {
            self.lost.clear();
            self.damage = Some(Pending { from: here, what, block });
            return;
        };
        // A cut block is merely incomplete: the damage that follows it is the better description.
        if pending.what == CUT {
            pending.what = what;
        }
        pending.block = None;
    }

    /// Advances to the next place at which a block may begin.
    fn skip(&mut self, what: &'static str) -> Result<(), ReadError> {
        self.note(what, None);
        let rest = &self.buffer[self.at + 1..];
        self.at += 1 + self.finder.find(rest).unwrap_or(rest.len().saturating_sub(SYNC.len() - 1));
        let here = self.offset + self.at as u64;
        if !self.any_block && here - self.begin > FAR { Err(self.not_a_trace()) } else { Ok(()) }
    }

    /// The input has ended, with less than a header left.
    fn finish(&mut self) -> Result<Option<Scanned>, ReadError> {
        let rest = &self.buffer[self.at..];
        let begun =
            !rest.is_empty() && SYNC.starts_with(&rest[..rest.len().min(SYNC.len())]) || rest.starts_with(&SYNC);
        let is_cut = self.damage.as_ref().map_or(begun, |pending| pending.what == CUT);
        if !rest.is_empty() {
            self.note(if begun { CUT } else { "no block begins here" }, None);
        }
        self.at = self.buffer.len();
        if !self.any_block && (self.offset > self.begin || !self.buffer.starts_with(&SYNC)) {
            return Err(self.not_a_trace());
        }
        Ok(self.damage.take().map(|damage| Scanned::Damage(self.locate(damage, is_cut))))
    }

    fn locate(&self, pending: Pending, is_cut: bool) -> Damage {
        let Pending { from, what, block } = pending;
        Damage { offset: from, bytes: self.offset + self.at as u64 - from, is_cut, what: what.to_owned(), block }
    }

    fn not_a_trace(&self) -> ReadError {
        ReadError::NotATrace(if self.offset == self.begin {
            seems(&self.buffer).to_owned()
        } else if self.ended {
            "it does not begin like one".to_owned()
        } else {
            format!("no block of a memtrace trace begins in its first {} MiB", FAR >> 20)
        })
    }
}

const CUT: &str = "it ends in the middle of a block";

/// Description of a file that is no trace.
fn seems(beginning: &[u8]) -> &'static str {
    const KNOWN: [(&[u8], &str); 8] = [
        (b"PERFILE2", "it is a perf.data file"),
        (b"\x7fELF", "it is a program"),
        (b"\x28\xb5\x2f\xfd", "it is compressed with zstd: decompress it first (`zstd -d FILE`)"),
        (b"\x1f\x8b", "it is compressed with gzip: decompress it first (`gunzip FILE`)"),
        (b"\xfd7zXZ", "it is compressed with xz: decompress it first (`unxz FILE`)"),
        (b"PK\x03\x04", "it is a zip archive: unpack it first"),
        (b"{\"type\":", "it is JSON of memtrace"),
        (b"tracing results:", "it is a text of tracefs"),
    ];
    if beginning.is_empty() {
        return "it is empty";
    }
    if let Some((_, what)) = KNOWN.iter().find(|(magic, _)| beginning.starts_with(magic)) {
        return what;
    }
    let sample = &beginning[..beginning.len().min(512)];
    let is_text = sample.iter().all(|&b| b >= 0x20 || matches!(b, b'\n' | b'\r' | b'\t'));
    if is_text { "it is text" } else { "it does not begin like one" }
}
