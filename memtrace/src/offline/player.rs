//! Gives each recording of the inputs to a replay.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    convert::Infallible,
    sync::Arc,
};

use anyhow::Result;

use super::{assembled::Assembled, input::Inputs, input_file::InputFile, recordings::Recording, stream::Streamed};
use crate::{
    cli::{FilterArgs, TimeArgs},
    exit::{self, WrongUsage},
    host::clocks::zone,
};
use memtrace_core::{clock::Clock, session::filter::CgroupNames};
use memtrace_report::replay::{
    Beginning, Finished, Note, Played, Replay, ReplayOptions, Source, Watch,
    window::{Asked, Extent},
};
use memtrace_report::text::things;
use memtrace_trace::{
    BlockSource, ReadError, Reader, Scanned, TraceItem,
    model::{Entry, Meta},
};

/// Filter, time range and time zone for each recording.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) filter: &'a FilterArgs,
    pub(super) time: Asked,
    pub(super) utc: bool,
}

impl<'a> Request<'a> {
    /// Builds the request from the options of a command.
    ///
    /// # Errors
    /// When the time range is empty in any trace.
    pub(super) fn new(filter: &'a FilterArgs, time: &TimeArgs, utc: bool) -> Result<Self> {
        let time = Asked { since: time.since.clone(), until: time.until.clone(), ..Asked::default() };
        time.check().map_err(WrongUsage)?;
        Ok(Self { filter, time, utc })
    }

    /// The clock of a recording.
    pub(super) fn clock(&self, meta: &Meta) -> Clock {
        meta.clock.clock(zone(self.utc))
    }
}

/// The blocks of a recording.
#[derive(Debug)]
enum Blocks {
    /// Blocks of inputs that can be read again.
    Assembled(Box<Assembled>),
    /// Blocks of a pipe.
    Streamed(Box<Streamed>),
}

impl Blocks {
    /// Input of the last block, damage or error.
    fn input_file(&self) -> &InputFile {
        match self {
            Self::Assembled(blocks) => blocks.input_file(),
            Self::Streamed(blocks) => blocks.input_file(),
        }
    }
}

impl BlockSource for Blocks {
    fn next_block(&mut self) -> Result<Option<Scanned>, ReadError> {
        match self {
            Self::Assembled(blocks) => blocks.next_block(),
            Self::Streamed(blocks) => blocks.next_block(),
        }
    }

    fn block(&self) -> &[u8] {
        match self {
            Self::Assembled(blocks) => blocks.block(),
            Self::Streamed(blocks) => blocks.block(),
        }
    }
}

struct Current {
    reader: Reader<Blocks>,
    /// Number of the recording; `None` in a pipe.
    recording: Option<usize>,
    /// Items that were read and not given to a replay yet.
    pending: VecDeque<TraceItem>,
}

impl Current {
    fn streamed(&self) -> Option<&Streamed> {
        match self.reader.blocks() {
            Blocks::Streamed(stream) => Some(stream),
            Blocks::Assembled(_) => None,
        }
    }
}

/// The current recording as a source. Faults of its inputs are reported, and reading goes on.
struct CurrentSource<'a>(&'a mut Player);

impl Source for CurrentSource<'_> {
    type Error = Infallible;

    fn next_item(&mut self) -> Result<Option<TraceItem>, Infallible> {
        let pending = self.0.current.as_mut().and_then(|current| current.pending.pop_front());
        Ok(pending.or_else(|| self.0.read()))
    }

    fn entries(&self) -> &[Entry] {
        self.0.current.as_ref().map_or(&[], |current| current.reader.entries())
    }

    fn paths(&self) -> &dyn CgroupNames {
        static NONE: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        self.0.current.as_ref().map_or(&NONE, |current| current.reader.paths())
    }
}

/// Reader of the recordings, one after the other.
pub(super) struct Player {
    inputs: Arc<Inputs>,
    /// Number of the next recording.
    next: usize,
    /// The pipe, between two recordings in it.
    stream: Option<Box<Streamed>>,
    current: Option<Current>,
    /// Inputs with damage: the name, and the command that copies the intact part.
    damaged: Vec<(String, String)>,
    status: u8,
    /// Number of recordings without data in the time range, and of those with data.
    empty: usize,
    shown: usize,
    skip_entries: bool,
    /// True when an earlier reader has reported the faults of the inputs.
    is_quiet: bool,
    /// True once the time range is over.
    is_done: bool,
    rows: bool,
}

