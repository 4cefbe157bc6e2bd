//! Intervals and OOM kills of the last minutes, bounded in number and in bytes: for the screen and all other code that
//! looks back.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use crate::{
    event::{FileId, Freed, Oom},
    session::{
        evictors::{ByMemory, EvictorSum, EvictorSummary, Pair},
        item::KillPaths,
        stacks::{StackKey, StackSum},
        tick::{RecentRow, Tick},
    },
};

/// Rows of each table that old intervals keep when there is no room for all.
const KEPT_ROWS: usize = 8;
/// OOM kills that are kept.
const OOMS: usize = 256;
/// Paths of cgroups that are kept.
const PATHS: usize = 16_384;

/// Paths of cgroups by id.
pub type Paths = BTreeMap<u64, Arc<[u8]>>;

/// Limits of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Most intervals.
    pub intervals: usize,
    /// Most bytes, roughly, of all intervals.
    pub bytes: usize,
}

/// An interval and the OOM kills in it.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The interval.
    pub tick: Tick,
    /// Kills since the interval before, with the paths of their cgroups.
    pub ooms: Vec<(Oom, KillPaths)>,
}

impl Frame {
    /// Size in bytes, roughly.
    fn bytes(&self) -> usize {
        let rows = self.tick.rows.as_ref().map_or(0, |rows| rows.tables().iter().map(|rows| rows.len()).sum());
        let stacks =
            self.tick.stacks.as_ref().map_or(0, |stacks| stacks.stalls.len() * size_of::<(StackKey, StackSum)>());
        let of_evictors = |evictors: &EvictorSummary| {
            evictors.pairs.len() * size_of::<(Pair, EvictorSum)>()
                + evictors.files.len() * size_of::<(FileId, EvictorSum)>()
        };
        2048 + stacks
            + self.tick.evictors.iter().flat_map(ByMemory::iter).map(of_evictors).sum::<usize>()
            + rows * (size_of::<RecentRow>() + 32)
            + self.tick.zones.len() * 96
            + self.tick.coverage.rows.len() * 128
    }
}

/// The intervals that are kept, and the OOM kills.
#[derive(Debug)]
pub struct History {
    bounds: Bounds,
    frames: VecDeque<Frame>,
    bytes: usize,
    /// Number of intervals, from the oldest, that have lost rows.
    thinned: usize,
    ooms: VecDeque<(Oom, KillPaths)>,
    /// Kills since the last interval.
    pending: Vec<(Oom, KillPaths)>,
    paths: Paths,
}

impl History {
    /// An empty history with these bounds.
    #[must_use]
    pub const fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            frames: VecDeque::new(),
            bytes: 0,
            thinned: 0,
            ooms: VecDeque::new(),
            pending: Vec::new(),
            paths: Paths::new(),
        }
    }

    /// Replaces the bounds, from the next interval on.
    pub fn set_bounds(&mut self, bounds: Bounds) {
        self.bounds = bounds;
    }

    /// Adds an OOM kill, with the paths of its cgroups. It belongs to the interval that ends next.
    pub fn add_oom(&mut self, oom: Oom, paths: KillPaths) {
        if self.ooms.len() == OOMS {
            self.ooms.pop_front();
        }
        self.ooms.push_back((oom, paths.clone()));
        if self.pending.len() < OOMS {
            self.pending.push((oom, paths));
        }
    }

    /// Records in the list of kills that the memory of an OOM victim was freed, so that it shows at any point of the
    /// history. The kills of a frame stay as they were in its interval.
    pub fn add_freed(&mut self, freed: &Freed) {
        if let Some((oom, _)) = self.ooms.iter_mut().rev().find(|(oom, _)| freed.is_of(oom)) {
            oom.memory_back = Some(freed.memory_back());
        }
    }

    /// Adds an interval, with the paths of the cgroups in its rows. Data beyond the bounds is dropped: first rows of
    /// the oldest intervals, then whole intervals.
    pub fn add_tick(&mut self, tick: Tick, paths: Vec<(u64, Arc<[u8]>)>) {
        if self.paths.len() + paths.len() > PATHS {
            self.paths.clear();
        }
        self.paths.extend(paths);
        let frame = Frame { tick, ooms: std::mem::take(&mut self.pending) };
        self.bytes += frame.bytes();
        self.frames.push_back(frame);
        self.make_room();
    }

    fn make_room(&mut self) {
        let Bounds { intervals, bytes } = self.bounds;
        while self.bytes > bytes && self.thinned + 1 < self.frames.len() {
            let frame = &mut self.frames[self.thinned];
            let before = frame.bytes();
            frame.tick.rows.iter_mut().for_each(|rows| rows.thin(KEPT_ROWS));
            self.bytes = self.bytes.saturating_sub(before - frame.bytes());
            self.thinned += 1;
        }
        while self.frames.len() > intervals || (self.bytes > bytes && self.frames.len() > 1) {
            if let Some(old) = self.frames.pop_front() {
                self.bytes = self.bytes.saturating_sub(old.bytes());
                self.thinned = self.thinned.saturating_sub(1);
            }
        }
    }

    /// The oldest interval.
    #[must_use]
    pub fn first(&self) -> Option<&Frame> {
        self.frames.front()
    }

    /// The latest interval.
    #[must_use]
    pub fn latest(&self) -> Option<&Frame> {
        self.frames.back()
    }

    /// All intervals, the oldest first.
    pub fn frames(&self) -> impl DoubleEndedIterator<Item = &Frame> {
        self.frames.iter()
    }

    /// Intervals that ended by `t_ns`, the latest first.
    pub fn until(&self, t_ns: u64) -> impl Iterator<Item = &Frame> {
        let end = self.frames.partition_point(|frame| frame.tick.t_ns <= t_ns);
        self.frames.range(..end).rev()
    }

    /// Intervals that ended in the `length_ns` up to `t_ns`, the latest first.
    pub fn window(&self, t_ns: u64, length_ns: u64) -> impl Iterator<Item = &Frame> {
        self.until(t_ns).take_while(move |frame| frame.tick.t_ns.saturating_add(length_ns) > t_ns)
    }

    /// OOM kills up to `t_ns`, the latest first.
    pub fn ooms_until(&self, t_ns: u64) -> impl Iterator<Item = &(Oom, KillPaths)> {
        self.ooms.iter().rev().filter(move |(oom, _)| oom.t_ns <= t_ns)
    }

    /// Paths of the cgroups in the rows.
    #[must_use]
    pub const fn paths(&self) -> &Paths {
        &self.paths
    }
}

