//! The thread that writes the trace.

use std::{
    io,
    sync::{
        Arc, PoisonError,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use super::{
    create::PendingFile,
    default_name::default_name,
    feed::{Ask, Fed, Feed, Message, feed},
    memory_ring::MemoryRing,
    progress::Progress,
    target::Target,
};
use crate::host::{changes::Watcher, clocks};
use memtrace_core::{host_facts::cgroups, session::input::TickInput, untrusted::Text};
use memtrace_trace::{
    Encoder,
    model::{End, EndReason, Meta, Remark, RemarkKind, TickRecord},
};

/// Longest time that entries stay unwritten.
const SEAL_INTERVAL: Duration = Duration::from_millis(900);
/// Interval at which the clocks are read into the trace: they may be set meanwhile.
const CLOCK_INTERVAL: Duration = Duration::from_secs(60);

/// Outcome of the writing.
#[derive(Debug)]
pub struct Outcome {
    /// First failure, as text.
    pub failure: Option<String>,
    /// Names of the incident files.
    pub incidents: Vec<String>,
}

/// Everything that the thread needs except META. The memory is allocated before the first event.
#[derive(Debug)]
pub struct Prepared {
    target: Target,
    /// Pending name of the file, which it gets once its beginning is written.
    unnamed: Option<PendingFile>,
    fed: Fed,
    progress: Arc<Progress>,
    own_settings: Vec<String>,
}

impl Prepared {
    /// The feed of the drain path, and the rest for the thread.
    pub(super) fn new(
        target: Target,
        unnamed: Option<PendingFile>,
        progress: Arc<Progress>,
        own_settings: Vec<String>,
    ) -> (Feed, Self) {
        let (feed, fed) = feed();
        (feed, Self { target, unnamed, fed, progress, own_settings })
    }

    /// State shared by both threads.
    #[must_use]
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }
}

/// Handle of the thread.
#[derive(Debug)]
pub struct Recorder {
    done: Receiver<Outcome>,
    /// State shared by both threads.
    pub progress: Arc<Progress>,
}

impl Recorder {
    /// Starts the thread. The first segment begins with `meta`.
    ///
    /// # Errors
    /// When the thread cannot start, the beginning cannot be written, or the file cannot get its name.
    pub fn start(prepared: Prepared, mut meta: Meta) -> Result<Self> {
        let Prepared { mut target, unnamed, fed, progress, own_settings } = prepared;
        let mut encoder = Encoder::new(meta.setup.min_stall_ns);
        encoder.begin(&meta, &mut target).with_context(|| format!("writing the beginning of {}", target.name()))?;
        unnamed.map(PendingFile::name).transpose()?;
        meta.at_start = None;
        let shared = Arc::clone(&progress);
        let mut writing = Writing {
            encoder,
            target,
            watcher: Watcher::new(&meta.host, own_settings),
            meta,
            progress: shared,
            sealed: Instant::now(),
            clocks_read: Instant::now(),
            last: None,
            failure: None,
        };
        let (tell, done) = sync_channel(1);
        let run = move || {
            crate::hardening::touch_stack();
            // Without a receiver the process is about to end.
            let _ = tell.send(writing.run(&fed));
        };
        let thread = thread::Builder::new().name("recorder".to_owned()).stack_size(512 << 10);
        thread.spawn(run).context("starting the thread that writes")?;
        Ok(Self { done, progress })
    }

    /// Waits until all is written, `patience` at most: a disk that does not answer must not hold up the end.
    #[must_use]
    pub fn join(self, patience: Duration) -> Outcome {
        self.done.recv_timeout(patience).unwrap_or_else(|e| {
            let why = match e {
                RecvTimeoutError::Timeout => "the disk does not respond: the last seconds may be missing",
                RecvTimeoutError::Disconnected => "the thread that writes ended early",
            };
            Outcome { failure: Some(why.to_owned()), incidents: Vec::new() }
        })
    }
}

struct Writing {
    encoder: Encoder,
    target: Target,
    /// META of the current segment.
    meta: Meta,
    progress: Arc<Progress>,
    sealed: Instant,
    clocks_read: Instant,
    /// The last tick, on which the next segment builds.
    last: Option<Box<TickRecord>>,
    failure: Option<String>,
    watcher: Watcher,
}

impl Writing {
    fn run(&mut self, fed: &Fed) -> Outcome {
        loop {
            match fed.full.recv_timeout(SEAL_INTERVAL) {
                Ok(Message::Batch(mut batch)) => {
                    for (id, path) in batch.paths.drain(..) {
                        self.encoder.path(id, &path);
                    }
                    for entry in batch.entries.drain(..) {
                        let result = self.encoder.entry(&entry, &mut self.target);
                        self.check(result);
                    }
                    // The channel has room for all batches.
                    let _ = fed.empty.try_send(batch);
                }
                Ok(Message::Tick(tick)) => self.tick(tick),
                Ok(Message::Trigger(trigger)) => {
                    self.remark(trigger.t_ns, RemarkKind::Trigger, trigger.text.as_str().into());
                    self.target.trigger(&trigger);
                }
                Ok(Message::Remark(remark)) => self.remark(remark.t_ns, remark.kind, remark.text),
                Ok(Message::Ask(ask)) => self.asked(ask),
                Ok(Message::End(end)) => return self.end(&end),
                Err(RecvTimeoutError::Timeout) => {}
                // The sender is gone: no message follows.
                Err(RecvTimeoutError::Disconnected) => return self.outcome(),
            }
            if self.sealed.elapsed() >= SEAL_INTERVAL {
                let result = self.encoder.seal(&mut self.target);
                self.check(result);
                self.sealed = Instant::now();
            }
        }
    }

    fn remark(&mut self, t_ns: u64, kind: RemarkKind, text: Text) {
        let result = self.encoder.remark(&Remark { t_ns, kind, text }, &mut self.target);
        self.check(result);
    }

    fn tick(&mut self, tick: Box<TickRecord>) {
        let t_ns = tick.input.t_ns;
        let result = self.encoder.tick(&tick, &mut self.target);
        self.check(result);
        self.sealed = Instant::now();
        if self.clocks_read.elapsed() >= CLOCK_INTERVAL {
            let result = self.encoder.clock(&clocks::read(), &mut self.target);
            self.check(result);
            self.clocks_read = Instant::now();
        }
        self.news(t_ns);
        let (open, lost) = (tick.input.totals.open.clone(), tick.input.lost);
        let end = End { t_ns, reason: EndReason::NextSegment, open, lost };
        self.last = Some(tick);
        // An incident file that is over ends before the segment that follows begins.
        self.target.advance(&end);
        if self.target.wants_next_segment(t_ns) {
            self.next_segment(&end);
        }
        let failure = self.target.kept().and_then(MemoryRing::take_failure);
        failure.into_iter().for_each(|words| self.say(words));
    }

    /// Writes the changes of settings and cgroups on the host since the last tick.
    fn news(&mut self, t_ns: u64) {
        let news = self.watcher.news(t_ns);
        for change in news.changes {
            self.meta.host.change(&change.name, change.after.as_ref());
            self.remark(t_ns, RemarkKind::Changed, change.to_text());
        }
        if !news.cgroups.is_empty() {
            news.cgroups.iter().for_each(|change| self.meta.host.change_cgroup(change));
            self.remark(t_ns, RemarkKind::Cgroups, cgroups::to_text(&news.cgroups));
        }
    }

    /// Carries out a request from the screen, as of the last tick.
    fn asked(&mut self, ask: Ask) {
        let Some(last) = &self.last else {
            return self.say("there is nothing to save yet: wait for the first interval".to_owned());
        };
        let input = &last.input;
        let end =
            End { t_ns: input.t_ns, reason: EndReason::NextSegment, open: input.totals.open.clone(), lost: input.lost };
        let Some(kept) = self.target.kept() else {
            return self.say("memtrace already records to a file (--record)".to_owned());
        };
        if ask == Ask::Record && kept.is_recording() {
            let words = kept.end_file(&end);
            return words.into_iter().for_each(|words| self.say(words));
        }
        // Only whole segments can be saved, and a file begins with a new segment.
        self.next_segment(&end);
        let name = default_name();
        let Some(kept) = self.target.kept() else { return };
        let words = match ask {
            Ask::Record => kept.begin_file(&name),
            Ask::Save => kept.save(&name.with_extension("incident.mtrc"), &end),
        };
        self.say(words);
    }

    fn say(&self, words: String) {
        self.progress.said.lock().unwrap_or_else(PoisonError::into_inner).push(words);
    }

    fn next_segment(&mut self, end: &End) {
        let result = self.encoder.end(end, &mut self.target);
        self.check(result);
        let clock = clocks::read();
        if let Err(e) = self.target.begin_segment(end.t_ns, &clock) {
            self.fail(&e);
            return;
        }
        let Some(last) = &self.last else { return };
        self.meta.segment += 1;
        self.meta.clock = clock;
        self.meta.vmstat.clone_from(&last.vmstat);
        self.meta.meminfo_bytes.clone_from(&last.meminfo_bytes);
        self.meta.zones.clone_from(&last.input.host.zones);
        let (faults, stacks, evictors) = (Default::default(), None, None);
        let input = TickInput { faults, stacks, evictors, ..last.input.clone() };
        self.meta.base = Some(TickRecord { input, ..TickRecord::clone(last) });
        let result = self.encoder.begin(&self.meta, &mut self.target);
        self.check(result);
    }

    fn end(&mut self, end: &End) -> Outcome {
        let result = self.encoder.end(end, &mut self.target).and_then(|()| self.target.finish());
        self.check(result);
        let words = self.target.kept().and_then(|kept| kept.end_file(end));
        words.into_iter().for_each(|words| say!("{words}"));
        self.outcome()
    }

    fn outcome(&mut self) -> Outcome {
        Outcome { failure: self.failure.take(), incidents: self.target.incidents() }
    }

    fn check(&mut self, result: io::Result<()>) {
        if let Err(e) = result {
            self.fail(&e);
        }
        self.progress.unwritten.store(self.encoder.unwritten(), Ordering::Relaxed);
    }

    /// Stops the writing of single events, so that the remaining room is left for the totals. Reports this once.
    fn fail(&mut self, error: &io::Error) {
        if self.failure.is_some() || self.progress.closed.load(Ordering::Relaxed) {
            return;
        }
        if error.kind() == io::ErrorKind::BrokenPipe {
            self.progress.closed.store(true, Ordering::Relaxed);
            self.encoder.stop_events();
            return;
        }
        let text = format!("{}: {error}", self.target.name());
        say!("{text}: memtrace stops writing single events, and writes totals while they fit");
        self.encoder.stop_events();
        let t_ns = self.last.as_ref().map_or(self.meta.clock.monotonic_ns, |tick| tick.input.t_ns);
        self.failure = Some(text.clone());
        // The remark may fit where a block of events did not.
        let _ =
            self.encoder.remark(&Remark { t_ns, kind: RemarkKind::EventsStopped, text: text.into() }, &mut self.target);
    }
}
