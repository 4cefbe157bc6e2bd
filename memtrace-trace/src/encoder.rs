//! Entries and ticks to blocks.

use std::{collections::HashMap, io, sync::Arc};

use super::{
    accounts::Accounts,
    block::BlockWriter,
    columns::ColumnWriter,
    counters::encode_lost,
    frame::BlockKind,
    meta,
    model::{ClockReading, End, EndReason, Entry, Meta, Remark, RemarkKind, TickRecord},
    rows::encode_rows,
    stacks::StackWriter,
    tick::Base,
    values::encode_open,
    wire,
};
use memtrace_core::{event::Event, session::evictors::ByMemory};

/// Approximate size of the columns at which a block is written, in bytes: a kill loses no more than that, or a second.
const SEAL_BYTES: usize = 256 << 10;
/// Limit on the remembered paths; a path longer than `LONGEST_PATH` bytes is cut.
const PATHS: usize = 16_384;
const LONGEST_PATH: usize = 4096;
/// Ticks after which a path in use is written again, so that a damaged block costs it for a minute only.
const PATH_AGAIN_TICKS: u32 = 60;

/// Destination of blocks. Each call passes a whole block, which must be whole or absent in the file.
pub trait BlockSink {
    /// Takes a block.
    ///
    /// # Errors
    /// When it could not be written; the encoder goes on as if it had been.
    fn block(&mut self, kind: BlockKind, bytes: &[u8]) -> io::Result<()>;
}

impl BlockSink for Vec<u8> {
    fn block(&mut self, _: BlockKind, bytes: &[u8]) -> io::Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

/// The path of a cgroup, with the tick at which it was last written.
#[derive(Debug)]
struct KnownPath {
    path: Arc<[u8]>,
    /// Tick of the last write, from 1; 0 when this segment does not have the path.
    written: u32,
}

/// Encodes entries and ticks into blocks.
#[derive(Debug)]
pub struct Encoder {
    min_stall_ns: u64,
    blocks: BlockWriter,
    columns: ColumnWriter,
    accounts: Accounts,
    base: Base,
    segment: u32,
    paths: HashMap<u64, KnownPath>,
    stacks: StackWriter,
    ticks: u32,
    events_stopped: bool,
    unwritten: u64,
}

impl Encoder {
    /// An encoder that writes no event of a stall shorter than `min_stall_ns`; the ticks count them.
    #[must_use]
    pub fn new(min_stall_ns: u64) -> Self {
        Self {
            min_stall_ns,
            blocks: BlockWriter::new(),
            columns: ColumnWriter::new(),
            accounts: Accounts::new(),
            base: Base::default(),
            segment: 0,
            paths: HashMap::new(),
            stacks: StackWriter::default(),
            ticks: 1,
            events_stopped: false,
            unwritten: 0,
        }
    }

    /// Begins a segment. Pending entries are dropped: the previous segment has been ended.
    ///
    /// # Errors
    /// When the sink fails.
    pub fn begin(&mut self, meta: &Meta, sink: &mut dyn BlockSink) -> io::Result<()> {
        (self.base, self.segment) = (Base::of(meta), meta.segment);
        self.columns.clear();
        self.accounts.clear();
        self.accounts.epoch = 0;
        self.paths.values_mut().for_each(|path| path.written = 0);
        self.stacks.begin();
        (self.ticks, self.events_stopped) = (1, false);
        let t_ns = meta.clock.monotonic_ns;
        self.blocks.write(BlockKind::Meta, &meta::encode(meta), 1, (t_ns, t_ns), sink)
    }

    /// Learns the path of a cgroup, for all segments. It is written when a block names the cgroup.
    pub fn path(&mut self, id: u64, path: &[u8]) {
        if self.paths.len() >= PATHS && !self.paths.contains_key(&id) {
            // Paths that this segment has are in the file; those in use come again.
            self.paths.retain(|_, path| path.written == 0);
        }
        if self.paths.len() < PATHS {
            let path = path.get(..LONGEST_PATH).unwrap_or(path);
            self.paths.insert(id, KnownPath { path: path.into(), written: 0 });
        }
    }

