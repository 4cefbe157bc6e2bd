//! The trace file: the only room that knows its bytes. `docs/trace-format.md` describes it.
//!
//! A trace is a sequence of blocks that each stand alone: a header with checksums, then one compressed protobuf message.
//! The reader believes nothing: what it cannot read is skipped, said, and never invented.

#![forbid(unsafe_code)]

mod accounts;
mod block;
mod columns;
mod counters;
mod damage;
mod encoder;
mod evictors;
pub mod frame;
pub mod index;
pub mod mark;
mod meta;
pub mod model;
mod nodes;
mod optional;
mod order;
mod reader;
mod rows;
mod sane;
mod scan;
mod shrinkers;
pub mod splice;
mod stacks;
mod tick;
mod unpack;
mod values;
pub mod wire;

pub use self::{
    damage::Damage,
    encoder::{BlockSink, Encoder},
    frame::BlockKind,
    order::TWICE,
    reader::{Item, Judged, ReadError, Reader},
    scan::{BlockId, BlockSource, RawBlock, Scanned, Scanner},
};
