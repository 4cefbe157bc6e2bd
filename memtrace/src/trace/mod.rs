//! The trace file: the only room that knows its bytes. `docs/trace-format.md` describes it.
//!
//! A trace is a sequence of blocks that each stand alone: a header with checksums, then one compressed protobuf message.
//! The reader believes nothing: what it cannot read is skipped, said, and never invented.

#![forbid(unsafe_code)]

mod accounts;
mod block;
pub mod cgroups;
pub mod change;
mod columns;
mod counters;
mod encoder;
mod evictors;
mod frame;
pub mod index;
pub mod mark;
mod meta;
pub mod model;
mod nodes;
mod optional;
mod reader;
mod rows;
mod scan;
mod shrinkers;
pub mod splice;
mod stacks;
mod tick;
mod unpack;
mod values;
mod wire;

pub use self::{
    encoder::{BlockSink, Encoder},
    frame::BlockKind,
    reader::{Damage, Item, ReadError, Reader},
    scan::{BlockSource, RawBlock, Scanned, Scanner},
};

#[cfg(test)]
mod tests;
