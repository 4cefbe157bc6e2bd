//! The loop of the main thread: drain, tick, until something ends it.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use super::{
    command::Command,
    controller::Controller,
    cost::CostSampler,
    ingest::Ingest,
    kernel_log,
    lost_ends::LostEnds,
    ooms::OomQueue,
    output::{Queue, Writer},
    recording::Recording,
    refault_windows::RefaultWindows,
    shrinkers::ShrinkerNames,
    stacks::Stacks,
    wakes::{Wake, Wakes},
};
use crate::{
    exit,
    host::{Sampler, clocks::monotonic_ns, counters::CounterReader, tasks},
    messages,
    record::Ask,
    signals::Signals,
    stdout,
};
use anyhow::{Context as _, Result};
use memtrace_common::kind::StallKind;
use memtrace_core::{
    at_start::AtStart,
    session::{
        counters::Readings,
        evictors,
        input::{KernelTotals, TickInput},
        item::{Item, cgroups_of, cgroups_of_rows},
        loss::Loss,
    },
    units::duration::nanoseconds,
};
use memtrace_probe::load::Probe;

/// Longest sleep between two drains: the ring does not wake us for each record.
const DRAIN_INTERVAL: Duration = Duration::from_millis(50);
/// Most records that one drain takes, so that a flood cannot delay a tick. More than a ring of the default size holds.
const RECORDS_AT_ONCE: usize = 1 << 16;
/// Most new processes that are looked up in /proc between two drains.
const INTRODUCED_AT_ONCE: usize = 64;
/// Most open stalls whose thread name is looked up at a tick.
const NAMED_OPEN: usize = 16;
/// Longest time that a blocked output may delay the end.
const OUTPUT_PATIENCE: Duration = Duration::from_secs(5);

/// State of the main loop.
pub(super) struct Tracing<'a> {
    pub(super) probe: Probe,
    pub(super) kinds: Vec<StallKind>,
    pub(super) ingest: Ingest,
    pub(super) ooms: OomQueue,
    pub(super) sampler: Sampler,
    pub(super) counters: CounterReader,
    pub(super) cost: CostSampler,
    /// `None` where /proc does not show the traced threads by their ids.
    pub(super) lost_ends: Option<LostEnds>,
    pub(super) command: Option<Command>,
    pub(super) recording: Option<Recording>,
    pub(super) refaults: RefaultWindows,
    /// True where messages go to the screen.
    pub(super) has_screen: bool,
    pub(super) stacks: Option<Stacks>,
    pub(super) shrinkers: ShrinkerNames,
    pub(super) controller: Option<&'a mut dyn Controller>,
    pub(super) signals: Signals,
    pub(super) interval: Duration,
    /// End of the tracing, `CLOCK_MONOTONIC` in ns; `None` without a limit.
    pub(super) deadline_ns: Option<u64>,
}

/// Cause of the end of the loop.
enum LoopEnd {
    Signal(i32),
    Deadline,
    CommandEnded(u8),
    OutputClosed,
    Quit,
    ControllerDone,
}

