//! Blocks to entries and ticks.

use std::{collections::HashMap, io::Read, sync::Arc};

use prost::Message;

use super::{
    columns::{Columns, Recorded},
    counters::{CounterNames, decode_lost},
    damage::Damage,
    error::ReadError,
    frame::{BlockKind, Header},
    meta,
    model::{ClockReading, End, EndReason, Entry, Meta, Remark, RemarkKind, TickRecord},
    order::Order,
    rows::{self, RowReader},
    sane::{MOST_NS, is_clock_sane, is_end_sane, is_meta_sane, is_sane},
    scan::{BlockSource, RawBlock, Scanned, Scanner},
    stacks::StackReader,
    tick::Base,
    unpack::Unpacker,
    values::decode_open,
    wire,
};
use memtrace_core::{
    event::Event,
    session::{faults::FaultDeltas, filter::CgroupNames},
};

/// Next item of a trace.
#[derive(Debug)]
pub enum TraceItem {
    /// A segment begins.
    Meta(Box<Meta>),
    /// The clocks were read.
    Clock(ClockReading),
    /// Entries: [`Reader::entries`] has them until the next call.
    Entries,
    /// An interval ended.
    Tick(Box<TickRecord>),
    /// A remark.
    Remark(Remark),
    /// The segment ended.
    End(End),
    /// Something could not be read; it was skipped.
    Damage(Damage),
}

/// A block with the reader's verdict, for callers that copy blocks and must copy those that are used.
#[derive(Debug)]
pub enum Judged {
    /// The content is used. The item is `None` for a block that only supplements a later one, and for one of a later
    /// version.
    Used(RawBlock, Option<TraceItem>),
    /// It is damaged, and nothing in it is used.
    Damaged(Damage),
}

/// Limit on the remembered paths of cgroups: as many as a writer has.
const PATHS: usize = 16_384;
const LONGEST_PATH: usize = 4096;
/// Limit on the entries of a block: more than a writer puts into one.
const MOST_ENTRIES: usize = 1 << 17;

/// Reads the blocks of a trace, one by one, in bounded memory.
pub struct Reader<B> {
    blocks: B,
    unpacked: Unpacker,
    events: wire::Events,
    entries: Vec<Entry>,
    skip_entries: bool,
    process_sums: Vec<Recorded>,
    cgroup_sums: Vec<Recorded>,
    rows: RowReader,
    stacks: StackReader,
    /// True when the segment counts stacks.
    has_stacks: bool,
    base: Base,
    /// Number of the segment of `base`; `None` before any.
    segment: Option<u32>,
    /// True once the segment has ended: later blocks belong to another one.
    ended: bool,
    names: CounterNames,
    paths: HashMap<u64, Arc<[u8]>>,
    order: Order,
}

impl<B: std::fmt::Debug> std::fmt::Debug for Reader<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("blocks", &self.blocks).finish_non_exhaustive()
    }
}

impl<R: Read> Reader<Scanner<R>> {
    /// A reader of a trace that is one stream of bytes.
    pub fn new(input: R) -> Self {
        Self::of(Scanner::new(input))
    }
}

impl<B: BlockSource> Reader<B> {
    /// A reader of the blocks of a trace.
    pub fn of(blocks: B) -> Self {
        Self {
            blocks,
            unpacked: Unpacker::new(),
            events: wire::Events::default(),
            entries: Vec::new(),
            skip_entries: false,
            process_sums: Vec::new(),
            cgroup_sums: Vec::new(),
            rows: RowReader::default(),
            stacks: StackReader::default(),
            has_stacks: false,
            base: Base::default(),
            segment: None,
            ended: false,
            names: CounterNames::default(),
            paths: HashMap::new(),
            order: Order::default(),
        }
    }

    /// Leaves out entries. Blocks of events are still checked, since a damaged one is damage of the trace, but return
    /// nothing. The ticks then count all stalls of processes and cgroups as unrecorded.
    #[must_use]
    pub fn without_entries(mut self) -> Self {
        self.skip_entries = true;
        self
    }

    /// The next item; `None` at the end.
    ///
    /// # Errors
    /// When nothing more can be read.
    pub fn next_item(&mut self) -> Result<Option<TraceItem>, ReadError> {
        loop {
            match self.next_judged()? {
                None => return Ok(None),
                Some(Judged::Damaged(damage)) => return Ok(Some(TraceItem::Damage(damage))),
                Some(Judged::Used(_, Some(item))) => return Ok(Some(item)),
                Some(Judged::Used(_, None)) => {}
            }
        }
    }

