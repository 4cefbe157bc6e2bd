//! The damage that a salvage leaves out of the copy, in words.

use memtrace_core::clock::Clock;
use memtrace_report::text::{bytes, things};
use memtrace_trace::{BlockKind, Damage, RawBlock, TWICE};

/// Most kinds of damage that are listed; a file with more is beyond repair.
const LISTED: usize = 20;
/// Upper bound of the times in a trace, in ns: a later time is itself damage.
const MOST_NS: u64 = 1 << 62;

/// Damage of one kind of block for one reason.
#[derive(Debug)]
struct DamageGroup {
    /// `None` for bytes that are not one whole block.
    kind: Option<BlockKind>,
    what: String,
    parts: u64,
    bytes: u64,
    /// Offset of the first byte of the first part and of the first byte after the last one.
    range: (u64, u64),
    /// The first and the last time, `CLOCK_MONOTONIC` in ns.
    times_ns: (Option<u64>, Option<u64>),
    /// True while the last time is still to come: it is the first time of the next good block.
    is_open: bool,
}

/// All that is left out.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    groups: Vec<DamageGroup>,
    /// Bytes of a last block that is not complete.
    cut_bytes: u64,
    /// The last time in a good block.
    last_ns: Option<u64>,
}

impl LeftOut {
    /// Notes the times of a block that is kept.
    pub(super) fn kept(&mut self, block: &RawBlock) {
        let (first, last) = block.times();
        if first == 0 {
            return;
        }
        for group in self.groups.iter_mut().filter(|group| group.is_open) {
            (group.times_ns.1, group.is_open) = (Some(first), false);
        }
        self.last_ns = Some(last);
    }

    /// Adds damage.
    pub(super) fn add(&mut self, damage: &Damage) {
        if damage.is_cut {
            self.cut_bytes = self.cut_bytes.saturating_add(damage.bytes);
            return;
        }
        let kind = damage.block.and_then(|block| block.kind());
        let time = |ns: u64| Some(ns).filter(|ns| (1..MOST_NS).contains(ns));
        // Damage without a time of its own lies between the times of the blocks around it.
        let (first_ns, last_ns) =
            damage.block.map_or((self.last_ns, None), |block| (time(block.times().0), time(block.times().1)));
        let end = damage.offset.saturating_add(damage.bytes);
        let same = |group: &&mut DamageGroup| group.kind == kind && group.what == damage.what;
        if let Some(group) = self.groups.iter_mut().find(same) {
            group.parts = group.parts.saturating_add(1);
            group.bytes = group.bytes.saturating_add(damage.bytes);
            group.range.1 = end;
            let (from, to) = group.times_ns;
            // The blocks may be out of order.
            let earliest = [from, first_ns].into_iter().flatten().min();
            group.times_ns = (earliest, to.max(last_ns));
            group.is_open = damage.block.is_none();
            return;
        }
        self.groups.push(DamageGroup {
            kind,
            what: damage.what.clone(),
            parts: 1,
            bytes: damage.bytes,
            range: (damage.offset, end),
            times_ns: (first_ns, last_ns),
            is_open: damage.block.is_none(),
        });
    }

    /// True when anything but a last, incomplete block is left out.
    pub(super) fn is_damaged(&self) -> bool {
        !self.groups.is_empty()
    }

    /// Lines that describe the damage; times are included only with a clock.
    pub(super) fn lines(&self, clock: Option<&Clock>) -> Vec<String> {
        let mut lines = Vec::new();
        if self.groups.is_empty() {
            lines.push("nothing was damaged".to_owned());
        } else {
            let sum = |of: fn(&DamageGroup) -> u64| self.groups.iter().map(of).fold(0, u64::saturating_add);
            let (parts, size) = (things(sum(|group| group.parts), "damaged part"), bytes(sum(|group| group.bytes)));
            lines.push(format!("left out {parts} ({size}):"));
            lines.extend(self.groups.iter().take(LISTED).flat_map(|group| group.lines(clock)));
            if let Some(more) = self.groups.len().checked_sub(LISTED).filter(|more| *more > 0) {
                lines.push(format!("  and {} more", things(more as u64, "kind of damage")));
            }
        }
        if self.cut_bytes > 0 {
            let size = bytes(self.cut_bytes);
            lines.push(format!(
                "left out the last block ({size}), which is incomplete: the recording ended abnormally, or still runs"
            ));
        }
        lines
    }
}

impl DamageGroup {
    fn lines(&self, clock: Option<&Clock>) -> [String; 2] {
        let parts = match self.kind {
            Some(kind) => things(self.parts, &format!("{} block", kind.name())),
            None => format!(
                "{} that {} no whole block",
                things(self.parts, "part"),
                if self.parts == 1 { "is" } else { "are" }
            ),
        };
        let (from, to) = self.range;
        let when = match (clock, self.times_ns) {
            (Some(clock), (Some(from), Some(to))) if clock.seconds(from) == clock.seconds(to) => {
                format!(", {}", clock.seconds(from))
            }
            (Some(clock), (Some(from), Some(to))) => format!(", {} to {}", clock.seconds(from), clock.seconds(to)),
            (Some(clock), (Some(from), None)) => format!(", after {}", clock.seconds(from)),
            (Some(clock), (None, Some(to))) => format!(", before {}", clock.seconds(to)),
            (None, _) | (_, (None, None)) => String::new(),
        };
        [
            format!("  {parts}, bytes {from} to {}{when}: {}", to.saturating_sub(1), self.what),
            format!(
                "    {}",
                if self.what == TWICE { "nothing is lost: the first one is kept" } else { loss(self.kind) }
            ),
        ]
    }
}

/// The data that is lost with a block.
const fn loss(kind: Option<BlockKind>) -> &'static str {
    match kind {
        None => "lost: unknown",
        Some(BlockKind::Meta) => {
            "lost: host and settings; totals too, unless the segment is the first of its recording"
        }
        Some(BlockKind::Clock) => {
            "lost: readings of the clocks; a suspend or a change of the time of day may go unnoticed"
        }
        Some(BlockKind::Dict) => {
            "lost: paths of cgroups, which show as numbers until their paths come again within a minute"
        }
        Some(BlockKind::Events) => {
            "lost: single stalls, OOM kills and changes of kswapd; the totals still count the stalls"
        }
        Some(BlockKind::Tick) => "lost: rows of intervals; the totals of the next tick, if there is one, include them",
        Some(BlockKind::Remark) => "lost: notes of triggers, changed settings or blocks of an experiment",
        Some(BlockKind::End) => "lost: ends of segments, which now look as if memtrace was killed",
        Some(BlockKind::Rows) => "lost: rows of processes and cgroups; later rows of the same ones include them",
        Some(BlockKind::Stacks) => "lost: stacks of stalls",
    }
}