    /// Takes an entry; writes a block when one is full.
    ///
    /// # Errors
    /// When the sink fails.
    pub fn entry(&mut self, entry: &Entry, sink: &mut dyn BlockSink) -> io::Result<()> {
        self.unwritten += u64::from(self.events_stopped);
        match entry {
            Entry::Event(Event::Stall(stall)) => {
                let located = self.accounts.stall(stall);
                if stall.dur_ns >= self.min_stall_ns && !self.events_stopped {
                    self.columns.stall(stall, located);
                }
            }
            other => {
                match other {
                    Entry::Name { pid, process_start_ns, comm } => self.accounts.name((*pid, *process_start_ns), *comm),
                    Entry::Mark { pid, process_start_ns, in_command } => {
                        self.accounts.mark((*pid, *process_start_ns), *in_command);
                    }
                    Entry::Event(_) => {}
                }
                if !self.events_stopped {
                    self.columns.other(other);
                }
            }
        }
        if self.columns.bytes() >= SEAL_BYTES { self.seal(sink) } else { Ok(()) }
    }

    /// Writes the pending entries. The caller does so at least once a second.
    ///
    /// # Errors
    /// When the sink fails.
    pub fn seal(&mut self, sink: &mut dyn BlockSink) -> io::Result<()> {
        if self.columns.is_empty() {
            return Ok(());
        }
        let paths = self.write_paths(self.columns.cgroups().into_iter(), sink);
        let count = u32::try_from(self.columns.len()).unwrap_or(u32::MAX);
        let (message, times) = self.columns.message();
        let written = self.blocks.write(BlockKind::Events, message, count, times, sink);
        if written.is_err() {
            self.unwritten += u64::from(count);
        }
        self.columns.clear();
        paths.and(written)
    }

    /// Writes the pending entries, then the tick.
    ///
    /// # Errors
    /// When the sink fails.
    pub fn tick(&mut self, tick: &TickRecord, sink: &mut dyn BlockSink) -> io::Result<()> {
        let sealed = self.seal(sink);
        let mut message = self.base.encode(tick);
        let (mut processes, mut cgroups) = encode_rows(&mut self.accounts, &tick.input.faults);
        let ids = processes.0.iter().chain(&cgroups.0).flat_map(|rows| rows.id.iter().chain(&rows.fault_cgroup));
        let stalled = tick.input.stacks.iter().flat_map(|stacks| &stacks.stalls);
        let stalled = stalled.filter_map(|(key, _)| key.cgroup_id);
        let back = tick.input.evictors.iter().flat_map(ByMemory::iter).flat_map(|evictors| &evictors.rows);
        let back = back.filter_map(|(key, _)| key.cgroup_id);
        let ids: Vec<u64> = ids.filter_map(|&id| super::optional::decode(id)).chain(stalled).chain(back).collect();
        let mut before = self.write_paths(ids.into_iter(), sink);
        (message.processes, message.cgroups) = (processes.0.pop(), cgroups.0.pop());
        message.segment = self.segment;
        message.epoch = self.accounts.epoch;
        let processes = processes.0.into_iter().map(|rows| (Some(rows), None));
        for (processes, cgroups) in processes.chain(cgroups.0.into_iter().map(|rows| (None, Some(rows)))) {
            let (segment, epoch) = (message.segment, message.epoch);
            let t_ns = tick.input.t_ns;
            let part = wire::Tick { t_ns, processes, cgroups, segment, epoch, ..wire::Tick::default() };
            before = before.and(self.blocks.write(BlockKind::Rows, &part, 1, (t_ns, t_ns), sink));
        }
        for stacks in tick.input.stacks.iter().flat_map(|deltas| self.stacks.encode(deltas, self.ticks, self.segment)) {
            let (count, t_ns) = (u32::try_from(stacks.number.len()).unwrap_or(u32::MAX), tick.input.t_ns);
            before = before.and(self.blocks.write(BlockKind::Stacks, &stacks, count, (t_ns, t_ns), sink));
        }
        message.epoch_ends = self.accounts.settle();
        if message.epoch_ends {
            self.accounts.clear();
            self.accounts.epoch = self.accounts.epoch.wrapping_add(1);
        }
        self.ticks += 1;
        let t_ns = tick.input.t_ns;
        let written = self.blocks.write(BlockKind::Tick, &message, 1, (t_ns, t_ns), sink);
        sealed.and(before).and(written)
    }

