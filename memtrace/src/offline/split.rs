//! One recording compared with itself: split at a given time, by the blocks of an experiment, or where a setting was
//! changed.

use std::{fmt::Write as _, path::Path, sync::Arc};

use anyhow::{Result, bail};

use super::{
    input::Inputs,
    player::{Player, Request},
    sides::{Reading, Sides, asked},
};
use crate::{
    cli::{CompareArgs, FilterArgs, TimeArgs},
    exit::{self, WrongUsage},
};
use memtrace_core::{clock::Clock, host_facts::change::Change, untrusted::shown_path};
use memtrace_report::{
    compare::{Run, Side},
    replay::{Act, Marks, when::When, window::Asked},
};

/// Most changes that are named in a list.
const NAMED: usize = 16;

/// Places where a recording may be split.
struct Cuts {
    marks: Marks,
    start_ns: u64,
    clock: Clock,
    recordings: usize,
}

/// The sides of the only input.
///
/// # Errors
/// [`WrongUsage`] when the input does not determine where to split it.
pub(super) fn sides(args: &CompareArgs, read: &mut Reading) -> Result<Sides> {
    let [input] = args.inputs.as_slice() else { bail!(WrongUsage("one recording is expected".to_owned())) };
    let path = input.path.as_path();
    let inputs = read.opener.open(&[path.to_owned()])?;
    if let Some(at) = &args.split {
        return halves(args, read, &inputs, [at.clone(), at.clone()]);
    }
    let Some(cuts) = cuts(args, read, &inputs)? else {
        bail!(WrongUsage(format!("nothing could be read from {}: there is nothing to compare", shown_path(path))));
    };
    if cuts.recordings > 1 {
        bail!(WrongUsage(format!(
            "{} holds {} recordings, which are all one side. Name two sides: memtrace compare before=DIR after=DIR",
            shown_path(path),
            cuts.recordings
        )));
    }
    if cuts.marks.has_blocks() {
        return blocks(args, read, &inputs, &cuts);
    }
    match cuts.marks.acts() {
        [act] if act.before_ns <= cuts.start_ns => bail!(WrongUsage(format!(
            "the only changed setting ({}) changed before the first tick, {}: no interval precedes the change. Split \
             at a time: memtrace compare --split T {}",
            names(act).join(", "),
            cuts.clock.seconds(act.after_ns),
            shown_path(path)
        ))),
        [act] => {
            let at = |t_ns: u64| When::AfterStart(t_ns.saturating_sub(cuts.start_ns));
            say!("split at {}, where {} was changed", cuts.clock.seconds(act.after_ns), names(act).join(", "));
            halves(args, read, &inputs, [at(act.before_ns), at(act.after_ns)])
        }
        acts => bail!(WrongUsage(ask_which_split(acts, &cuts, path))),
    }
}

/// The part before the first time and the part after the second, as sides.
fn halves(args: &CompareArgs, read: &mut Reading, inputs: &Arc<Inputs>, [until, since]: [When; 2]) -> Result<Sides> {
    let asked = asked(&args.time);
    let before = Asked { until: Some(until), names: [asked.names[0], "--split"], ..asked.clone() };
    let after = Asked { since: Some(since), names: ["--split", asked.names[1]], ..asked };
    let mut side = |name: &str, time: &Asked| -> Result<Side> {
        time.check().map_err(WrongUsage)?;
        Ok(Side { name: name.to_owned(), runs: read.runs(inputs, time)? })
    };
    Ok(Sides { sides: vec![side("before", &before)?, side("after", &after)?], paired: false })
}

/// The blocks of an experiment as sides: one run for each block, with the runs of a pair at the same index.
fn blocks(args: &CompareArgs, read: &mut Reading, inputs: &Arc<Inputs>, cuts: &Cuts) -> Result<Sides> {
    let pairs = cuts.marks.pairs();
    if pairs.is_empty() {
        bail!(WrongUsage(
            "the experiment ended before both sides were measured: there is nothing to compare".to_owned()
        ));
    }
    let mut sides = ["A", "B"].map(|name| Side { name: name.to_owned(), runs: Vec::new() });
    for pair in &pairs {
        let mut of_pair: Vec<Run> = Vec::new();
        for block in pair {
            let at = |t_ns: u64| Some(When::AfterStart(t_ns.saturating_sub(cuts.start_ns)));
            let time = Asked { since: at(block.since_ns), until: at(block.until_ns), ..Asked::default() };
            of_pair.extend(read.runs(inputs, &time)?);
        }
        // When a block has lost its ticks, the other one of its pair is left out too.
        if let Ok([a, b]) = <[Run; 2]>::try_from(of_pair) {
            sides[0].runs.push(a);
            sides[1].runs.push(b);
        }
    }
    if args.time != TimeArgs::default() {
        say!("only blocks within --since and --until are compared: {} pairs", pairs.len());
    }
    Ok(Sides { sides: sides.into(), paired: true })
}

/// Reads the places where the first recording may be split; `None` when there is no recording.
fn cuts(args: &CompareArgs, read: &mut Reading, inputs: &Arc<Inputs>) -> Result<Option<Cuts>> {
    let filter = FilterArgs::default();
    let request = Request::new(&filter, &args.time, args.text.utc)?;
    let mut player = Player::new(inputs).without_entries();
    let mut cuts: Option<Cuts> = None;
    while let Some(mut replay) = player.next_replay(&request) {
        if let Some(cuts) = &mut cuts {
            cuts.recordings += 1;
            player.play(&mut replay, &mut Marks::default(), || true);
            continue;
        }
        let start_ns = replay.meta().start_ns();
        let mut marks = Marks::new(start_ns);
        player.play(&mut replay, &mut marks, || true);
        cuts = Some(Cuts { marks, start_ns, clock: request.clock(replay.meta()), recordings: 1 });
    }
    read.status = exit::worse(read.status, player.finish());
    read.again = true;
    Ok(cuts)
}

/// Message that asks the user where to split.
fn ask_which_split(acts: &[Act], cuts: &Cuts, path: &Path) -> String {
    let path = shown_path(path);
    if acts.is_empty() {
        return format!(
            "there is only one side, and no setting changed during the recording. Name a second side: memtrace compare \
             before={path} after=FILE. Or split at a time: memtrace compare --split T {path}"
        );
    }
    let mut text = String::from("settings changed several times; split at one of the changes:");
    for act in acts.iter().take(NAMED) {
        let after_s = act.after_ns.saturating_sub(cuts.start_ns).div_ceil(1_000_000_000);
        let time = cuts.clock.seconds(act.after_ns);
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  memtrace compare --split {after_s}s {path}   # {time}: {}", names(act).join(", "));
    }
    if acts.len() > NAMED {
        let _ = write!(text, "\n  and {} more; --since and --until narrow the list", acts.len() - NAMED);
    }
    text
}

/// Names of the changed settings, for a person; a setting that was changed twice is named once.
fn names(act: &Act) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for Change { name, .. } in &act.changes {
        let name = name.tty().to_string();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
