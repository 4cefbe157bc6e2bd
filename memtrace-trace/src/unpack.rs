//! The payload of a block as the bytes of one message, within bounds.

use prost::encoding::{WireType, decode_key, decode_varint};
use zstd::bulk::Decompressor;

use super::frame::{BlockKind, Header};

/// Limit on the fields of a message: more than a writer puts into one.
const MOST_FIELDS: usize = 1 << 16;

/// Decompresses payloads into one buffer.
pub(super) struct Unpacker {
    decompressor: Option<Decompressor<'static>>,
    bytes: Vec<u8>,
}

impl Unpacker {
    pub(super) fn new() -> Self {
        Self { decompressor: Decompressor::new().ok(), bytes: Vec::new() }
    }

    /// The payload that was unpacked last.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Unpacks a payload. The header has bounded its size.
    ///
    /// # Errors
    /// When it cannot be decompressed, or has more fields than any writer makes.
    pub(super) fn unpack(&mut self, kind: BlockKind, header: &Header, payload: &[u8]) -> Result<(), &'static str> {
        self.decompress(header, payload)?;
        if fields_are_few(&self.bytes, kind) { Ok(()) } else { Err("a block has more parts than any writer makes") }
    }

    fn decompress(&mut self, header: &Header, payload: &[u8]) -> Result<(), &'static str> {
        self.bytes.clear();
        if !header.compressed {
            self.bytes.extend_from_slice(payload);
            return Ok(());
        }
        self.bytes.resize(header.raw_len as usize, 0);
        let decompressor = self.decompressor.as_mut().ok_or("there is no memory to decompress a block")?;
        match decompressor.decompress_to_buffer(payload, self.bytes.as_mut_slice()) {
            Ok(length) if length == self.bytes.len() => Ok(()),
            _ => Err("a block cannot be decompressed"),
        }
    }
}

/// False for a message of very many tiny parts: each becomes a hundred times its size in memory. The fields inside the
/// parts of META count, too.
fn fields_are_few(raw: &[u8], kind: BlockKind) -> bool {
    let mut left = MOST_FIELDS;
    count_fields(raw, if kind == BlockKind::Meta { 2 } else { 0 }, &mut left)
}

/// Subtracts the fields of a message, and those of its parts `levels` levels down, from `left`; false when there are
/// more. Bytes that are no message are left to the decoder.
fn count_fields(mut raw: &[u8], levels: u32, left: &mut usize) -> bool {
    while let Ok((_, wire_type)) = decode_key(&mut raw) {
        let Some(less) = left.checked_sub(1) else { return false };
        *left = less;
        let length = match wire_type {
            WireType::Varint => {
                if decode_varint(&mut raw).is_err() {
                    return true;
                }
                0
            }
            WireType::SixtyFourBit => 8,
            WireType::ThirtyTwoBit => 4,
            WireType::LengthDelimited => {
                decode_varint(&mut raw).ok().and_then(|length| usize::try_from(length).ok()).unwrap_or(usize::MAX)
            }
            WireType::StartGroup | WireType::EndGroup => 0,
        };
        let Some((part, rest)) = raw.split_at_checked(length) else { return true };
        if wire_type == WireType::LengthDelimited && levels > 0 && !count_fields(part, levels - 1, left) {
            return false;
        }
        raw = rest;
    }
    true
}
