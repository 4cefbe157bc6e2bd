//! What is next in an experiment, from the time alone.

use std::time::Duration;

use super::schedule::{Block, Schedule, Side};

/// Something that is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The settings of this side are to be written; [`Conductor::changed`] is told when they are.
    Change(Side),
    /// The measured part of a block begins.
    Begin(Block),
    /// It is over.
    End(Block),
    /// All blocks are over.
    Over,
}

/// What is going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing was changed yet, or a block is over.
    Between,
    /// Settings are being written.
    Changing,
    /// The host gets used to them, until then (ns).
    Settling(u64),
    /// It is measured, until then (ns).
    Measuring(u64),
    /// All is over.
    Over,
}

/// Goes through the blocks. All times are `CLOCK_MONOTONIC` in ns.
#[derive(Clone, Debug)]
pub struct Conductor {
    schedule: Schedule,
    at: usize,
    phase: Phase,
}

impl Conductor {
    /// Before the first block.
    #[must_use]
    pub fn new(schedule: Schedule) -> Self {
        Self { schedule, at: 0, phase: Phase::Between }
    }

    /// What is to be done at this time, one thing after the other until there is nothing.
    pub fn advance(&mut self, now_ns: u64) -> Option<Action> {
        let block = self.schedule.blocks.get(self.at).copied();
        match (self.phase, block) {
            (Phase::Between, Some(block)) => {
                self.phase = Phase::Changing;
                Some(Action::Change(block.side))
            }
            (Phase::Between, None) => {
                self.phase = Phase::Over;
                Some(Action::Over)
            }
            (Phase::Settling(until_ns), Some(block)) if now_ns >= until_ns => {
                self.phase = Phase::Measuring(now_ns.saturating_add(ns(self.schedule.block)));
                Some(Action::Begin(block))
            }
            (Phase::Measuring(until_ns), Some(block)) if now_ns >= until_ns => {
                self.phase = Phase::Between;
                self.at += 1;
                Some(Action::End(block))
            }
            _ => None,
        }
    }

    /// The settings are written.
    pub fn changed(&mut self, now_ns: u64) {
        if self.phase == Phase::Changing {
            self.phase = Phase::Settling(now_ns.saturating_add(ns(self.schedule.settle)));
        }
    }

    /// What is going on.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The block that is under way, and its number from 1.
    #[must_use]
    pub fn block(&self) -> Option<(usize, Block)> {
        self.schedule.blocks.get(self.at).map(|&block| (self.at + 1, block))
    }

    /// Blocks that were measured to their end.
    #[must_use]
    pub fn done(&self) -> usize {
        self.at
    }

    /// Blocks in all.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.schedule.blocks.len()
    }

    /// How long it still takes.
    #[must_use]
    pub fn left(&self, now_ns: u64) -> Duration {
        let (settle, block) = (self.schedule.settle, self.schedule.block);
        let until = |until_ns: u64| Duration::from_nanos(until_ns.saturating_sub(now_ns));
        let later = |blocks: usize| (settle + block) * u32::try_from(blocks).unwrap_or(u32::MAX);
        let blocks = self.schedule.blocks.len() - self.at;
        match self.phase {
            Phase::Between | Phase::Changing => later(blocks),
            Phase::Settling(end_ns) => until(end_ns) + block + later(blocks - 1),
            Phase::Measuring(end_ns) => until(end_ns) + later(blocks - 1),
            Phase::Over => Duration::ZERO,
        }
    }
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Action, Conductor, Phase, Schedule};

    const S: u64 = 1_000_000_000;

    #[test]
    fn it_goes_through_all_blocks() {
        let schedule = Schedule::draw(12, Duration::from_secs(10), Duration::from_secs(2), 3).unwrap();
        let mut conductor = Conductor::new(schedule.clone());
        assert_eq!(conductor.left(0), Duration::from_secs(144));
        let (mut now, mut measured) = (0, Vec::new());
        let mut begun = None;
        // Writes take a second, and nobody looks more often than every 300 ms.
        while conductor.phase() != Phase::Over {
            while let Some(action) = conductor.advance(now) {
                match action {
                    Action::Change(side) => {
                        assert_eq!(side, conductor.block().unwrap().1.side);
                        now += S;
                        conductor.changed(now);
                        assert_eq!(conductor.phase(), Phase::Settling(now + 2 * S));
                    }
                    Action::Begin(block) => begun = Some((block, now)),
                    Action::End(block) => {
                        let (of, from) = begun.take().unwrap();
                        assert_eq!(of, block);
                        assert!((10 * S..=10 * S + 300_000_000).contains(&(now - from)), "{}", now - from);
                        measured.push(block);
                    }
                    Action::Over => {}
                }
            }
            now += 300_000_000;
        }
        assert_eq!(measured, schedule.blocks);
        assert_eq!((conductor.done(), conductor.left(now), conductor.advance(now)), (12, Duration::ZERO, None));
    }
}
