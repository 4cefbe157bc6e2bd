//! Entries and ticks to blocks.

use std::io;

use super::{
    frame::BlockKind,
    model::{ClockReading, End, Entry, Meta, Remark, TickRecord},
};

/// Where blocks go. A block is given whole, and is whole or absent in the file.
pub trait BlockSink {
    /// Takes a block.
    ///
    /// # Errors
    /// When it could not be written; the encoder goes on as if it had been.
    fn block(&mut self, kind: BlockKind, bytes: &[u8]) -> io::Result<()>;
}

/// Makes blocks of what happened.
#[derive(Debug, Default)]
pub struct Encoder {}

impl Encoder {
    /// An encoder that writes no event of a stall shorter than `min_stall_ns`; the ticks count them.
    #[must_use]
    pub fn new(min_stall_ns: u64) -> Self {
        let _ = min_stall_ns;
        Self {}
    }

    /// Begins a segment.
    ///
    /// # Errors
    /// The sink's.
    pub fn begin(&mut self, meta: &Meta, sink: &mut dyn BlockSink) -> io::Result<()> {
        let _ = (meta, sink);
        Ok(())
    }

    /// Learns the path of a cgroup; it is written when a block names the cgroup. Known until the encoder goes.
    pub fn path(&mut self, id: u64, path: &[u8]) {
        let _ = (id, path);
    }

    /// Takes an entry; writes a block when one is full.
    ///
    /// # Errors
    /// The sink's.
    pub fn entry(&mut self, entry: &Entry, sink: &mut dyn BlockSink) -> io::Result<()> {
        let _ = (entry, sink);
        Ok(())
    }

    /// Writes what is pending: at least once a second.
    ///
    /// # Errors
    /// The sink's.
    pub fn seal(&mut self, sink: &mut dyn BlockSink) -> io::Result<()> {
        let _ = sink;
        Ok(())
    }

    /// Writes what is pending, then the tick.
    ///
    /// # Errors
    /// The sink's.
    pub fn tick(&mut self, tick: &TickRecord, sink: &mut dyn BlockSink) -> io::Result<()> {
        let _ = (tick, sink);
        Ok(())
    }

    /// Writes a reading of the clocks.
    ///
    /// # Errors
    /// The sink's.
    pub fn clock(&mut self, clock: &ClockReading, sink: &mut dyn BlockSink) -> io::Result<()> {
        let _ = (clock, sink);
        Ok(())
    }

    /// Writes what is pending, then a remark.
    ///
    /// # Errors
    /// The sink's.
    pub fn remark(&mut self, remark: &Remark, sink: &mut dyn BlockSink) -> io::Result<()> {
        let _ = (remark, sink);
        Ok(())
    }

    /// Writes what is pending, then the end of the segment.
    ///
    /// # Errors
    /// The sink's.
    pub fn end(&mut self, end: &End, sink: &mut dyn BlockSink) -> io::Result<()> {
        let _ = (end, sink);
        Ok(())
    }

    /// From now on entries are only counted, for the ticks, until the next segment begins.
    pub fn stop_events(&mut self) {}
}
