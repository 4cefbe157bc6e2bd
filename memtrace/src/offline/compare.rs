//! `memtrace compare`.

use std::{
    collections::BTreeSet,
    io::{self, Write as _},
    path::PathBuf,
    sync::Arc,
};

use anyhow::Result;

use super::{
    input::{self, Inputs, Opener},
    overlap::{self, Held},
    player::{Player, Request},
    split,
};
use crate::{
    cli::{CompareArgs, FilterArgs, Input, TimeArgs},
    exit, messages, stdout, terminal,
};
use memtrace_core::untrusted::Untrusted;
use memtrace_report::{
    compare::{
        self, Collector, CompareOptions, Comparison, Run, Side, TextView, compare as judge, fail_if::Outcome, markdown,
        text,
    },
    replay::window::Asked,
    text::things,
};

/// What is wrong with several recordings, where one is asked for, or on one side alone.
const SPLIT_TAKES_ONE: &str = "--split takes one recording: memtrace compare --split T FILE";
const ONE_SIDE: &str = "there is only one side: memtrace compare before=A.mtrc after=B.mtrc";

/// Compares traces; the result is the exit status.
///
/// # Errors
/// When an input cannot be read or stdout fails.
pub fn compare(args: &CompareArgs) -> Result<u8> {
    Request::new(&FilterArgs::default(), &args.time, args.utc)?;
    let mut read = Reading { utc: args.utc, ..Reading::default() };
    let Sides { sides, paired } = match sides(args, &mut read)? {
        Ok(sides) => sides,
        Err(wrong) => {
            say!("{wrong}");
            return Ok(if read.status == 0 { exit::USAGE } else { read.status });
        }
    };
    if let Some(empty) = sides.iter().find(|side| side.runs.is_empty()) {
        say!("{} holds nothing to compare", empty.name);
        return Ok(exit::worse(read.status, exit::CANNOT_JUDGE));
    }
    for side in &sides {
        // What lies in several runs of one recording is said once.
        let notes: BTreeSet<&String> = side.runs.iter().flat_map(|run| &run.notes).collect();
        notes.iter().for_each(|note| say!("{}: {note}", side.name));
    }
    let options = CompareOptions { seed: args.seed, paired, kernel_changed: args.changed.as_deref() == Some("kernel") };
    let comparisons: Vec<Comparison> = sides[1..].iter().map(|after| judge(&sides[0], after, &options)).collect();
    let mut out = io::stdout().lock();
    let written = comparisons
        .iter()
        .enumerate()
        .try_for_each(|(at, comparison)| out.write_all(in_words(comparison, args, at > 0).as_bytes()));
    stdout::is_read(written.and_then(|()| out.flush()), "writing to stdout")?;
    Ok(if read.status == 0 { verdict(&comparisons, args) } else { read.status })
}

fn in_words(comparison: &Comparison, args: &CompareArgs, follows: bool) -> String {
    if args.json {
        // Serializing it cannot fail; if it did, the object would be missing, not half there.
        return compare::json(comparison).unwrap_or_default();
    }
    let gap = if follows { "\n" } else { "" };
    let body = if args.markdown {
        markdown(comparison)
    } else {
        text(comparison, TextView { style: terminal::style(args.no_color), verbose: args.verbose })
    };
    format!("{gap}{body}")
}

/// The exit status by what was asked for.
fn verdict(comparisons: &[Comparison], args: &CompareArgs) -> u8 {
    let mut status = 0;
    for comparison in comparisons {
        for condition in &args.fail_if {
            match condition.judge(comparison) {
                Outcome::Met(text) => {
                    say!("{text}");
                    status = exit::MET;
                }
                Outcome::Undecidable(text) => {
                    say!("{text}");
                    status = if status == exit::MET { status } else { exit::CANNOT_JUDGE };
                }
                Outcome::NotMet => {}
            }
        }
        let tripped = comparison.guards.iter().filter(|guard| guard.tripped).count();
        if args.strict && tripped > 0 {
            say!("{} tripped, and --strict was asked for", things(tripped as u64, "guard"));
            status = if status == exit::MET { status } else { exit::CANNOT_JUDGE };
        }
    }
    status
}

