//! Reads sources one after the other, and gives each recording in them to a replay.

use std::{collections::VecDeque, io::Read};

use jiff::tz::TimeZone;

use super::{
    EXIT_DAMAGED, EXIT_FAILURE, graver,
    input::{Source, in_words},
};
use crate::{
    cli::{FilterArgs, TimeArgs},
    clock::Clock,
    replay::{
        Flow, Options, Replay, Watch,
        when::{When, Window},
    },
    trace::{Item, ReadError, Reader, model::Meta},
};

/// What is asked of each recording.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) filter: &'a FilterArgs,
    pub(super) time: &'a TimeArgs,
    pub(super) utc: bool,
}

impl Request<'_> {
    /// The clock of a recording.
    pub(super) fn clock(&self, meta: &Meta) -> Clock {
        meta.clock.clock(if self.utc { TimeZone::UTC } else { TimeZone::system() })
    }
}

struct Current {
    reader: Reader<Box<dyn Read>>,
    source: Source,
}

/// Reads.
pub(super) struct Player {
    sources: VecDeque<Source>,
    current: Option<Current>,
    /// Items that were read and not given to a replay yet.
    pending: VecDeque<Item>,
    /// Sources with damage, by name.
    damaged: Vec<String>,
    status: u8,
    skip_entries: bool,
    /// Whether what is wrong with a source was said by who read it before.
    is_quiet: bool,
    rows: bool,
}

impl Player {
    /// A player of these sources.
    pub(super) fn new(sources: Vec<Source>) -> Self {
        Self {
            sources: sources.into(),
            current: None,
            pending: VecDeque::new(),
            damaged: Vec::new(),
            status: 0,
            skip_entries: false,
            is_quiet: false,
            rows: false,
        }
    }

    /// Leaves out what happened: totals and tables come from the ticks, which is much quicker.
    pub(super) fn without_entries(mut self) -> Self {
        self.skip_entries = true;
        self
    }

    /// Has each tick say who had what, as the screen shows it.
    pub(super) fn with_rows(mut self) -> Self {
        self.rows = true;
        self
    }

    /// Says nothing of what is wrong with a source: it was read before.
    pub(super) fn quietly(mut self, quiet: bool) -> Self {
        self.is_quiet = quiet;
        self
    }

    /// The next recording; `None` when there is none left.
    ///
    /// # Errors
    /// When the time that is asked for cannot be told for it.
    pub(super) fn next_replay(&mut self, request: &Request<'_>) -> Result<Option<Replay>, String> {
        // Damage may come before the beginning.
        while !self.pending.iter().any(|item| !matches!(item, Item::Damage(_))) {
            match self.read() {
                Some(item) => self.pending.push_back(item),
                None if self.current.take().is_some() && !self.pending.is_empty() => break,
                None if !self.open_next() => return Ok(None),
                None => {}
            }
        }
        let at = self.pending.iter().position(|item| matches!(item, Item::Meta(_)));
        let meta = match at.and_then(|at| self.pending.remove(at)) {
            Some(Item::Meta(meta)) => Some(*meta),
            _ => None,
        };
        let window = match &meta {
            Some(meta) => self.window(request, meta)?,
            None => Window::default(),
        };
        Ok(Some(Replay::new(meta, Options { filter: request.filter.filter(), window, rows: self.rows })))
    }

    fn window(&self, request: &Request<'_>, meta: &Meta) -> Result<Window, String> {
        let TimeArgs { since, until } = request.time;
        let clock = request.clock(meta);
        let start_ns = meta.start_ns();
        let end_ns = || {
            let of_it = |source: &&Source| source.part.is_some_and(|part| part.recording == meta.recording);
            let current = self.current.as_ref().map(|current| &current.source);
            self.sources.iter().rev().find(of_it).or(current)?.last_tick_ns()
        };
        let resolve = |when: &Option<When>| {
            let when = when.as_ref();
            when.map(|when| when.resolve(&clock, start_ns, when.needs_end().then(end_ns).flatten())).transpose()
        };
        Ok(Window { since_ns: resolve(since)?, until_ns: resolve(until)? })
    }

    /// Plays the recording to its end, or until `go_on` says no.
    pub(super) fn play(&mut self, replay: &mut Replay, watch: &mut impl Watch, go_on: impl Fn() -> bool) {
        while go_on() {
            let item = match self.pending.pop_front().or_else(|| self.read()) {
                Some(item) => item,
                None => {
                    self.current = None;
                    let follows = |source: &Source| {
                        source.part.is_some_and(|part| {
                            part.recording == replay.meta().recording && part.run == replay.meta().run
                        })
                    };
                    if !self.sources.front().is_some_and(follows) || !self.open_next() {
                        return;
                    }
                    continue;
                }
            };
            if let Item::Meta(meta) = &item {
                if replay.is_other(meta) {
                    self.pending.push_front(item);
                    return;
                }
                if replay.has_read(meta) {
                    replay.skipped(meta.segment);
                    self.current = None;
                    continue;
                }
            }
            let Some(current) = &self.current else { continue };
            if replay.take(&item, current.reader.entries(), current.reader.paths(), watch) == Flow::Done {
                self.skip(replay.meta());
                return;
            }
        }
    }

    /// Leaves the rest of a recording out.
    fn skip(&mut self, meta: &Meta) {
        self.sources
            .retain(|source| source.part.is_none_or(|part| part.recording != meta.recording || part.run != meta.run));
        // What follows in the same file may be another recording.
        loop {
            match self.read() {
                Some(Item::Meta(next)) if next.recording != meta.recording => {
                    self.pending.push_back(Item::Meta(next));
                    return;
                }
                Some(_) => {}
                None => {
                    self.current = None;
                    return;
                }
            }
        }
    }

    /// What comes next in the source at hand; `None` at its end. What is wrong with it is said.
    fn read(&mut self) -> Option<Item> {
        let current = self.current.as_mut()?;
        match current.reader.next_item() {
            Ok(item) => {
                if let Some(Item::Damage(damage)) = &item
                    && !damage.is_cut
                    && self.damaged.last() != Some(&current.source.shown)
                {
                    self.damaged.push(current.source.shown.clone());
                }
                item
            }
            Err(e) => {
                if !self.is_quiet {
                    eprintln!("memtrace: {}", in_words(&current.source, &e));
                }
                let status = if matches!(e, ReadError::Io(_)) { EXIT_FAILURE } else { EXIT_DAMAGED };
                self.status = graver(self.status, status);
                None
            }
        }
    }

    fn open_next(&mut self) -> bool {
        while let Some(source) = self.sources.pop_front() {
            match source.open() {
                Ok(input) => {
                    let reader = Reader::new(input);
                    let reader = if self.skip_entries { reader.without_entries() } else { reader };
                    self.current = Some(Current { reader, source });
                    return true;
                }
                Err(e) => {
                    if !self.is_quiet {
                        eprintln!("memtrace: {} cannot be opened: {e}", source.shown);
                    }
                    self.status = EXIT_FAILURE;
                }
            }
        }
        false
    }

    /// Says what is damaged; the result is the exit status.
    pub(super) fn finish(self) -> u8 {
        for name in self.damaged.iter().filter(|_| !self.is_quiet) {
            let out = format!("{}-salvaged.mtrc", name.strip_suffix(".mtrc").unwrap_or(name));
            eprintln!(
                "memtrace: {name} is damaged; what could be read was read. `memtrace salvage {name} -o {out}` copies the intact part"
            );
        }
        graver(self.status, if self.damaged.is_empty() { 0 } else { EXIT_DAMAGED })
    }
}