    /// The next block, or other bytes that are damage; `None` at the end. A damaged block does not change the reader:
    /// the verdicts on all other blocks are the same without it.
    ///
    /// # Errors
    /// When nothing more can be read.
    pub fn next_judged(&mut self) -> Result<Option<Judged>, ReadError> {
        let block = match self.blocks.next_block()? {
            None => return Ok(None),
            Some(Scanned::Damage(damage)) => return Ok(Some(Judged::Damaged(damage))),
            Some(Scanned::Block(block)) => block,
        };
        Ok(Some(match self.judge(&block.header) {
            Ok(item) => Judged::Used(block, item),
            Err(what) => Judged::Damaged(Damage {
                offset: block.offset,
                bytes: self.blocks.block().len() as u64,
                is_cut: false,
                what: what.to_owned(),
                block: Some(block),
            }),
        }))
    }

    fn judge(&mut self, header: &Header) -> Result<Option<TraceItem>, &'static str> {
        // A reader goes on after a block of a later version.
        let Some(kind) = BlockKind::of(header.kind) else { return Ok(None) };
        self.order.is_new(header)?;
        self.unpacked.unpack(kind, header, self.blocks.payload())?;
        let item = if kind == BlockKind::Events && self.skip_entries {
            self.check_entries(header)?;
            self.entries.clear();
            None
        } else {
            self.decode(kind, header)?
        };
        self.order.took(kind, header);
        Ok(item)
    }

    /// The source of the blocks.
    pub fn blocks(&self) -> &B {
        &self.blocks
    }

    /// The source of the blocks, at the block after the last one that was read.
    pub fn into_blocks(self) -> B {
        self.blocks
    }

    /// The entries of the block of the last [`TraceItem::Entries`].
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The paths of cgroups that are known so far.
    #[must_use]
    pub fn paths(&self) -> &dyn CgroupNames {
        &self.paths
    }

    /// The path of a cgroup, shared without copying.
    #[must_use]
    pub fn path(&self, id: u64) -> Option<&Arc<[u8]>> {
        self.paths.get(&id)
    }

    fn decode(&mut self, kind: BlockKind, header: &Header) -> Result<Option<TraceItem>, &'static str> {
        fn message<M: Message + Default>(raw: &[u8]) -> Result<M, &'static str> {
            M::decode(raw).map_err(|_| "the content of a block cannot be decoded")
        }
        Ok(Some(match kind {
            BlockKind::Meta => TraceItem::Meta(Box::new(self.meta(&message(self.unpacked.bytes())?)?)),
            BlockKind::Clock => {
                TraceItem::Clock(sane(meta::decode_clock(&message(self.unpacked.bytes())?), is_clock_sane)?)
            }
            BlockKind::Dict => {
                self.learn_paths(message(self.unpacked.bytes())?);
                return Ok(None);
            }
            BlockKind::Events => {
                self.read_entries(header)?;
                TraceItem::Entries
            }
            BlockKind::Tick => TraceItem::Tick(Box::new(self.tick(&message(self.unpacked.bytes())?)?)),
            BlockKind::Rows => {
                let part: wire::Tick = message(self.unpacked.bytes())?;
                self.belongs(part.segment)?;
                rows::check(&part)?;
                self.rows.part(&part);
                return Ok(None);
            }
            BlockKind::Stacks => {
                let part: wire::Stacks = message(self.unpacked.bytes())?;
                self.belongs(part.segment)?;
                self.stacks.part(part)?;
                return Ok(None);
            }
            BlockKind::Remark => {
                TraceItem::Remark(sane(remark(message(self.unpacked.bytes())?), |remark| remark.t_ns < MOST_NS)?)
            }
            BlockKind::End => {
                let end = sane(end(&message(self.unpacked.bytes())?), is_end_sane)?;
                self.ended = self.segment.is_some();
                TraceItem::End(end)
            }
        }))
    }

    fn meta(&mut self, message: &wire::Meta) -> Result<Meta, &'static str> {
        let names = CounterNames::of(message);
        let meta = sane(meta::decode(message, &names), is_meta_sane)?;
        let segment = (meta.recording, meta.run, meta.segment);
        self.order.begin(segment, meta.base.as_ref().map(|base| &base.input))?;
        self.names = names;
        (self.base, self.segment, self.ended) = (Base::of(&meta), Some(meta.segment), false);
        self.rows.clear();
        self.stacks.begin();
        self.has_stacks = meta.setup.stacks;
        Ok(meta)
    }

    /// Refuses a tick, or a part of one, that does not belong to the current segment.
    fn belongs(&self, of: u32) -> Result<(), &'static str> {
        // Counters of the first segment are differences to 0, and need no META.
        let is_right = self.segment.map_or(of == 0, |segment| segment == of);
        if is_right && !self.ended { Ok(()) } else { Err("a tick belongs to a segment whose beginning is damaged") }
    }

    fn tick(&mut self, message: &wire::Tick) -> Result<TickRecord, &'static str> {
        self.belongs(message.segment)?;
        let mut tick = self.base.decode(message, &self.names);
        if self.segment.is_none() {
            tick.vmstat.clear();
            tick.meminfo_bytes.clear();
            tick.input.host.memory = None;
        }
        let mut tick = sane(tick, is_sane)?;
        rows::check(message)?;
        self.order.tick(&tick.input)?;
        let since = self.rows.tick(message);
        let stacks = self.stacks.tick();
        tick.input.stacks = self.has_stacks.then_some(stacks);
        let faults = FaultDeltas { sampled: tick.input.faults.sampled, ..since.faults };
        (tick.input.faults, tick.unrecorded_processes, tick.unrecorded_cgroups) =
            (faults, since.processes, since.cgroups);
        Ok(tick)
    }

    fn read_entries(&mut self, header: &Header) -> Result<(), &'static str> {
        self.check_entries(header)?;
        let ends = self.entries.iter().filter_map(|entry| match entry {
            Entry::Event(Event::Stall(stall)) => Some(stall.t_ns),
            _ => None,
        });
        // Stalls would be counted twice: the rows of the tick have them.
        if ends.max().is_some_and(|last_ns| self.order.is_late(last_ns))
            && self.rows.has_counted(&self.events, &self.process_sums)
        {
            return Err("a block of events comes after the tick that counts its stalls");
        }
        self.rows.reported(&self.events, &self.process_sums, &self.cgroup_sums);
        Ok(())
    }

    /// Reads the entries of a block, without subtracting them from the rows of the ticks.
    fn check_entries(&mut self, header: &Header) -> Result<(), &'static str> {
        self.entries.clear();
        self.events.clear();
        self.events.merge(self.unpacked.bytes()).map_err(|_| "a block of events cannot be decoded")?;
        let entries = self.events.entry.len();
        if entries != header.count as usize || entries > MOST_ENTRIES || self.events.freed.len() > MOST_ENTRIES {
            return Err("the number of events in a block differs from its header");
        }
        // Each element of a dictionary belongs to some entry.
        let events = &self.events;
        let named = [events.process_pid.len(), events.task_tid.len(), events.cgroup_id.len(), events.waker_pid.len()];
        if named.into_iter().any(|named| named > entries) {
            return Err("a block of events refers to missing entries");
        }
        let columns = Columns::new(&self.events, header.first_ns);
        columns
            .read(&mut self.entries, &mut self.process_sums, &mut self.cgroup_sums)
            .map_err(|_| "a block of events refers to missing entries, or has impossible numbers")
    }

    fn learn_paths(&mut self, dict: wire::Dict) {
        for (id, path) in dict.cgroup_id.into_iter().zip(dict.cgroup_path) {
            let is_known = self.paths.contains_key(&id);
            if path.len() <= LONGEST_PATH && (is_known || self.paths.len() < PATHS) {
                self.paths.insert(id, path.into());
            }
        }
    }
}

/// The value, if all its numbers are possible.
fn sane<T>(value: T, is_sane: impl Fn(&T) -> bool) -> Result<T, &'static str> {
    if is_sane(&value) { Ok(value) } else { Err("a block has impossible numbers") }
}

fn remark(message: wire::Remark) -> Remark {
    let kind = match message.kind {
        1 => RemarkKind::Trigger,
        2 => RemarkKind::EventsStopped,
        3 => RemarkKind::BlockBegin,
        4 => RemarkKind::BlockEnd,
        5 => RemarkKind::Changed,
        6 => RemarkKind::Cgroups,
        _ => RemarkKind::Unknown,
    };
    Remark { t_ns: message.t_ns, kind, text: message.text.into() }
}

fn end(message: &wire::End) -> End {
    let reason = match message.reason {
        1 => EndReason::Done,
        2 => EndReason::NextSegment,
        3 => EndReason::FileComplete,
        _ => EndReason::Unknown,
    };
    let open = message.open.iter().filter_map(decode_open).collect();
    End { t_ns: message.t_ns, reason, open, lost: decode_lost(&message.lost) }
}