impl Player {
    /// A player of all recordings in these inputs.
    pub(super) fn new(inputs: &Arc<Inputs>) -> Self {
        Self {
            inputs: Arc::clone(inputs),
            next: 0,
            stream: None,
            current: None,
            damaged: Vec::new(),
            status: inputs.status,
            empty: 0,
            shown: 0,
            skip_entries: false,
            is_quiet: false,
            is_done: false,
            rows: false,
        }
    }

    /// A player of the recordings in a pipe, as they come.
    pub(super) fn streaming(stream: Streamed) -> Self {
        Self { stream: Some(Box::new(stream)), ..Self::new(&Arc::default()) }
    }

    /// Skips entries, but not damage in them: totals and tables come from the ticks.
    pub(super) fn without_entries(mut self) -> Self {
        self.skip_entries = true;
        self
    }

    /// Adds rows of processes, threads, cgroups and nodes to each tick, for the screen.
    pub(super) fn with_rows(mut self) -> Self {
        self.rows = true;
        self
    }

    /// With `quiet`, reports no faults of the inputs: an earlier reader has reported them.
    pub(super) fn quietly(mut self, quiet: bool) -> Self {
        self.is_quiet = quiet;
        self
    }

    /// True while recordings are left.
    pub(super) fn has_more(&self) -> bool {
        self.next < self.inputs.recordings.len() || self.stream.as_ref().is_some_and(|stream| !stream.has_ended())
    }

    /// The current recording; `None` in a pipe.
    pub(super) fn recording(&self) -> Option<&Recording> {
        self.current.as_ref()?.recording.map(|recording| &self.inputs.recordings[recording])
    }

    /// The next recording that may have data in the time range; `None` when there is none left. Reports recordings
    /// without data.
    pub(super) fn next_replay(&mut self, request: &Request<'_>) -> Option<Replay> {
        loop {
            self.leave();
            let (recording, blocks) = self.next_blocks()?;
            let reader = Reader::of(blocks);
            let reader = if self.skip_entries { reader.without_entries() } else { reader };
            self.current = Some(Current { reader, recording, pending: VecDeque::new() });
            let Some(meta) = self.meta() else { continue };
            let held = self.recording();
            let extent = Extent {
                clock: meta.as_ref().map(|meta| request.clock(meta)),
                start_ns: meta.as_ref().map_or(held.map_or(0, Recording::start_ns), Meta::start_ns),
                last_tick_ns: held.and_then(Recording::last_tick_ns),
            };
            let shared = held.and_then(Recording::shared);
            match request.time.window(&extent) {
                Ok(window) => {
                    let options = ReplayOptions { filter: request.filter.filter(), window, rows: self.rows };
                    let mut replay = Replay::new(meta, options);
                    if let Some(segments) = shared {
                        replay.note(Note::Twice { segments });
                    }
                    self.shown += 1;
                    return Some(replay);
                }
                Err(why) => {
                    say!("{}: {why}", self.name());
                    self.empty += 1;
                }
            }
        }
    }

    /// The blocks of the next recording, with its number; `None` when there is none left.
    fn next_blocks(&mut self) -> Option<(Option<usize>, Blocks)> {
        if let Some(mut stream) = self.stream.take() {
            if stream.next_recording() {
                return Some((None, Blocks::Streamed(stream)));
            }
            self.stream = Some(stream);
            return None;
        }
        let recording = self.next;
        self.inputs.recordings.get(recording)?;
        self.next += 1;
        Some((Some(recording), Blocks::Assembled(Box::new(Assembled::new(Arc::clone(&self.inputs), recording)))))
    }

    /// The inputs of the current recording: `a.mtrc`, or `a.mtrc + 2 files`.
    pub(super) fn name(&self) -> String {
        let (first, more) = self.named_inputs();
        if more == 0 { first } else { format!("{first} + {}", things(more, "file")) }
    }

    /// The first input of the current recording.
    pub(super) fn first_file(&self) -> String {
        self.named_inputs().0
    }

    /// The first input of the current recording in the order of the command line, and the number of the others.
    fn named_inputs(&self) -> (String, u64) {
        let Some(current) = &self.current else { return Default::default() };
        let Some(recording) = current.recording else { return (current.reader.blocks().input_file().shown.clone(), 0) };
        let pieces = self.inputs.recordings[recording].segments.iter().flat_map(|segment| &segment.pieces);
        let files: BTreeSet<usize> = pieces.map(|(file, _)| *file).collect();
        let first = files.first().map(|&file| self.inputs.files[file].shown.clone()).unwrap_or_default();
        (first, files.len().saturating_sub(1) as u64)
    }