#[cfg(test)]
mod tests {
    use super::{Bounds, Frame, History};
    use crate::session::{
        Session, SessionConfig,
        input::{HostSample, KernelTotals},
        tick::{RecentRow, RecentRows, Tick, Who},
    };

    const S: u64 = 1_000_000_000;

    /// An interval that ended at this second, with this number of rows of processes.
    fn tick(second: u64, rows: u32) -> Tick {
        let mut session = Session::new(SessionConfig { start_ns: (second - 1) * S, ..SessionConfig::default() });
        let mut tick = session.close_interval(second * S, &KernelTotals::default(), &HostSample::default());
        let row = |pid| RecentRow::new(Who::Process(pid, None));
        tick.rows = Some(RecentRows { processes: (0..rows).map(row).collect(), ..RecentRows::default() });
        tick
    }

    fn seconds<'a>(frames: impl Iterator<Item = &'a Frame>) -> Vec<u64> {
        frames.map(|frame| frame.tick.t_ns / S).collect()
    }

    fn rows(frame: &Frame) -> (usize, u64) {
        frame.tick.rows.as_ref().map_or((0, 0), |rows| (rows.processes.len(), rows.folded))
    }

    #[test]
    fn the_oldest_intervals_go_when_there_are_more_than_the_bound() {
        let mut history = History::new(Bounds { intervals: 3, bytes: 16 << 20 });
        (1..=5).for_each(|second| history.add_tick(tick(second, 1), Vec::new()));
        assert_eq!(seconds(history.frames()), [3, 4, 5]);
        assert_eq!(seconds(history.first().into_iter().chain(history.latest())), [3, 5]);
    }

    #[test]
    fn rows_of_old_intervals_go_before_intervals_do() {
        let one = Frame { tick: tick(1, 100), ooms: Vec::new() }.bytes();
        let mut history = History::new(Bounds { intervals: 100, bytes: 4 * one });
        (1..=5).for_each(|second| history.add_tick(tick(second, 100), Vec::new()));
        assert_eq!(seconds(history.frames()), [1, 2, 3, 4, 5], "no interval is lost");
        let kept: Vec<_> = history.frames().map(rows).collect();
        assert_eq!((kept[0], kept[4]), ((8, 92), (100, 0)), "the oldest has lost rows, and says how many");
        (6..=60).for_each(|second| history.add_tick(tick(second, 100), Vec::new()));
        assert!(history.bytes <= 4 * one && history.frames().count() > 4, "{} bytes", history.bytes);
        assert_eq!(rows(history.latest().unwrap()), (100, 0));
    }

    #[test]
    fn a_window_has_the_intervals_that_ended_in_it() {
        let mut history = History::new(Bounds { intervals: 100, bytes: 16 << 20 });
        (1..=9).for_each(|second| history.add_tick(tick(second, 0), Vec::new()));
        assert_eq!(seconds(history.window(8 * S, 3 * S)), [8, 7, 6]);
        assert_eq!(seconds(history.window(8 * S, 100 * S)).len(), 8);
        assert_eq!(seconds(history.until(2 * S)), [2, 1]);
        assert_eq!(seconds(history.window(S / 2, S)), [0; 0]);
    }
}
