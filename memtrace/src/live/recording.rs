//! The recording beside the view: it feeds the writer, and prints messages about the progress and the end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use signal_hook::{consts::SIGUSR1, flag};

use super::{ingest::Ingest, job::Show};
use crate::{
    host::memory_counters::MemoryCounters,
    messages,
    record::{
        Ask, Prepared, Recorder,
        flight::triggers::Triggers,
        meta::Begun,
        plan::{Destination, RecordPlan},
    },
};
use memtrace_core::{
    session::{
        input::{OpenStall, TickInput},
        loss::Loss,
        summary::Summary,
        tick::Tick,
    },
    untrusted::shown_path,
};
use memtrace_report::text::{bytes, duration, loss_in_short, things};
use memtrace_trace::model::{End, EndReason, Remark, TickRecord};

/// Longest time between two flushes to the writer, in ns, so that a kill costs a second at most.
const FLUSH_NS: u64 = 500_000_000;
/// Longest time that a slow disk may delay the end.
const PATIENCE: Duration = Duration::from_secs(5);

/// A recording under way.
#[derive(Debug)]
pub(super) struct Recording {
    recorder: Recorder,
    triggers: Option<Triggers>,
    signalled: Arc<AtomicBool>,
    place: Destination,
    flushed_ns: u64,
    /// Stalls that are not over, as of the last tick.
    open: Vec<OpenStall>,
    /// True if progress is shown; the fields below are its values.
    shows: bool,
    stalls: u64,
    oom_kills: u64,
    start_ns: u64,
}

impl Recording {
    /// Starts the writer.
    pub(super) fn start(
        prepared: Prepared,
        begun: Begun<'_>,
        counters: &MemoryCounters,
        plan: &RecordPlan,
        show: Show,
        on_interrupt: &str,
    ) -> Result<Self> {
        let signalled = Arc::new(AtomicBool::new(false));
        let triggers = matches!(plan.place, Destination::Flight { .. }).then(|| Triggers::new(&plan.conditions));
        if triggers.is_some() {
            flag::register(SIGUSR1, Arc::clone(&signalled)).context("installing the handler of SIGUSR1")?;
        }
        let start_ns = begun.setup.start_ns;
        let meta = begun.meta(counters);
        let recorder = Recorder::start(prepared, meta)?;
        let place = plan.place.clone();
        if show == Show::Progress {
            say!("recording to {}; Ctrl-C {on_interrupt}", named(&place));
        }
        Ok(Self {
            recorder,
            triggers,
            signalled,
            place,
            flushed_ns: start_ns,
            open: Vec::new(),
            shows: show == Show::Progress && messages::on_terminal(),
            stalls: 0,
            oom_kills: 0,
            start_ns,
        })
    }

    /// Flushes entries to the writer when it is time.
    pub(super) fn advance(&mut self, now_ns: u64, ingest: &mut Ingest) {
        if now_ns.saturating_sub(self.flushed_ns) >= FLUSH_NS
            && let Some(feed) = &mut ingest.feed
        {
            feed.flush();
            self.flushed_ns = now_ns;
        }
    }

    /// True once the pipe of the trace has no reader.
    pub(super) fn is_closed(&self) -> bool {
        self.recorder.progress.closed.load(Ordering::Relaxed)
    }

    /// Reports to the session how many events are not in the trace.
    pub(super) fn count_loss(&self, ingest: &mut Ingest) {
        let unwritten = self.recorder.progress.unwritten.load(Ordering::Relaxed);
        let lost = ingest.feed.as_ref().map_or(0, |feed| feed.lost()) + unwritten;
        ingest.session.set_loss(Loss::Writer, lost);
    }

