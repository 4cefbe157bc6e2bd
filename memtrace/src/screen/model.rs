//! What the screen shows and how it changes: by what happens, and by keys.

use std::{collections::VecDeque, sync::Arc};

use super::{
    filter::RowFilter,
    group::Group,
    headline::{Headline, verdict},
    playback::Playback,
    rows::{Paths, Row, rows},
    sort::SortBy,
};
use memtrace_core::{
    at_start::AtStart,
    clock::Clock,
    event::{FileId, Oom},
    gfp::GfpNames,
    hook::HookRecord,
    limits::Limits,
    session::{
        evictors::{ByMemory, EvictorSum, EvictorSummary, Pair},
        item::{Item, KillPaths},
        stacks::{StackKey, StackSum, StackTable},
        tick::RecentRow,
        tick::Tick,
    },
    untrusted::Text,
};
use memtrace_report::text::things;

/// Intervals that are kept: ten minutes of seconds.
const FRAMES: usize = 600;
/// Bytes that they may take, and those of a recording that is played.
const BYTES: usize = 16 << 20;
const BYTES_PLAYED: usize = 512 << 20;
/// Rows of each table that are kept of old intervals, when there is no room for all.
const KEPT_ROWS: usize = 8;
/// OOM kills that are kept.
const OOMS: usize = 256;
/// Intervals for which words are shown.
const SAID_FOR: u32 = 10;
/// Paths that are kept.
const PATHS: usize = 16_384;

/// What does not change while it is shown.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Host name.
    pub host: Text,
    /// Kernel release.
    pub kernel: Text,
    /// When the hooks were attached, `CLOCK_MONOTONIC` in ns.
    pub start_ns: u64,
    /// The hooks, attached or not.
    pub hooks: Vec<HookRecord>,
    /// What was filtered for at the start, in words; empty without a filter.
    pub filter: String,
    /// Names of allocation flags.
    pub gfp: GfpNames,
    /// Page size in bytes.
    pub page_bytes: u64,
}

/// How it may be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// With colours. What they say is also said in words or signs.
    pub colour: bool,
    /// With more than ASCII.
    pub utf8: bool,
}

/// An interval and the OOM kills in it.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The interval.
    pub tick: Tick,
    /// Kills that were told since the interval before, with the paths of their cgroups.
    pub ooms: Vec<(Oom, KillPaths)>,
}

impl Frame {
    /// About how many bytes it takes.
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

/// A page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Page {
    /// Everything in short.
    #[default]
    Overview,
    /// The table alone.
    Tasks,
    /// Nodes, zones, kswapd.
    Nodes,
    /// OOM kills.
    Ooms,
    /// Hooks, loss, coverage.
    Hooks,
}

/// What keys go to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The page.
    #[default]
    Page,
    /// The help.
    Help,
    /// The details of a row.
    Details,
    /// A filter that is being typed, and what is wrong with it.
    Typing(String, Option<String>),
    /// A time to go to that is being typed, and what is wrong with it.
    GoingTo(String, Option<String>),
}

/// What the model cannot do itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// End.
    Quit,
    /// Suspend.
    Suspend,
    /// Draw everything again.
    Redraw,
    /// Intervals of so many ns from now on.
    Interval(u64),
    /// Begin a file, or end it.
    Record,
    /// Save what is kept.
    Save,
}

/// The state of the screen.
#[derive(Debug)]
pub struct Model {
    /// What does not change.
    pub about: About,
    /// How to draw.
    pub look: Look,
    /// Times.
    pub clock: Clock,
    /// What was going on before the start.
    pub before: Option<Box<AtStart>>,
    /// The page.
    pub page: Page,
    /// What keys go to.
    pub mode: Mode,
    /// What rows are about.
    pub group: Group,
    /// What they are sorted by, and whether the other way round.
    pub order: (SortBy, bool),
    /// The filter on rows, as typed.
    pub filter_text: String,
    /// The row that is selected, from 0.
    pub selected: usize,
    /// Whether the heat map has the page for itself.
    pub expanded: bool,
    /// The interval that is shown, by its end in ns; `None` for the latest.
    pub at_ns: Option<u64>,
    /// Length of the intervals in ns.
    pub interval_ns: u64,
    /// All that was lost since the start.
    pub lost: u64,
    /// What became of what was asked for, and how many intervals ago.
    pub said: Option<(String, u32)>,
    /// Limits of the cgroup whose details are shown, when they were last looked up.
    pub limits: Option<Limits>,
    /// How a recording is played; `None` when it is live.
    pub playback: Option<Playback>,
    pub(super) filter: RowFilter,
    frames: VecDeque<Frame>,
    bytes: usize,
    /// How many of the oldest intervals were thinned.
    thinned: usize,
    ooms: VecDeque<(Oom, KillPaths)>,
    pending: Vec<(Oom, KillPaths)>,
    paths: Paths,
    /// Names of stacks.
    pub(super) stacks: StackTable,
}

impl Model {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(about: About, look: Look, clock: Clock, interval_ns: u64) -> Self {
        Self {
            about,
            look,
            clock,
            before: None,
            page: Page::default(),
            mode: Mode::default(),
            group: Group::default(),
            order: (SortBy::default(), false),
            filter_text: String::new(),
            selected: 0,
            expanded: false,
            at_ns: None,
            interval_ns,
            lost: 0,
            said: None,
            limits: None,
            playback: None,
            filter: RowFilter::default(),
            frames: VecDeque::new(),
            bytes: 0,
            thinned: 0,
            ooms: VecDeque::new(),
            pending: Vec::new(),
            paths: Paths::new(),
            stacks: StackTable::default(),
        }
    }