    /// Writes a reading of the clocks.
    ///
    /// # Errors
    /// When the sink fails.
    pub fn clock(&mut self, clock: &ClockReading, sink: &mut dyn BlockSink) -> io::Result<()> {
        let t_ns = clock.monotonic_ns;
        self.blocks.write(BlockKind::Clock, &meta::encode_clock(clock), 1, (t_ns, t_ns), sink)
    }

    /// Writes the pending entries, then a remark.
    ///
    /// # Errors
    /// When the sink fails.
    pub fn remark(&mut self, remark: &Remark, sink: &mut dyn BlockSink) -> io::Result<()> {
        let sealed = self.seal(sink);
        let kind = match remark.kind {
            RemarkKind::Trigger => 1,
            RemarkKind::EventsStopped => 2,
            RemarkKind::BlockBegin => 3,
            RemarkKind::BlockEnd => 4,
            RemarkKind::Changed => 5,
            RemarkKind::Cgroups => 6,
            RemarkKind::Unknown => 0,
        };
        let message = wire::Remark { t_ns: remark.t_ns, kind, text: remark.text.stored() };
        sealed.and(self.blocks.write(BlockKind::Remark, &message, 1, (remark.t_ns, remark.t_ns), sink))
    }

    /// Writes the pending entries, then the end of the segment.
    ///
    /// # Errors
    /// When the sink fails.
    pub fn end(&mut self, end: &End, sink: &mut dyn BlockSink) -> io::Result<()> {
        let sealed = self.seal(sink);
        let reason = match end.reason {
            EndReason::Done => 1,
            EndReason::NextSegment => 2,
            EndReason::FileComplete => 3,
            EndReason::Unknown => 0,
        };
        let open = end.open.iter().map(encode_open).collect();
        let message = wire::End { t_ns: end.t_ns, reason, open, lost: encode_lost(&end.lost) };
        sealed.and(self.blocks.write(BlockKind::End, &message, 1, (end.t_ns, end.t_ns), sink))
    }

    /// Stops events until the next segment begins: entries are only counted, for the ticks. Drops pending entries.
    pub fn stop_events(&mut self) {
        self.events_stopped = true;
        self.unwritten += self.columns.len() as u64;
        self.columns.clear();
    }

    /// Number of entries that are in no block because a sink failed or events were stopped, since the encoder was made.
    #[must_use]
    pub fn unwritten(&self) -> u64 {
        self.unwritten
    }

    /// Writes the paths of these cgroups that the segment does not have, or that are due again.
    fn write_paths(&mut self, ids: impl Iterator<Item = u64>, sink: &mut dyn BlockSink) -> io::Result<()> {
        let mut dict = wire::Dict::default();
        for id in ids {
            if let Some(known) = self.paths.get_mut(&id)
                && (known.written == 0 || self.ticks - known.written >= PATH_AGAIN_TICKS)
            {
                known.written = self.ticks;
                dict.cgroup_id.push(id);
                dict.cgroup_path.push(known.path.to_vec());
            }
        }
        // As many paths as fit a block whatever their length.
        let (ids, paths) = (dict.cgroup_id.chunks(200), dict.cgroup_path.chunks(200));
        for (ids, paths) in ids.zip(paths) {
            let part = wire::Dict { cgroup_id: ids.to_vec(), cgroup_path: paths.to_vec() };
            let count = u32::try_from(ids.len()).unwrap_or(u32::MAX);
            self.blocks.write(BlockKind::Dict, &part, count, (0, 0), sink)?;
        }
        Ok(())
    }
}
