//! The state of the screen, and its changes by items and by keys.

use std::sync::Arc;

use super::{
    columns::SortBy,
    filter::RowFilter,
    group::RowGroup,
    headline::{self, Headline},
    losses::Losses,
    playback::Playback,
    rows::{ScreenRow, rows},
};
use memtrace_core::{
    at_start::AtStart,
    clock::Clock,
    gfp::GfpNames,
    history::{Bounds, Frame, History},
    hook::HookRecord,
    limits::Limits,
    session::{item::Item, stacks::StackTable, tick::Tick},
    untrusted::Text,
};
use memtrace_report::{output::Start, text::things};

/// The bounds of a live history: ten minutes of intervals of 1 s.
const LIVE: Bounds = Bounds { intervals: 600, bytes: 16 << 20 };
/// The bounds of a recording that is played.
const PLAYED: Bounds = Bounds { intervals: usize::MAX, bytes: 512 << 20 };
/// Number of intervals for which a message is shown.
const SAID_FOR: u32 = 10;

/// Facts that do not change while the screen is shown.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Host name.
    pub host: Text,
    /// Kernel release.
    pub kernel: Text,
    /// Time at which the hooks were attached, `CLOCK_MONOTONIC` in ns.
    pub start_ns: u64,
    /// The hooks, attached or not.
    pub hooks: Vec<HookRecord>,
    /// Filter from the command line, in words; empty without a filter.
    pub filter: String,
    /// Names of allocation flags.
    pub gfp: GfpNames,
    /// Page size in bytes.
    pub page_bytes: u64,
}

impl About {
    /// The facts of a session or a recording before its first item.
    #[must_use]
    pub fn new(start: &Start<'_>) -> Self {
        Self {
            host: start.meta.host.clone(),
            kernel: start.meta.kernel.clone(),
            start_ns: start.start_ns,
            hooks: start.meta.hooks.to_vec(),
            filter: start.filter(),
            gfp: start.gfp.clone(),
            page_bytes: start.meta.page_size_bytes,
        }
    }
}

/// Means of drawing that may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Colours. Words or signs carry their meaning too.
    pub colour: bool,
    /// Characters outside ASCII.
    pub utf8: bool,
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

/// Receiver of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The page.
    #[default]
    Page,
    /// The help.
    Help,
    /// The details of a row.
    Details,
    /// A filter that is being typed, and the error in it.
    Typing(String, Option<String>),
    /// A time to go to that is being typed, and the error in it.
    GoingTo(String, Option<String>),
}

/// A request that the model cannot fulfil itself.
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
    /// Intervals of this length in ns from now on.
    Interval(u64),
    /// Begin a file, or end it.
    Record,
    /// Save the last ten minutes to a file.
    Save,
}

/// The state of the screen.
#[derive(Debug)]
pub struct Model {
    /// Facts that do not change.
    pub about: About,
    /// Means of drawing.
    pub look: Look,
    /// Clock that times are shown by.
    pub clock: Clock,
    /// State of the host at the start, and OOM kills before it.
    pub before: Option<Box<AtStart>>,
    /// The page.
    pub page: Page,
    /// Receiver of keys.
    pub mode: Mode,
    /// Grouping of the rows.
    pub group: RowGroup,
    /// Order of the rows, and true when it is reversed.
    pub order: (SortBy, bool),
    /// The filter on rows, as typed.
    pub filter_text: String,
    /// The row that is selected, from 0.
    pub selected: usize,
    /// True when the heat map has the page for itself.
    pub expanded: bool,
    /// The interval that is shown, by its end in ns; `None` for the latest.
    pub at_ns: Option<u64>,
    /// Length of the intervals in ns.
    pub interval_ns: u64,
    /// Losses since the start.
    pub losses: Losses,
    /// The latest message in words, and its age in intervals.
    pub said: Option<(String, u32)>,
    /// Limits of the cgroup whose details are shown, as last looked up.
    pub limits: Option<Limits>,
    /// State of the playback of a recording; `None` when live.
    pub playback: Option<Playback>,
    pub(super) filter: RowFilter,
    history: History,
    /// Names of stacks.
    pub(super) stacks: StackTable,
}

impl Model {
    /// The screen of a session or a recording before its first item.
    #[must_use]
    pub fn of(start: &Start<'_>, look: Look) -> Self {
        Self::new(About::new(start), look, start.clock.clone(), start.meta.interval_ns)
    }

