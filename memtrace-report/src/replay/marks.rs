//! Places at which a trace may be cut: the blocks of an experiment, and changes of a setting.

use std::{collections::BTreeMap, sync::Arc};

use super::watch::Watch;
use memtrace_core::{event::Event, host_facts::change::Change, session::tick::Tick};
use memtrace_trace::{
    mark::BlockMark,
    model::{Remark, RemarkKind, TickRecord},
};

/// Changes closer together than this are one act of tuning, in ns.
const ONE_ACT_NS: u64 = 60_000_000_000;

/// A block of an experiment that was measured to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Side, pair and settings.
    pub mark: BlockMark,
    /// The tick that it begins with, `CLOCK_MONOTONIC` in ns.
    pub since_ns: u64,
    /// The tick that it ends with.
    pub until_ns: u64,
}

/// Settings that were changed together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// Changes, in order.
    pub changes: Vec<Change>,
    /// The last tick before the first of them, `CLOCK_MONOTONIC` in ns.
    pub before_ns: u64,
    /// The tick at which the last was noticed.
    pub after_ns: u64,
}

/// Collects the places at which a trace may be cut, while it is replayed.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    blocks: Vec<Block>,
    acts: Vec<Act>,
    open: Option<(u64, BlockMark)>,
    /// The last tick, and the one before it.
    ticks_ns: [u64; 2],
}

impl Marks {
    /// Marks of a recording whose first tick follows this moment.
    #[must_use]
    pub fn new(start_ns: u64) -> Self {
        Self { ticks_ns: [start_ns; 2], ..Self::default() }
    }

    /// Pairs of blocks of which both were measured to their end, A first.
    #[must_use]
    pub fn pairs(&self) -> Vec<[&Block; 2]> {
        let mut pairs: BTreeMap<u32, [Option<&Block>; 2]> = BTreeMap::new();
        for block in &self.blocks {
            pairs.entry(block.mark.pair).or_default()[block.mark.side as usize] = Some(block);
        }
        pairs.into_values().filter_map(|[a, b]| Some([a?, b?])).collect()
    }

    /// True when an experiment was recorded.
    #[must_use]
    pub fn has_blocks(&self) -> bool {
        !self.blocks.is_empty() || self.open.is_some()
    }

    /// Changes of settings, except those by an experiment.
    #[must_use]
    pub fn acts(&self) -> &[Act] {
        &self.acts
    }
}

impl Watch for Marks {
    fn begin(&mut self, base: &TickRecord) {
        self.ticks_ns = [base.input.t_ns; 2];
    }

    fn event(&mut self, _: &Event, _: bool, _: &BTreeMap<u64, Arc<[u8]>>) {}

    fn tick(&mut self, _: Tick, record: &TickRecord, _: &BTreeMap<u64, Arc<[u8]>>) {
        self.ticks_ns = [self.ticks_ns[1], record.input.t_ns];
    }

    fn remark(&mut self, remark: &Remark) {
        match remark.kind {
            RemarkKind::BlockBegin => self.open = BlockMark::of_text(&remark.text).map(|mark| (remark.t_ns, mark)),
            RemarkKind::BlockEnd => {
                let ended = BlockMark::of_text(&remark.text);
                if let Some((since_ns, mark)) = self.open.take_if(|(_, mark)| Some(&*mark) == ended.as_ref()) {
                    self.blocks.push(Block { mark, since_ns, until_ns: remark.t_ns });
                }
            }
            RemarkKind::Changed => {
                let Some(change) = Change::of_text(&remark.text) else { return };
                match self.acts.last_mut() {
                    Some(act) if remark.t_ns.saturating_sub(act.after_ns) <= ONE_ACT_NS => {
                        act.after_ns = remark.t_ns;
                        act.changes.push(change);
                    }
                    _ => {
                        let before_ns = self.ticks_ns[0];
                        self.acts.push(Act { changes: vec![change], before_ns, after_ns: remark.t_ns });
                    }
                }
            }
            RemarkKind::Trigger | RemarkKind::EventsStopped | RemarkKind::Cgroups | RemarkKind::Unknown => {}
        }
    }

    fn missing(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::{BlockMark, Change, Marks, Remark, RemarkKind, Watch as _};
    use memtrace_core::untrusted::Text;
    use memtrace_trace::mark::Side;

    const S: u64 = 1_000_000_000;

    fn marks(remarks: &[(u64, RemarkKind, Text)]) -> Marks {
        let mut marks = Marks::new(0);
        for (t_s, kind, text) in remarks {
            marks.ticks_ns = [t_s.saturating_sub(1) * S, t_s * S];
            marks.remark(&Remark { t_ns: t_s * S, kind: *kind, text: text.clone() });
        }
        marks
    }

    fn block(side: Side, pair: u32) -> Text {
        BlockMark { side, pair, settings: Vec::new() }.to_text()
    }

    #[test]
    fn a_pair_has_two_whole_blocks() {
        let (begin, end) = (RemarkKind::BlockBegin, RemarkKind::BlockEnd);
        let marks = marks(&[
            (5, begin, block(Side::B, 1)),
            (9, end, block(Side::B, 1)),
            (12, begin, block(Side::A, 1)),
            (16, end, block(Side::A, 1)),
            (20, begin, block(Side::A, 2)),
            (24, end, block(Side::A, 2)),
            (30, end, block(Side::B, 2)),
            (31, begin, block(Side::B, 2)),
        ]);
        let pairs = marks.pairs();
        assert_eq!(pairs.len(), 1);
        assert_eq!(pairs[0].map(|block| (block.since_ns / S, block.until_ns / S)), [(12, 16), (5, 9)]);
        assert!(marks.has_blocks());
    }

    #[test]
    fn changes_of_one_minute_are_one_act() {
        let change =
            |name: &str| Change { name: name.into(), before: Some("1".into()), after: Some("2".into()) }.to_text();
        let changed = |t_s, name| (t_s, RemarkKind::Changed, change(name));
        let marks = marks(&[changed(100, "vm.a"), changed(150, "vm.b"), changed(400, "vm.a")]);
        let acts: Vec<_> =
            marks.acts().iter().map(|act| (act.changes.len(), act.before_ns / S, act.after_ns / S)).collect();
        assert_eq!(acts, [(2, 99, 150), (1, 399, 400)]);
        assert!(!marks.has_blocks() && marks.pairs().is_empty());
    }
}
