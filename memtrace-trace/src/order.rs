//! The order of blocks in one file. A block that comes twice would be counted twice, and a tick that goes back would
//! make the intervals add up to more than the whole: both are damage, and the first one counts.

use std::collections::HashSet;

use memtrace_common::kind::StallKind;

use super::frame::{BlockKind, Header};
use memtrace_core::session::input::TickInput;

/// Blocks that are remembered in each of two halves: some hours of a recording, in a few megabytes.
const REMEMBERED: usize = 1 << 15;

/// Damage of a block that is a copy of an earlier one: nothing is lost with it.
pub const TWICE: &str = "a block comes a second time";
const BACK: &str = "a tick goes back in time, or comes a second time";
const DOWN: &str = "the totals of a tick are below those of the tick before";
const BEGUN: &str = "a segment begins a second time";

/// Count and time (in ns) of a total, by a number that names it.
type Total = (usize, [u64; 2]);

/// A segment: recording, run and number.
type SegmentId = (u64, u32, u32);

/// The blocks of a file so far.
#[derive(Debug, Default)]
pub(super) struct Order {
    recent: HashSet<Header>,
    older: HashSet<Header>,
    /// ENDs of the segment.
    ends: HashSet<Header>,
    segment: Option<SegmentId>,
    tick: Option<(u64, Vec<Total>)>,
}

impl Order {
    /// Refuses a block that was taken before.
    pub(super) fn is_new(&self, header: &Header) -> Result<(), &'static str> {
        let is_known = self.recent.contains(header) || self.older.contains(header);
        if is_known && !self.ends_this_segment(header) { Err(TWICE) } else { Ok(()) }
    }

    /// True for the first END of the segment that is no earlier than its last tick. An END does not name its segment,
    /// and a segment that begins at the last tick of the one before may end at that time, too: with an equal block.
    fn ends_this_segment(&self, header: &Header) -> bool {
        header.kind == BlockKind::End as u8
            && self.tick.as_ref().is_some_and(|(t_ns, _)| header.last_ns >= *t_ns)
            && !self.ends.contains(header)
    }

    /// Remembers a block that was taken. Paths of cgroups come again by design, and blocks without a time may repeat.
    pub(super) fn took(&mut self, kind: BlockKind, header: &Header) {
        if kind == BlockKind::Dict || header.first_ns == 0 {
            return;
        }
        if self.recent.len() >= REMEMBERED {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(*header);
        if kind == BlockKind::End {
            self.ends.insert(*header);
        }
    }

    /// Takes the beginning of a segment, with the last tick before it.
    pub(super) fn begin(&mut self, segment: SegmentId, base: Option<&TickInput>) -> Result<(), &'static str> {
        let (recording, run, number) = segment;
        if self.segment.is_some_and(|(r, n, last)| (r, n) == (recording, run) && number <= last) {
            return Err(BEGUN);
        }
        if self.segment.is_none_or(|(r, n, _)| (r, n) != (recording, run)) {
            // Two recordings may have the same remark at the same time.
            self.recent.clear();
            self.older.clear();
        }
        self.segment = Some(segment);
        self.ends.clear();
        self.tick = base.map(|base| (base.t_ns, totals(base)));
        Ok(())
    }

    /// True when a stall that ended at this time lies before the last tick.
    pub(super) fn is_late(&self, t_ns: u64) -> bool {
        self.tick.as_ref().is_some_and(|(last_ns, _)| t_ns.saturating_add(LATE_NS) < *last_ns)
    }

    /// Takes a tick, which must be later than the previous one, with totals that are no smaller.
    pub(super) fn tick(&mut self, input: &TickInput) -> Result<(), &'static str> {
        let now = totals(input);
        if let Some((t_ns, before)) = &self.tick {
            if input.t_ns <= *t_ns {
                return Err(BACK);
            }
            let is_less = |(name, old): &Total| {
                let new = now.iter().find(|(other, _)| other == name);
                new.is_some_and(|(_, new)| new.iter().zip(old).any(|(new, old)| new < old))
            };
            if before.iter().any(is_less) {
                return Err(DOWN);
            }
        }
        self.tick = Some((input.t_ns, now));
        Ok(())
    }
}

/// Time before a tick, in ns, at which a stall must have ended to be in the file before it. The time of a tick is read
/// first, then all records in the ring are written. Only a record that a CPU was just writing comes later.
const LATE_NS: u64 = 1_000_000;

/// The totals that only grow: each CPU's counts do, and so a later sum of them is no smaller.
fn totals(input: &TickInput) -> Vec<Total> {
    let kinds = input.totals.stalls.iter().map(|(kind, totals)| (*kind as usize, [totals.count, totals.total_ns]));
    let own = &input.totals.own;
    let reported =
        (StallKind::COUNT + 1..).zip(input.reported.iter().map(|reported| [reported.count, reported.total_ns]));
    kinds.chain([(StallKind::COUNT, [own.count, own.total_ns])]).chain(reported).collect()
}
