//! Decodes the blocks of a trace to messages with fields, and encodes them to a file again.

use std::path::Path;

use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, prost::Message as _};

const PROTO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../memtrace-trace/proto");
const HEADER: usize = 52;

/// Kinds of block, by number, and the message in each.
const KINDS: [&str; 9] = ["Meta", "Clock", "Dict", "Events", "Tick", "Remark", "End", "Tick", "Stacks"];

/// One block.
#[derive(Clone)]
pub(crate) struct Block {
    pub(crate) kind: u8,
    pub(crate) message: DynamicMessage,
    /// Entries, then the first and the last time in ns, as in the header.
    pub(crate) count: u32,
    pub(crate) times_ns: [u64; 2],
}

/// The schema of traces.
pub(crate) fn schema() -> DescriptorPool {
    let files = protox::compile(["memtrace_trace_v1.proto"], [PROTO]).unwrap();
    DescriptorPool::from_file_descriptor_set(files).unwrap()
}

/// The message with this name.
pub(crate) fn message(schema: &DescriptorPool, name: &str) -> MessageDescriptor {
    schema.get_message_by_name(&format!("memtrace.trace.v1.{name}")).unwrap()
}

/// All blocks of a whole trace.
pub(crate) fn read(schema: &DescriptorPool, path: &Path) -> Vec<Block> {
    let file = std::fs::read(path).unwrap();
    let mut rest = file.as_slice();
    let mut blocks = Vec::new();
    while !rest.is_empty() {
        let word = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
        let long = |at: usize| u64::from_le_bytes(rest[at..at + 8].try_into().unwrap());
        let (kind, packed, stored, raw) = (rest[10], rest[11] == 1, word(12) as usize, word(16) as usize);
        let payload = &rest[HEADER..HEADER + stored];
        let payload = if packed { zstd::bulk::decompress(payload, raw).unwrap() } else { payload.to_vec() };
        let message = DynamicMessage::decode(message(schema, KINDS[usize::from(kind) - 1]), &payload[..]).unwrap();
        blocks.push(Block { kind, message, count: word(20), times_ns: [long(24), long(32)] });
        rest = &rest[HEADER + stored..];
    }
    blocks
}

/// The bytes of a trace of these blocks, none of them compressed.
pub(crate) fn write(blocks: &[Block]) -> Vec<u8> {
    let mut file = Vec::new();
    for block in blocks {
        let payload = block.message.encode_to_vec();
        let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
        let mut header = b"\x89MTRC\r\n\x1a\x01\0".to_vec();
        header.extend([block.kind, 0]);
        header.extend([length, length, block.count.to_le_bytes()].concat());
        header.extend(block.times_ns.map(u64::to_le_bytes).concat());
        header.extend(crc32c::crc32c(&payload).to_le_bytes());
        header.resize(HEADER - 4, 0);
        header.extend(crc32c::crc32c(&header).to_le_bytes());
        file.extend(header);
        file.extend(payload);
    }
    file
}