/// The sides, in their order.
fn sides(args: &CompareArgs, read: &mut Reading) -> Result<Result<Sides, String>> {
    let named = named(args);
    if args.split.is_some() || named.len() == 1 {
        if args.inputs.len() > 1 {
            return Ok(Err(if args.split.is_some() { SPLIT_TAKES_ONE } else { ONE_SIDE }.to_owned()));
        }
        return split::sides(args, read);
    }
    if let Err(wrong) = unnamed(&args.inputs) {
        return Ok(Err(wrong));
    }
    let mut all = Vec::new();
    for (side, paths) in named {
        let inputs = read.opener.open(&paths)?;
        let name = name(&side);
        read.held.push(Held::new(&name));
        all.push(Side { runs: read.runs(&inputs, &asked(&args.time))?, name });
    }
    Ok(overlap::check(&read.held).map(|()| Sides { sides: all, paired: false }))
}

/// The part of each recording that is asked for.
pub(super) fn asked(time: &TimeArgs) -> Asked {
    Asked { since: time.since.clone(), until: time.until.clone(), ..Asked::default() }
}

/// Refuses more than two inputs of which one has no side.
fn unnamed(inputs: &[Input]) -> Result<(), String> {
    if inputs.len() <= 2 || inputs.iter().all(|input| input.name.is_some()) {
        return Ok(());
    }
    let named = inputs.iter().enumerate().map(|(at, input)| {
        let side = input.name.as_deref().unwrap_or(if at == 0 { "before" } else { "after" });
        format!("{side}={}", input::shown(&input.path))
    });
    let command = Untrusted(named.collect::<Vec<_>>().join(" ").as_bytes()).tty().to_string();
    Err(format!(
        "compare takes two recordings, or any number as NAME=FILE, each of the side NAME: memtrace compare {command}"
    ))
}

/// What each side is made of, by its name.
fn named(args: &CompareArgs) -> Vec<(String, Vec<PathBuf>)> {
    let mut named: Vec<(String, Vec<PathBuf>)> = Vec::new();
    for (at, input) in args.inputs.iter().enumerate() {
        let side = match (&input.name, at, args.inputs.len()) {
            (Some(name), ..) => name.clone(),
            (None, 0, _) => "before".to_owned(),
            (None, ..) => "after".to_owned(),
        };
        match named.iter_mut().find(|(name, _)| *name == side) {
            Some((_, paths)) => paths.push(input.path.clone()),
            None => named.push((side, vec![input.path.clone()])),
        }
    }
    named
}

/// A name for an output: it may come from a file.
fn name(side: &str) -> String {
    Untrusted(side.as_bytes()).tty().to_string()
}

/// What is compared.
pub(super) struct Sides {
    pub(super) sides: Vec<Side>,
    /// Whether the n-th run of each belongs together.
    pub(super) paired: bool,
}

/// What was read so far.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) utc: bool,
    pub(super) opener: Opener,
    /// Whether its inputs were read before, and what is wrong with them was said.
    pub(super) again: bool,
    pub(super) status: u8,
    /// Times of recordings by side, in which no two sides may overlap.
    held: Vec<Held>,
    files: usize,
}

impl Reading {
    /// All runs in these inputs: each recording is one.
    pub(super) fn runs(&mut self, inputs: &Arc<Inputs>, time: &Asked) -> Result<Vec<Run>> {
        let filter = FilterArgs::default();
        let request = Request { filter: &filter, time: time.clone(), utc: self.utc };
        // Totals, histograms and tables are in the ticks: no single event is needed.
        let mut player = Player::new(inputs).without_entries().quietly(self.again);
        let mut runs = Vec::new();
        while let Some(mut replay) = player.next_replay(&request) {
            self.progress();
            let mut collector = Collector::new(replay.meta());
            player.play(&mut replay, &mut collector, || true);
            let clock = request.clock(replay.meta());
            if let (Some(held), Some(recording)) = (self.held.last_mut(), player.recording()) {
                held.add(recording, replay.window(), &player.name(), &clock);
            }
            let finished = replay.finish();
            if player.is_left_out(&finished, &request) {
                continue;
            }
            if finished.is_empty {
                let notes: Vec<String> = finished.notes.iter().map(|note| note.text(&clock)).collect();
                say!("a recording is left out: {}", notes.join("; "));
                continue;
            }
            runs.push(collector.into_run(finished, &clock));
        }
        self.status = exit::worse(self.status, player.finish());
        if self.files > 0 {
            messages::progress("");
        }
        Ok(runs)
    }

    fn progress(&mut self) {
        self.files += 1;
        messages::progress(&format!("reading recording {}", self.files));
    }
}