    /// The META of the current recording, `Some(None)` where it is lost; `None` when no part of the recording can be
    /// read.
    fn meta(&mut self) -> Option<Option<Meta>> {
        let Ok(beginning) = Beginning::of(&mut CurrentSource(self));
        let Beginning { meta, read } = beginning?;
        self.current.as_mut()?.pending = read;
        Some(meta)
    }

    /// Plays the recording to its end or to the end of the window, or until `go_on` returns false.
    pub(super) fn play(&mut self, replay: &mut Replay, watch: &mut impl Watch, go_on: impl Fn() -> bool) {
        let Ok(played) = replay.play(&mut CurrentSource(self), watch, go_on);
        match played {
            Played::ToTheEnd => {
                if let Some(segments) = self.current.as_ref().and_then(Current::streamed).and_then(Streamed::shared) {
                    replay.note(Note::Twice { segments });
                }
            }
            // The rest of a live recording may never come.
            Played::ToTheWindow => self.is_done = true,
            Played::Stopped => {}
        }
    }

    /// True when a recording that was played had no data in the time range. Reports that.
    pub(super) fn is_left_out(&mut self, finished: &Finished, request: &Request<'_>) -> bool {
        if !finished.is_empty || request.time.is_all() {
            return false;
        }
        let clock = request.clock(&finished.meta);
        for note in finished.notes.iter().filter(|note| matches!(note, Note::EmptyWindow { .. })) {
            say!("{}: {}", self.name(), note.text(&clock));
        }
        (self.shown, self.empty) = (self.shown.saturating_sub(1), self.empty + 1);
        true
    }

    /// The next item of the current recording; `None` at its end. Reports faults of its inputs.
    fn read(&mut self) -> Option<TraceItem> {
        loop {
            let current = self.current.as_mut()?;
            match current.reader.next_item() {
                Ok(item) => {
                    if matches!(&item, Some(TraceItem::Damage(damage)) if !damage.is_cut) {
                        let file = current.reader.blocks().input_file();
                        let damaged = (file.shown.clone(), file.salvage());
                        self.is_damaged(damaged);
                    }
                    return item;
                }
                Err(e) => {
                    if !self.is_quiet {
                        say!("{}", current.reader.blocks().input_file().describe(&e));
                    }
                    let status = if matches!(e, ReadError::Io(_)) { exit::FAILURE } else { exit::DAMAGED };
                    self.status = exit::worse(self.status, status);
                }
            }
        }
    }

    fn is_damaged(&mut self, damaged: (String, String)) {
        if !self.damaged.contains(&damaged) {
            self.damaged.push(damaged);
        }
    }

    /// Leaves the current recording. Notes its damaged inputs, or takes its pipe back.
    fn leave(&mut self) {
        match self.current.take().map(|current| current.reader.into_blocks()) {
            Some(Blocks::Assembled(blocks)) => {
                blocks.healed().for_each(|file| self.is_damaged((file.shown.clone(), file.salvage())));
            }
            Some(Blocks::Streamed(mut stream)) => {
                if self.is_done {
                    stream.close();
                }
                self.stream = Some(stream);
            }
            None => {}
        }
    }

    /// Reports damaged inputs; the result is the exit status.
    pub(super) fn finish(mut self) -> u8 {
        self.leave();
        for (name, salvage) in self.damaged.iter().filter(|_| !self.is_quiet) {
            say!("{name} is damaged; what could be read was read. {salvage} copies the intact part");
        }
        let mut late = 0;
        if let Some(stream) = self.stream.as_ref().filter(|stream| stream.late() > 0) {
            late = exit::DAMAGED;
            say!(
                "{}: parts of a recording came after later ones, too late to be shown. Save the pipe to a file: there the \
                 order does not matter",
                stream.input_file().shown
            );
        }
        let status = exit::worse(self.status, late);
        let status = exit::worse(status, if self.damaged.is_empty() { 0 } else { exit::DAMAGED });
        // Some recordings may lie outside the time range: only when all do is it an error.
        exit::worse(status, if self.empty > 0 && self.shown == 0 { exit::USAGE } else { 0 })
    }
}
