//! Everything that a reader returns for some bytes, and their blocks one by one.

use zstd::bulk::decompress;

use memtrace_trace::{
    BlockKind, Damage, ReadError, Reader, Scanned, Scanner, TraceItem,
    frame::{HEADER, Header, MAX_PAYLOAD},
    model::{End, Entry, Meta, TickRecord},
};

/// Items that were read.
#[derive(Debug, Default)]
pub(super) struct Got {
    pub(super) metas: Vec<Meta>,
    pub(super) entries: Vec<Entry>,
    pub(super) ticks: Vec<TickRecord>,
    pub(super) ends: Vec<End>,
    pub(super) damage: Vec<Damage>,
    /// Everything but damage, in order and as text; ticks without the values that depend on earlier blocks.
    pub(super) said: Vec<String>,
}

/// Reads all.
pub(super) fn read_all(bytes: &[u8]) -> Result<Got, ReadError> {
    let mut reader = Reader::new(bytes);
    let mut got = Got::default();
    while let Some(item) = reader.next_item()? {
        match item {
            TraceItem::Meta(meta) => {
                got.said.push(format!("{meta:?}"));
                got.metas.push(*meta);
            }
            TraceItem::Entries => {
                got.said.extend(reader.entries().iter().map(|entry| format!("{entry:?}")));
                got.entries.extend(reader.entries());
            }
            TraceItem::Tick(tick) => {
                got.said.push(format!("{:?}", bare(&tick)));
                got.ticks.push(*tick);
            }
            TraceItem::End(end) => {
                got.said.push(format!("{end:?}"));
                got.ends.push(end);
            }
            TraceItem::Damage(damage) => got.damage.push(damage),
            other @ (TraceItem::Clock(_) | TraceItem::Remark(_)) => got.said.push(format!("{other:?}")),
        }
    }
    Ok(got)
}

/// A tick without the values that depend on earlier blocks.
fn bare(tick: &TickRecord) -> TickRecord {
    let mut tick = tick.clone();
    tick.input.faults = Default::default();
    tick.unrecorded_processes.clear();
    tick.unrecorded_cgroups.clear();
    tick
}

/// A block that can be changed.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) header: Header,
    /// Not compressed.
    pub(super) content: Vec<u8>,
}

impl Frame {
    pub(super) fn new(kind: u8, count: u32, content: Vec<u8>) -> Self {
        let header = Header {
            version: 1,
            kind,
            compressed: false,
            stored_len: 0,
            raw_len: 0,
            count,
            first_ns: 0,
            last_ns: 0,
            payload_crc: 0,
        };
        Self { header, content }
    }

    pub(super) fn is(&self, kind: BlockKind) -> bool {
        self.header.kind == kind as u8
    }

    /// The block, with lengths and checksums that are right.
    pub(super) fn bytes(&self) -> Vec<u8> {
        framed(
            Header {
                compressed: false,
                stored_len: u32::try_from(self.content.len()).unwrap(),
                raw_len: u32::try_from(self.content.len()).unwrap(),
                ..self.header
            },
            &self.content,
        )
    }
}

/// A block of this payload whose checksums are right, whatever its header claims.
pub(super) fn framed(header: Header, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Header { payload_crc: crc32c::crc32c(payload), ..header }.to_bytes().to_vec();
    bytes.extend_from_slice(payload);
    bytes
}

/// The blocks of a whole trace.
pub(super) fn frames(bytes: &[u8]) -> Vec<Frame> {
    let mut scanner = Scanner::new(bytes);
    let mut frames = Vec::new();
    while let Some(scanned) = scanner.next_block().unwrap() {
        let Scanned::Block(block) = scanned else { panic!("{scanned:?}") };
        let payload = &scanner.block()[HEADER..];
        let content =
            if block.header.compressed { decompress(payload, MAX_PAYLOAD).unwrap() } else { payload.to_vec() };
        frames.push(Frame { header: block.header, content });
    }
    frames
}

/// A trace of these blocks.
pub(super) fn joined(frames: &[Frame]) -> Vec<u8> {
    frames.iter().flat_map(Frame::bytes).collect()
}