    /// Takes what happened.
    pub fn push(&mut self, item: Item) {
        match item {
            Item::Before(before) => self.before = Some(before),
            Item::Oom(oom, paths) => {
                if self.ooms.len() == OOMS {
                    self.ooms.pop_front();
                }
                self.ooms.push_back((oom, paths.clone()));
                if self.pending.len() < OOMS {
                    self.pending.push((oom, paths));
                }
            }
            Item::Freed(freed) => {
                // Looked at from an earlier time it is not back yet, but what came of a kill is what one wants to know.
                if let Some((oom, _)) = self.ooms.iter_mut().rev().find(|(oom, _)| freed.is_of(oom)) {
                    oom.memory_back = Some(freed.memory_back());
                }
            }
            Item::Tick(tick, paths) => self.push_tick(*tick, paths),
            Item::Said(words) => self.said = Some((words, 0)),
            Item::Stall(..) | Item::Kswapd(_) | Item::Summary(..) => {}
        }
    }

    fn push_tick(&mut self, mut tick: Tick, paths: Vec<(u64, Arc<[u8]>)>) {
        if self.paths.len() + paths.len() > PATHS {
            self.paths.clear();
        }
        self.paths.extend(paths);
        self.said = self.said.take().map(|(words, age)| (words, age + 1)).filter(|(_, age)| *age < SAID_FOR);
        self.lost = self.lost.saturating_add(tick.loss.total());
        if let Some(stacks) = &mut tick.stacks {
            self.stacks.learn(&std::mem::take(&mut stacks.named));
        }
        let frame = Frame { tick, ooms: std::mem::take(&mut self.pending) };
        self.bytes += frame.bytes();
        self.frames.push_back(frame);
        let (frames, bytes) = if self.playback.is_some() { (usize::MAX, BYTES_PLAYED) } else { (FRAMES, BYTES) };
        self.make_room(frames, bytes);
        if self.playback.is_some() && self.at_ns.is_none() {
            self.at_ns = self.frames.front().map(|frame| frame.tick.t_ns);
        }
        // What is looked at goes like the rest: then the oldest that is left is shown.
        if let (Some(at), Some(first)) = (self.at_ns, self.frames.front()) {
            self.at_ns = Some(at.max(first.tick.t_ns));
        }
    }

    /// Keeps so many intervals and bytes: rows of the oldest intervals go first, then the intervals.
    fn make_room(&mut self, frames: usize, bytes: usize) {
        while self.bytes > bytes && self.thinned + 1 < self.frames.len() {
            let frame = &mut self.frames[self.thinned];
            let before = frame.bytes();
            frame.tick.rows.iter_mut().for_each(|rows| rows.thin(KEPT_ROWS));
            self.bytes = self.bytes.saturating_sub(before - frame.bytes());
            self.thinned += 1;
        }
        while self.frames.len() > frames || (self.bytes > bytes && self.frames.len() > 1) {
            if let Some(old) = self.frames.pop_front() {
                self.bytes = self.bytes.saturating_sub(old.bytes());
                self.thinned = self.thinned.saturating_sub(1);
            }
        }
    }

    /// What is no longer there of the interval that is shown, or of those before it, in words; `None` when all is.
    #[must_use]
    pub fn thinned(&self) -> Option<String> {
        let folded = self.shown()?.tick.rows.as_ref()?.folded;
        (folded > 0).then(|| format!("{} more not kept", things(folded, "row")))
    }

    /// The interval that is shown.
    #[must_use]
    pub fn shown(&self) -> Option<&Frame> {
        self.frames_until(self.at_ns.unwrap_or(u64::MAX)).next()
    }

    /// The latest interval.
    #[must_use]
    pub fn latest(&self) -> Option<&Frame> {
        self.frames.back()
    }

    /// All intervals that are kept, the oldest first.
    pub fn frames(&self) -> impl DoubleEndedIterator<Item = &Frame> {
        self.frames.iter()
    }

    /// Intervals that ended by `t_ns`, the latest first.
    pub fn frames_until(&self, t_ns: u64) -> impl Iterator<Item = &Frame> {
        let end = self.frames.partition_point(|frame| frame.tick.t_ns <= t_ns);
        self.frames.range(..end).rev()
    }

    /// OOM kills until `t_ns`, the latest first.
    pub fn ooms_until(&self, t_ns: u64) -> impl Iterator<Item = &(Oom, KillPaths)> {
        self.ooms.iter().rev().filter(move |(oom, _)| oom.t_ns <= t_ns)
    }

    /// The rows of an interval, filtered and sorted.
    #[must_use]
    pub fn rows_of(&self, frame: &Frame) -> Vec<Row> {
        rows(&frame.tick, &frame.ooms, &self.paths, self.group, &self.filter, self.order)
    }

    /// The rows of the interval that is shown.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        self.shown().map_or_else(Vec::new, |frame| self.rows_of(frame))
    }

    /// The row that is selected.
    #[must_use]
    pub fn selected_row(&self) -> Option<Row> {
        let rows = self.rows();
        let at = self.selected.min(rows.len().saturating_sub(1));
        rows.into_iter().nth(at)
    }

    /// The cgroup whose limits are to be looked up for the details, by id and path; `None` when they are known or of no use.
    #[must_use]
    pub fn limits_wanted(&self) -> Option<(u64, Arc<[u8]>)> {
        let id = if self.mode == Mode::Details { self.selected_row()?.cgroup_id? } else { return None };
        let is_known = self.limits.as_ref().is_some_and(|limits| limits.id == id);
        self.paths.get(&id).filter(|_| !is_known).map(|path| (id, Arc::clone(path)))
    }

    /// The verdict on what is shown.
    #[must_use]
    pub fn verdict(&self) -> Headline {
        self.shown().map_or_else(Headline::default, |frame| verdict(self, frame))
    }
}