    /// A screen without any item yet.
    #[must_use]
    pub fn new(about: About, look: Look, clock: Clock, interval_ns: u64) -> Self {
        Self {
            about,
            look,
            clock,
            before: None,
            page: Page::default(),
            mode: Mode::default(),
            group: RowGroup::default(),
            order: (SortBy::default(), false),
            filter_text: String::new(),
            selected: 0,
            expanded: false,
            at_ns: None,
            interval_ns,
            losses: Losses::default(),
            said: None,
            limits: None,
            playback: None,
            filter: RowFilter::default(),
            history: History::new(LIVE),
            stacks: StackTable::default(),
        }
    }

    /// Takes an item.
    pub fn push(&mut self, item: Item) {
        match item {
            Item::AtStart(before) => self.before = Some(before),
            Item::Oom(oom, paths) => self.history.add_oom(oom, paths),
            Item::Freed(freed) => self.history.add_freed(&freed),
            Item::Tick(tick, paths) => self.push_tick(*tick, paths),
            Item::Said(words) => self.said = Some((words, 0)),
            Item::Stall(..) | Item::Kswapd(_) | Item::Summary(..) => {}
        }
    }

    fn push_tick(&mut self, mut tick: Tick, paths: Vec<(u64, Arc<[u8]>)>) {
        self.said = self.said.take().map(|(words, age)| (words, age + 1)).filter(|(_, age)| *age < SAID_FOR);
        self.losses.add(&tick);
        if let Some(stacks) = &mut tick.stacks {
            self.stacks.learn(&std::mem::take(&mut stacks.named));
        }
        self.history.set_bounds(if self.playback.is_some() { PLAYED } else { LIVE });
        self.history.add_tick(tick, paths);
        if self.playback.is_some() && self.at_ns.is_none() {
            self.at_ns = self.history.first().map(|frame| frame.tick.t_ns);
        }
        // The shown interval is dropped like any other: then the oldest that is left is shown.
        if let (Some(at), Some(first)) = (self.at_ns, self.history.first()) {
            self.at_ns = Some(at.max(first.tick.t_ns));
        }
    }

    /// Number of rows of the shown interval that are not kept, in words; `None` when all are.
    #[must_use]
    pub fn thinned(&self) -> Option<String> {
        let folded = self.shown()?.tick.rows.as_ref()?.folded;
        (folded > 0).then(|| format!("{} more not kept", things(folded, "row")))
    }

    /// The interval that is shown.
    #[must_use]
    pub fn shown(&self) -> Option<&Frame> {
        self.history.until(self.at_ns.unwrap_or(u64::MAX)).next()
    }

    /// The intervals and OOM kills that are kept.
    #[must_use]
    pub const fn history(&self) -> &History {
        &self.history
    }

    /// The rows of an interval, filtered and sorted.
    #[must_use]
    pub fn rows_of(&self, frame: &Frame) -> Vec<ScreenRow> {
        rows(&frame.tick, &frame.ooms, self.history.paths(), self.group, &self.filter, self.order)
    }

    /// The rows of the interval that is shown.
    #[must_use]
    pub fn rows(&self) -> Vec<ScreenRow> {
        self.shown().map_or_else(Vec::new, |frame| self.rows_of(frame))
    }

    /// The row that is selected.
    #[must_use]
    pub fn selected_row(&self) -> Option<ScreenRow> {
        let rows = self.rows();
        let at = self.selected.min(rows.len().saturating_sub(1));
        rows.into_iter().nth(at)
    }

    /// The cgroup whose limits the details still need, by ID and path; `None` when they are known or of no use.
    #[must_use]
    pub fn limits_wanted(&self) -> Option<(u64, Arc<[u8]>)> {
        let id = if self.mode == Mode::Details { self.selected_row()?.cgroup_id? } else { return None };
        let is_known = self.limits.as_ref().is_some_and(|limits| limits.id == id);
        self.history.paths().get(&id).filter(|_| !is_known).map(|path| (id, Arc::clone(path)))
    }

    /// The headline of what is shown.
    #[must_use]
    pub fn headline(&self) -> Headline {
        self.shown().map_or_else(Headline::default, |frame| headline::of(self, frame))
    }
}