impl Tracing<'_> {
    /// Traces until something ends it; returns the exit status.
    pub(super) async fn run(mut self, mut wakes: Wakes, before: AtStart, writer: Writer, queue: Queue) -> Result<u8> {
        self.ingest.send(Item::AtStart(Box::new(before)));
        let mut interval_ns = nanoseconds(self.interval);
        let mut next_tick_ns = monotonic_ns() + interval_ns;
        let end = loop {
            let until_tick = Duration::from_nanos(next_tick_ns.saturating_sub(monotonic_ns()));
            let patience = self.refaults.patience(until_tick.min(DRAIN_INTERVAL));
            let wake = wakes.next(self.command.as_mut(), patience).await;
            let now = monotonic_ns();
            let is_empty = self.drain(now, false);
            if let Wake::Ring(mut ready) = wake.context("waiting for the ring")?
                && is_empty
            {
                ready.clear_ready();
            }
            self.pace_refaults();
            if let Some(recording) = &mut self.recording {
                recording.advance(now, &mut self.ingest);
            }
            if self.advance_controller(now)? {
                // The controller's intervals are whole ones from here on.
                next_tick_ns = now + interval_ns;
            }
            if now >= next_tick_ns {
                self.tick(now, false)?;
                // After a pause (SIGSTOP, suspend) one long tick replaces the missed ones.
                next_tick_ns += interval_ns * (1 + (now - next_tick_ns) / interval_ns);
            }
            self.serve(&writer);
            let wanted_ns = writer.control.interval_ns.load(Ordering::Relaxed);
            if wanted_ns > 0 && wanted_ns != interval_ns {
                (interval_ns, self.interval) = (wanted_ns, Duration::from_nanos(wanted_ns));
                next_tick_ns = now + interval_ns;
            }
            if let Some(end) = self.end(now, &writer) {
                break end;
            }
        };
        if let Some(controller) = &mut self.controller {
            controller.end();
        }
        messages::wait_at_most(OUTPUT_PATIENCE);
        let status = self.settle(&end).await;
        let now = monotonic_ns();
        self.drain(now, true);
        self.tick(now, true)?;
        let summary = self.ingest.session.summary();
        let recorded = self.recording.take().is_none_or(|recording| recording.end(&summary, &mut self.ingest));
        // The command's own failure takes precedence over that of its recording.
        let status = if recorded { status } else { status.max(exit::FAILURE) };
        let paths = self.ingest.paths(cgroups_of(&summary));
        let written = writer.finish(queue, Item::Summary(Box::new(summary), paths), OUTPUT_PATIENCE);
        stdout::is_read(written, "writing to stdout; the summary is not complete").map(|_| status)
    }

    /// Drains the ring, then looks up new processes and sends the OOM kills that are due. True when the ring is empty.
    fn drain(&mut self, now: u64, all: bool) -> bool {
        let mut is_empty = false;
        for _ in 0..RECORDS_AT_ONCE {
            let Some(record) = self.probe.ring.next() else {
                is_empty = true;
                break;
            };
            self.ingest.ingest(&record);
        }
        self.introduce();
        // In order: the victims of one OOM call are consecutive.
        for at in 0..self.ingest.ooms.len() {
            if let Some(oom) = self.ooms.push(self.ingest.ooms[at]) {
                self.ingest.show_oom(oom);
            }
        }
        self.ingest.ooms.clear();
        // After the kills: a kill that still waits stores this itself.
        for at in 0..self.ingest.freed.len() {
            let freed = self.ingest.freed[at];
            if !self.ooms.freed(&freed) {
                self.ingest.show_freed(freed);
            }
        }
        self.ingest.freed.clear();
        for oom in self.ooms.ready(now, all, &self.ingest.cgroups) {
            self.ingest.show_oom(oom);
        }
        self.cost.advance(now);
        is_empty
    }

    /// Looks up the names of some new processes: soon, since they may be short-lived, but not of all at once, since the
    /// ring fills meanwhile.
    fn introduce(&mut self) {
        for _ in 0..INTRODUCED_AT_ONCE {
            let Some((pid, start)) = self.ingest.unnamed.pop() else { return };
            if let Some(stacks) = &self.stacks {
                stacks.learn_process(pid);
            }
            if let Some(comm) = tasks::comm(pid) {
                self.ingest.name_process((pid, start), comm);
            }
            if let Some(command) = &self.command {
                self.ingest.mark_process((pid, start), tasks::descends_from(pid, command.pid()));
            }
        }
    }

    /// Counts refaults, or pauses, as the budget allows.
    fn pace_refaults(&mut self) {
        let stalls = self.ingest.session.reported().iter().map(|kind| kind.count).sum();
        let Probe { programs, faults, .. } = &mut self.probe;
        let Some(words) = self.refaults.advance(monotonic_ns(), programs, faults, stalls, self.interval) else {
            return;
        };
        if self.has_screen {
            self.ingest.send(Item::Said(words));
        } else {
            say!("{words}");
        }
    }

    /// Ends an interval. The last one waits for the names of stacks.
    fn tick(&mut self, now: u64, is_last: bool) -> Result<()> {
        // The kernel's counters first, then all of the ring: our totals must include all that the kernel counted up to
        // here.
        let before = self.counters.read();
        self.drain(now, false);
        self.ooms.catch_up(now);
        let mut faults = self.probe.faults.read();
        let of_processes = faults.processes.iter().filter_map(|process| process.cgroup_id);
        for id in of_processes.chain(faults.cgroups.iter().map(|(id, _)| *id)) {
            self.ingest.learn_path(id);
        }
        let mut deltas = self.stacks.as_mut().map(Stacks::read);
        for (key, _) in deltas.iter().flat_map(|stacks| &stacks.stalls) {
            key.cgroup_id.into_iter().for_each(|id| self.ingest.learn_path(id));
        }
        let programs = self.probe.programs.counts();
        if let Some(skipped) = programs.as_ref().and_then(|programs| programs.skipped) {
            self.ingest.session.set_loss(Loss::SkippedRuns, skipped);
        }
        let mut totals = self.totals()?;
        self.refaults.tick(now, &mut totals, &mut faults, &before);
        if let Some(lost_ends) = &mut self.lost_ends {
            lost_ends.take_out(&mut totals, now, tasks::is_reclaiming);
        }
        // The totals include stalls that ended meanwhile; a recording that is cut after this tick must hold their
        // records too. Not at the end: the tables would have stalls that the totals lack.
        if !is_last {
            self.drain(now, false);
        }
        name_open(&mut totals);
        self.shrinkers.fill(&mut totals.shrinkers, is_last);
        // One message for all entries: each message may wait for a slow reader while the ring fills.
        let logged = self.probe.kernel_log.as_mut().map(|log| log.read()).unwrap_or_default();
        if !logged.is_empty() {
            say!("{}", logged.iter().map(kernel_log::line).collect::<Vec<_>>().join("\n"));
        }
        let after = self.counters.read();
        let mut host = self.sampler.sample();
        host.counters = Some(Readings { before, after });
        host.ooms_pending = self.ooms.pending();
        let cost = programs.and_then(|programs| self.cost.estimate(now, &programs));
        (host.own.bpf_ns, host.own.bpf_runs) = (cost.map(|cost| cost.ns), cost.map(|cost| cost.runs));
        if let Some(recording) = &self.recording {
            recording.count_loss(&mut self.ingest);
        }
        self.ingest.session.set_loss(Loss::Messages, messages::lost());
        let (lost, reported) = (self.ingest.session.lost(), self.ingest.session.reported());
        if let (Some(deltas), Some(stacks)) = (&mut deltas, &mut self.stacks) {
            deltas.named = stacks.named(is_last);
        }
        let stacks = deltas;
        let evictors = self.ingest.evictors.as_mut().map(evictors::ByMemory::take);
        for (key, _) in evictors.iter().flat_map(evictors::ByMemory::iter).flat_map(|evictors| &evictors.rows) {
            key.cgroup_id.into_iter().for_each(|id| self.ingest.learn_path(id));
        }
        let input = TickInput { t_ns: now, totals, host, faults, stacks, evictors, lost, reported };
        let tick = self.ingest.session.tick(&input, &self.ingest.cgroups);
        if let Some(controller) = &mut self.controller {
            controller.tick(&tick);
        }
        if let Some(recording) = &mut self.recording {
            let progress = self.controller.as_ref().map(|controller| controller.progress(now));
            recording.tick(&tick, input, self.sampler.memory_counters(), &mut self.ingest, progress.as_deref());
        }
        let paths = self.ingest.paths(cgroups_of_rows(&tick));
        self.ingest.send(Item::Tick(Box::new(tick), paths));
        Ok(())
    }

    /// Passes the screen's request to the recording, and shows the outcome.
    fn serve(&mut self, writer: &Writer) {
        let Some(recording) = &self.recording else { return };
        let asked = |flag: &AtomicBool, ask| flag.swap(false, Ordering::Relaxed).then_some(ask);
        let ask = asked(&writer.control.record, Ask::Record).or_else(|| asked(&writer.control.save, Ask::Save));
        for words in recording.serve(ask, &mut self.ingest) {
            self.ingest.send(Item::Said(words));
        }
    }

    /// Lets the controller do what is due. True if an interval ended for it.
    fn advance_controller(&mut self, now: u64) -> Result<bool> {
        let mut has_ticked = false;
        while let Some(remark) = self.controller.as_mut().and_then(|controller| controller.advance(now)) {
            if !has_ticked {
                self.tick(now, false)?;
                has_ticked = true;
            }
            if let Some(recording) = &self.recording {
                recording.remark(remark, &mut self.ingest);
            }
        }
        Ok(has_ticked)
    }

    fn totals(&mut self) -> Result<KernelTotals> {
        const WHAT: &str = "reading the totals from the kernel side";
        let mut totals = self.probe.totals.read(&self.kinds).context(WHAT)?;
        if self.probe.faults_read.refaults.is_some() {
            let (all, own) = self.probe.faults.totals().context(WHAT)?;
            (totals.refaults, totals.own_refaults) = (Some(all), Some(own));
        }
        Ok(totals)
    }

    fn end(&mut self, now: u64, writer: &Writer) -> Option<LoopEnd> {
        if let Some(signal) = self.signals.received() {
            return Some(LoopEnd::Signal(signal));
        }
        if let Some(status) = self.command.as_mut().and_then(Command::status) {
            return Some(LoopEnd::CommandEnded(status));
        }
        if writer.control.quit.load(Ordering::Relaxed) {
            return Some(LoopEnd::Quit);
        }
        if writer.is_closed() || self.recording.as_ref().is_some_and(Recording::is_closed) {
            return Some(LoopEnd::OutputClosed);
        }
        if self.controller.as_ref().is_some_and(|controller| controller.is_over()) {
            return Some(LoopEnd::ControllerDone);
        }
        self.deadline_ns.is_some_and(|deadline| now >= deadline).then_some(LoopEnd::Deadline)
    }

    /// Exit status, once the command has had a chance to end. A command that goes on is left alone and reported.
    async fn settle(&mut self, end: &LoopEnd) -> u8 {
        let Some(command) = &mut self.command else { return 0 };
        let status = match end {
            LoopEnd::CommandEnded(status) => Some(*status),
            LoopEnd::Signal(signal) => command.settle(*signal).await,
            LoopEnd::Deadline | LoopEnd::OutputClosed | LoopEnd::Quit | LoopEnd::ControllerDone => command.status(),
        };
        status.unwrap_or_else(|| {
            say!("the command (pid {}) keeps running without memtrace", command.pid());
            0
        })
    }
}

/// Looks up the thread names of the longest open stalls, so that a hang is shown with its name.
fn name_open(totals: &mut KernelTotals) {
    for stall in totals.open.iter_mut().take(NAMED_OPEN) {
        stall.comm = tasks::comm(stall.tid);
    }
}