    /// Hands over the end of an interval, with the counters of its sample.
    pub(super) fn tick(
        &mut self,
        tick: &Tick,
        input: TickInput,
        counters: &MemoryCounters,
        ingest: &mut Ingest,
        progress: Option<&str>,
    ) {
        let trigger = self
            .triggers
            .as_mut()
            .and_then(|triggers| triggers.advance(tick, self.signalled.swap(false, Ordering::Relaxed)));
        let (vmstat, meminfo_bytes) = counters.values();
        self.open.clone_from(&input.totals.open);
        let (unrecorded_processes, unrecorded_cgroups) = (Vec::new(), Vec::new());
        if let Some(feed) = &mut ingest.feed {
            feed.tick(TickRecord { input, vmstat, meminfo_bytes, unrecorded_processes, unrecorded_cgroups });
            if let Some(trigger) = trigger
                && !feed.trigger(trigger)
            {
                say!("an incident was not saved: the disk is too slow");
            }
        }
        self.flushed_ns = tick.t_ns;
        self.stalls += tick.all.count;
        self.oom_kills += tick.oom_kills;
        if self.shows {
            self.show(tick, ingest, progress);
        }
    }

    /// Updates the line of progress.
    fn show(&self, tick: &Tick, ingest: &Ingest, progress: Option<&str>) {
        let loss = ingest.session.loss();
        let lost = loss_in_short(loss.total(), loss.that_matters());
        let progress = progress.map_or_else(String::new, |progress| format!("{progress}; "));
        let elapsed = duration(tick.t_ns.saturating_sub(self.start_ns) / 1_000_000_000 * 1_000_000_000);
        let size = bytes(self.recorder.progress.bytes.load(Ordering::Relaxed));
        let Self { stalls, oom_kills, .. } = self;
        messages::progress(&format!("{progress}{elapsed}: {stalls} stalls, {oom_kills} OOM kills, {size}, {lost} "));
    }

    /// Passes a request of the screen to the writer, and takes the writer's messages so far.
    pub(super) fn serve(&self, asked: Option<Ask>, ingest: &mut Ingest) -> Vec<String> {
        if let (Some(ask), Some(feed)) = (asked, &mut ingest.feed)
            && !feed.ask(ask)
        {
            return vec!["the writer is too far behind: try again".to_owned()];
        }
        self.recorder.progress.said.try_lock().map_or_else(|_| Vec::new(), |mut said| std::mem::take(&mut *said))
    }

    /// Hands over a remark that belongs to the last tick.
    pub(super) fn remark(&self, remark: Remark, ingest: &mut Ingest) {
        if let Some(feed) = &mut ingest.feed
            && !feed.remark(remark)
        {
            say!("the trace lacks the begin or end of a block: the disk is too slow");
        }
    }

    /// Ends the trace and prints one line about its content; false if the writer failed and events are missing.
    pub(super) fn end(self, summary: &Summary, ingest: &mut Ingest) -> bool {
        let Some(feed) = ingest.feed.take() else { return true };
        let lost = ingest.session.lost();
        feed.end(End { t_ns: summary.t_ns, reason: EndReason::Done, open: self.open, lost }, PATIENCE);
        let progress = Arc::clone(&self.recorder.progress);
        let outcome = self.recorder.join(PATIENCE);
        if self.shows {
            messages::progress("");
        }
        if self.place == Destination::Memory {
            return true;
        }
        let place = named(&self.place);
        let size = bytes(progress.bytes.load(Ordering::Relaxed));
        let mut lost = loss_in_short(summary.loss.total(), summary.loss.that_matters());
        if summary.loss.total() > 0 {
            lost.push_str(" (`memtrace report` shows which)");
        }
        let elapsed = duration(summary.duration_ns);
        let (stalls, ooms) = (things(summary.all.count, "stall"), things(summary.oom_kills, "OOM kill"));
        say!("recorded {elapsed} to {place}: {stalls}, {ooms}, {size}, {lost}");
        for incident in &outcome.incidents {
            say!("saved {incident}");
        }
        match outcome.failure {
            Some(failure) => {
                say!("the trace lacks events: {failure}. Its totals are exact up to the last one written");
                false
            }
            None => true,
        }
    }
}

/// Name of a destination, for messages.
fn named(place: &Destination) -> String {
    match place {
        Destination::File { path, .. } | Destination::Flight { dir: path, .. } => shown_path(path),
        Destination::Stdout => "stdout".to_owned(),
        Destination::Memory => "memory".to_owned(),
    }
}
