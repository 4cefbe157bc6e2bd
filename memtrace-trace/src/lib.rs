//! Reader and writer of `.mtrc` files, the recordings of memtrace. `docs/trace-format.md` describes the format.
//!
//! A trace is a sequence of blocks that each stand alone: a header with checksums, then one compressed protobuf
//! message.
//!
//! - [`Reader`] returns a trace as [`TraceItem`]s: the beginning of a segment, batches of events, a tick an interval.
//!   `examples/longest.rs` prints the longest stall of each process in 30 lines.
//! - [`Encoder`] writes a trace into a [`BlockSink`], block by block. `examples/thin.rs` copies a recording without its
//!   short stalls.
//! - [`Scanner`] finds the blocks of a file without decoding them, for copies of whole blocks.
//! - [`splice`] assembles a segment from several files that each have a part of it.
//!
//! The reader trusts no input: it skips and reports what it cannot read ([`TraceItem::Damage`]), never invents a value,
//! and never panics. It allocates at most 1 MiB for a block.

#![forbid(unsafe_code)]

mod accounts;
mod block;
mod columns;
mod counters;
mod counts;
mod damage;
mod encoder;
mod error;
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
mod unreleased;
mod values;
#[doc(hidden)]
pub mod wire;

pub use memtrace_core::event;

pub use self::{
    damage::Damage,
    encoder::{BlockSink, Encoder},
    error::ReadError,
    frame::BlockKind,
    order::TWICE,
    reader::{Judged, Reader, TraceItem},
    scan::{BlockId, BlockSource, RawBlock, Scanned, Scanner},
};
