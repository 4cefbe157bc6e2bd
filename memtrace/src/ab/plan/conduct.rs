//! The next step of an experiment, from the time alone.

use std::time::Duration;

use super::schedule::{Block, Schedule, Side};

/// A step that is due now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write the settings of this side, then call [`Conductor::changed`].
    Change(Side),
    /// The measured part of a block begins.
    Begin(Block),
    /// The measured part of a block ends.
    End(Block),
    /// All blocks are over.
    Over,
}

/// Phase of an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing was changed yet, or a block is over.
    Between,
    /// Settings are being written.
    Changing,
    /// The host settles after a change, until this time in ns.
    Settling(u64),
    /// A block is measured, until this time in ns.
    Measuring(u64),
    /// All blocks are over.
    Over,
}

/// Steps through the blocks of a schedule. All times are `CLOCK_MONOTONIC` in ns.
#[derive(Clone, Debug)]
pub struct Conductor {
    schedule: Schedule,
    at: usize,
    phase: Phase,
}

impl Conductor {
    /// Creates a conductor that stands before the first block.
    #[must_use]
    pub fn new(schedule: Schedule) -> Self {
        Self { schedule, at: 0, phase: Phase::Between }
    }

    /// Next step that is due at this time; `None` when there is none. Call it again after each step.
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

    /// Notes that the settings are written: the host settles from now on.
    pub fn changed(&mut self, now_ns: u64) {
        if self.phase == Phase::Changing {
            self.phase = Phase::Settling(now_ns.saturating_add(ns(self.schedule.settle)));
        }
    }

    /// Current phase.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Current block and its number, from 1; `None` after the last one.
    #[must_use]
    pub fn block(&self) -> Option<(usize, Block)> {
        self.schedule.blocks.get(self.at).map(|&block| (self.at + 1, block))
    }

    /// Number of blocks that were measured to their end.
    #[must_use]
    pub fn done(&self) -> usize {
        self.at
    }

    /// Number of all blocks.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.schedule.blocks.len()
    }

    /// Remaining duration, without the time that writes take.
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
        // A write takes 1 s, and the conductor is polled every 300 ms.
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
