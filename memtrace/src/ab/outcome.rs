//! Outcome of an experiment: the restored settings, the reason for its end, and the comparison of A and B.

use std::path::Path;

use anyhow::Result;

use super::{
    experiment::{Ended, Ending},
    store::Store,
    undo::{self, Undone},
};
use crate::{
    cli::{AbArgs, CompareArgs, Input, TimeArgs},
    exit, offline,
};
use memtrace_core::untrusted::shown_path;
use memtrace_report::text::things;

/// Restores the settings that a killed experiment left changed; the result is the exit status.
pub(super) fn restore(store: &Store) -> Result<u8> {
    let Some(journal) = store.journal()? else {
        say!("there is nothing to restore");
        return Ok(0);
    };
    let undone = undo::undo(store, &journal)?;
    undone.say();
    said(&undone);
    Ok(if undone.failed.is_empty() { 0 } else { exit::FAILURE })
}

fn said(undone: &Undone) {
    if undone.is_clean() {
        match undone.restored {
            0 => say!("all settings are as they were"),
            n => say!("restored {}", things(n as u64, "setting")),
        }
    }
}

/// Reports how the experiment ended and compares its sides; the result is the exit status.
pub(super) fn report(args: &AbArgs, path: &Path, traced: u8, ended: &Ended) -> Result<u8> {
    let restored = match &ended.undone {
        // The experiment ended before its first write, and the reason was reported.
        None if ended.ending.is_none() => return Ok(traced),
        None => true,
        Some(Ok(undone)) => {
            undone.say();
            said(undone);
            undone.failed.is_empty()
        }
        Some(Err(e)) => {
            say!("the settings could not be restored: {e:#}; `sudo memtrace ab --restore` tries again");
            false
        }
    };
    let (done, all) = ended.blocks;
    let status = match &ended.ending {
        Some(Ending::Done) => 0,
        Some(Ending::Stopped(condition)) => {
            say!("stopped after {done} of {all} blocks: {condition}");
            exit::MET
        }
        Some(Ending::Failed(why)) => {
            say!("ended after {done} of {all} blocks: {why}");
            exit::FAILURE
        }
        None if done == all => 0,
        None => {
            say!("ended after {done} of {all} blocks: the comparison uses only these");
            exit::CANNOT_JUDGE
        }
    };
    let compared = if done < 2 {
        say!("the experiment ended before A and B were both measured: there is nothing to compare");
        exit::CANNOT_JUDGE
    } else {
        let compared = match offline::compare(&comparison(args, path)) {
            // This is no wrong usage: the experiment left nothing to compare.
            Err(e) if e.is::<exit::WrongUsage>() => {
                say!("{e}");
                exit::CANNOT_JUDGE
            }
            compared => compared?,
        };
        say!("recorded to {0}; `memtrace compare {0}` shows this result again", shown_path(path));
        compared
    };
    let all = [if restored { 0 } else { exit::FAILURE }, status, traced, compared];
    Ok(all.into_iter().find(|status| *status != 0).unwrap_or(0))
}

/// Arguments of `memtrace compare` for the blocks of the recording.
fn comparison(args: &AbArgs, path: &Path) -> CompareArgs {
    CompareArgs {
        inputs: vec![Input { name: None, path: path.to_owned() }],
        split: None,
        changed: None,
        strict: false,
        fail_if: Vec::new(),
        seed: 1,
        output: args.form,
        verbose: args.trace.verbose > 0,
        text: args.text,
        time: TimeArgs::default(),
    }
}
