//! A message as a block.

use std::io;

use prost::Message;
use zstd::bulk::Compressor;

use super::{
    encoder::BlockSink,
    frame::{BlockKind, HEADER, Header, MAX_PAYLOAD, VERSION},
};

/// zstd's fastest ordinary level: 8 % of a core at a million events a second.
const LEVEL: i32 = 1;
/// Below this a payload does not get smaller.
const WORTH_COMPRESSING: usize = 64;

/// Makes blocks. Its buffers are kept, so that a block allocates nothing once they have grown.
pub(super) struct BlockWriter {
    compressor: Option<Compressor<'static>>,
    raw: Vec<u8>,
    block: Vec<u8>,
}

impl std::fmt::Debug for BlockWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockWriter").finish_non_exhaustive()
    }
}

impl BlockWriter {
    pub(super) fn new() -> Self {
        // Without a compressor (no memory for its context) blocks are stored as they are.
        Self { compressor: Compressor::new(LEVEL).ok(), raw: Vec::new(), block: Vec::new() }
    }

    /// Writes a message of `count` entries.
    pub(super) fn write(
        &mut self,
        kind: BlockKind,
        message: &impl Message,
        count: u32,
        times: (u64, u64),
        sink: &mut dyn BlockSink,
    ) -> io::Result<()> {
        self.raw.clear();
        message.encode(&mut self.raw).map_err(io::Error::other)?;
        if self.raw.len() > MAX_PAYLOAD {
            return Err(io::Error::other(format!(
                "a block of {} bytes is larger than a reader accepts",
                self.raw.len()
            )));
        }
        self.block.clear();
        self.block.resize(HEADER, 0);
        let compressed = self.raw.len() > WORTH_COMPRESSING && self.compress();
        if !compressed {
            self.block.truncate(HEADER);
            self.block.extend_from_slice(&self.raw);
        }
        let payload = &self.block[HEADER..];
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(io::Error::other);
        let header = Header {
            version: VERSION,
            kind: kind as u8,
            compressed,
            stored_len: length(payload)?,
            raw_len: length(&self.raw)?,
            count,
            first_ns: times.0,
            last_ns: times.1,
            payload_crc: crc32c::crc32c(payload),
        };
        self.block[..HEADER].copy_from_slice(&header.to_bytes());
        sink.block(kind, &self.block)
    }

    /// Compresses the payload into the block. Returns false when it did not get smaller, or could not be compressed.
    fn compress(&mut self) -> bool {
        let Some(compressor) = &mut self.compressor else { return false };
        self.block.resize(HEADER + self.raw.len(), 0);
        // It fails when the result would not be smaller than the buffer.
        match compressor.compress_to_buffer(&self.raw, &mut self.block[HEADER..]) {
            Ok(len) => {
                self.block.truncate(HEADER + len);
                true
            }
            Err(_) => false,
        }
    }
}
