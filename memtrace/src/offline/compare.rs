//! `memtrace compare`.

use std::{
    collections::BTreeSet,
    io::{self, Write as _},
    path::PathBuf,
};

use anyhow::{Result, bail};

use super::{
    input::stdin_once,
    overlap::{self, Held},
    player::Request,
    sides::{Reading, Sides, asked},
    split,
};
use crate::{
    cli::{CompareArgs, FilterArgs, Input},
    exit::{self, WrongUsage},
    stdout, terminal,
};
use memtrace_core::untrusted::{Untrusted, shown_path};
use memtrace_report::{
    compare::{self, CompareOptions, Comparison, Side, compare as judge, fail_if::Outcome},
    document::TextForm,
    text::things,
};

/// Messages for several recordings where `--split` takes one, and for a single side.
const SPLIT_TAKES_ONE: &str = "--split takes one recording: memtrace compare --split T FILE";
const ONE_SIDE: &str = "there is only one side: memtrace compare before=A.mtrc after=B.mtrc";

/// Compares traces; the result is the exit status.
///
/// # Errors
/// When an input cannot be read or stdout fails.
pub fn compare(args: &CompareArgs) -> Result<u8> {
    Request::new(&FilterArgs::default(), &args.time, args.text.utc)?;
    let mut read = Reading::new(args.text.utc);
    let Sides { sides, paired } = match sides(args, &mut read) {
        Ok(sides) => sides,
        // The wrong usage only follows from an input that could not be read: its status counts.
        Err(e) if e.is::<WrongUsage>() && read.status != 0 => {
            say!("{e}");
            return Ok(read.status);
        }
        Err(e) => return Err(e),
    };
    if let Some(empty) = sides.iter().find(|side| side.runs.is_empty()) {
        say!("{} holds nothing to compare", empty.name);
        let is_judged = args.strict || !args.fail_if.is_empty();
        return Ok(exit::worse(read.status, if is_judged { exit::CANNOT_JUDGE } else { 0 }));
    }
    for side in &sides {
        // A note that several runs of one recording share is printed once.
        let notes: BTreeSet<&String> = side.runs.iter().flat_map(|run| &run.notes).collect();
        notes.iter().for_each(|note| say!("{}: {note}", side.name));
    }
    let options = CompareOptions { seed: args.seed, paired, kernel_changed: args.changed.as_deref() == Some("kernel") };
    let comparisons: Vec<Comparison> = sides[1..].iter().map(|after| judge(&sides[0], after, &options)).collect();
    let mut out = io::stdout().lock();
    let written = comparisons
        .iter()
        .enumerate()
        .try_for_each(|(at, comparison)| out.write_all(render(comparison, args, at > 0).as_bytes()));
    stdout::is_read(written.and_then(|()| out.flush()), "writing to stdout")?;
    Ok(if read.status == 0 { verdict(&comparisons, args) } else { read.status })
}

fn render(comparison: &Comparison, args: &CompareArgs, follows: bool) -> String {
    let Some(render) = args.output.choice().output.render else {
        // Serializing it cannot fail; if it did, the object would be missing, not incomplete.
        return compare::json(comparison).unwrap_or_default();
    };
    let gap = if follows { "\n" } else { "" };
    let form = TextForm { style: terminal::style(args.text.no_color), width: None };
    format!("{gap}{}", (render.document)(&compare::document(comparison, args.verbose), form))
}

/// Exit status by `--fail-if` and `--strict`.
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

/// Reads the sides, in the order of the command line.
fn sides(args: &CompareArgs, read: &mut Reading) -> Result<Sides> {
    let named = named(args);
    if args.split.is_some() || named.len() == 1 {
        if args.inputs.len() > 1 {
            bail!(WrongUsage(if args.split.is_some() { SPLIT_TAKES_ONE } else { ONE_SIDE }.to_owned()));
        }
        return split::sides(args, read);
    }
    unnamed(&args.inputs).map_err(WrongUsage)?;
    stdin_once(args.inputs.iter().map(|input| &input.path))?;
    let mut all = Vec::new();
    for (side, paths) in named {
        let inputs = read.opener.open(&paths)?;
        let name = name(&side);
        read.held.push(Held::new(&name));
        all.push(Side { runs: read.runs(&inputs, &asked(&args.time))?, name });
    }
    overlap::check(&read.held).map_err(WrongUsage)?;
    Ok(Sides { sides: all, paired: false })
}

/// Refuses more than two inputs unless each one names its side.
fn unnamed(inputs: &[Input]) -> Result<(), String> {
    if inputs.len() <= 2 || inputs.iter().all(|input| input.name.is_some()) {
        return Ok(());
    }
    let named = inputs.iter().enumerate().map(|(at, input)| {
        let side = input.name.as_deref().unwrap_or(if at == 0 { "before" } else { "after" });
        format!("{side}={}", shown_path(&input.path))
    });
    let command = Untrusted(named.collect::<Vec<_>>().join(" ").as_bytes()).tty().to_string();
    Err(format!(
        "compare takes two recordings, or any number as NAME=FILE, each of the side NAME: memtrace compare {command}"
    ))
}

/// Paths of each side, by its name.
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

/// Name of a side, escaped for an output: it may come from a file name.
fn name(side: &str) -> String {
    Untrusted(side.as_bytes()).tty().to_string()
}
