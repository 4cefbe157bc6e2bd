//! The running experiment: writes settings when they are due, marks the measured blocks, and restores the original
//! values.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use anyhow::Result;

use super::{
    files,
    plan::{Action, Block, Conductor, Phase, Plan, Schedule, Side, describe, journal::Journal},
    store::Store,
    undo::{self, Undone},
    write,
};
use crate::live::Controller;
use memtrace_core::session::tick::Tick;
use memtrace_report::condition::{Condition, Watch};
use memtrace_trace::{
    mark::BlockMark,
    model::{Remark, RemarkKind},
};

/// Reason why an experiment ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// All blocks were measured.
    Done,
    /// A condition of `--stop-if` was met, in words.
    Stopped(String),
    /// The experiment could not go on; the reason in words.
    Failed(String),
}

/// A running experiment. The original values are always restored: at its end, or when it is dropped.
#[derive(Debug)]
pub(super) struct Experiment {
    plan: Plan,
    conductor: Conductor,
    store: Store,
    journal: Journal,
    stop_if: Vec<Watch>,
    /// Thread that writes settings and returns the failures. It can take long: lowering a limit reclaims down to it.
    writer: Option<JoinHandle<Vec<String>>>,
    ending: Option<Ending>,
    hold: Arc<AtomicBool>,
    has_begun: bool,
    undone: Option<Result<Undone>>,
}

/// Outcome of an experiment.
#[derive(Debug)]
pub(super) struct Ended {
    /// Reason for the end; `None` when something else ended the tracing.
    pub(super) ending: Option<Ending>,
    /// Number of measured blocks, and number of all blocks.
    pub(super) blocks: (usize, usize),
    /// Result of restoring the settings; `None` when nothing was changed.
    pub(super) undone: Option<Result<Undone>>,
}

impl Experiment {
    /// Creates an experiment that has written nothing yet.
    pub(super) fn new(plan: Plan, schedule: Schedule, store: Store, journal: Journal, stop_if: &[Condition]) -> Self {
        Self {
            plan,
            conductor: Conductor::new(schedule),
            store,
            journal,
            stop_if: stop_if.iter().cloned().map(Watch::new).collect(),
            writer: None,
            ending: None,
            hold: Arc::new(AtomicBool::new(false)),
            has_begun: false,
            undone: None,
        }
    }

    /// Restores the settings and returns the outcome.
    pub(super) fn finish(mut self) -> Ended {
        self.restore();
        let blocks = (self.conductor.done(), self.conductor.blocks());
        // Nothing is left for `drop`.
        self.has_begun = false;
        Ended { ending: self.ending.take(), blocks, undone: self.undone.take() }
    }

    /// Starts to write the settings of a side. Saves the original values in the journal before the first write.
    fn change(&mut self, side: Side) {
        if !self.has_begun {
            // No signal may end the process from here on, until the settings are restored.
            self.hold.store(true, Ordering::Relaxed);
            if let Err(e) = self.store.keep(&self.journal) {
                self.ending = Some(Ending::Failed(format!("{e:#}")));
                return;
            }
            self.has_begun = true;
        }
        let changes = self.plan.changes(side);
        let writer = thread::Builder::new().name("settings".to_owned()).spawn(move || write::write_all(&changes));
        match writer {
            Ok(writer) => self.writer = Some(writer),
            Err(e) => self.ending = Some(Ending::Failed(format!("the settings cannot be written: {e}"))),
        }
    }

    /// True while a write is under way. Collects the result of a write that has finished.
    fn is_writing(&mut self, now_ns: u64) -> bool {
        if self.writer.as_ref().is_some_and(|writer| !writer.is_finished()) {
            return true;
        }
        if let Some(writer) = self.writer.take() {
            match writer.join() {
                Ok(failed) if failed.is_empty() => self.conductor.changed(now_ns),
                Ok(failed) => self.ending = Some(Ending::Failed(failed.join("; "))),
                Err(_) => self.ending = Some(Ending::Failed("the settings could not be written".to_owned())),
            }
        }
        false
    }

    /// Message about a setting that somebody else changed or removed during the block that ends. Such a block did not
    /// measure its side.
    fn foreign(&self, side: Side) -> Option<String> {
        self.plan.changes(side).into_iter().find_map(|(knob, value)| {
            let (name, now) = (knob.shown(), files::read(&knob).ok().and_then(|shown| shown.value));
            match now {
                Some(now) if now == value => None,
                Some(now) => Some(format!("another process set {name} to {} during the block", knob.kind.shown(&now))),
                None => Some(format!("{name} no longer exists")),
            }
        })
    }

    fn mark(&self, now_ns: u64, kind: RemarkKind, block: Block) -> Remark {
        let Block { side, pair } = block;
        let mark = BlockMark { side, pair, settings: self.plan.settings(side) };
        Remark { t_ns: now_ns, kind, text: mark.to_text() }
    }

    fn restore(&mut self) {
        if let Some(writer) = self.writer.take() {
            // The result does not matter: the settings are restored next.
            let _ = writer.join();
        }
        if self.has_begun && self.undone.is_none() {
            self.undone = Some(undo::undo(&self.store, &self.journal));
        }
        self.hold.store(false, Ordering::Relaxed);
    }
}

impl Controller for Experiment {
    fn advance(&mut self, now_ns: u64) -> Option<Remark> {
        loop {
            if self.is_writing(now_ns) || self.ending.is_some() {
                return None;
            }
            match self.conductor.advance(now_ns)? {
                Action::Change(side) => self.change(side),
                Action::Begin(block) => return Some(self.mark(now_ns, RemarkKind::BlockBegin, block)),
                Action::End(block) => match self.foreign(block.side) {
                    None => return Some(self.mark(now_ns, RemarkKind::BlockEnd, block)),
                    Some(foreign) => self.ending = Some(Ending::Failed(foreign)),
                },
                Action::Over => self.ending = Some(Ending::Done),
            }
        }
    }

    fn tick(&mut self, tick: &Tick) {
        for watch in &mut self.stop_if {
            if watch.advance(tick).is_some() && self.ending.is_none() && self.conductor.phase() != Phase::Over {
                self.ending = Some(Ending::Stopped(watch.condition().to_string()));
            }
        }
    }

    fn is_over(&self) -> bool {
        self.ending.is_some()
    }

    fn end(&mut self) {
        self.restore();
    }

    fn progress(&self, now_ns: u64) -> String {
        describe::progress(&self.conductor, now_ns)
    }

    fn on_interrupt(&self) -> &'static str {
        "restores the settings and compares what was measured so far"
    }

    fn hold(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.hold)
    }
}

impl Drop for Experiment {
    fn drop(&mut self) {
        let was_said = self.undone.is_some() || !self.has_begun;
        self.restore();
        // After a panic nothing else reports what was restored.
        if let (false, Some(Ok(undone))) = (was_said, &self.undone) {
            undone.say();
        }
    }
}
