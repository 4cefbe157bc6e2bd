//! Questions before anything is changed.

use std::io::{self, IsTerminal as _};

use anyhow::{Context as _, Result};

use super::plan::{Plan, Risk, Schedule, describe, journal::Journal};
use crate::{cli::AbArgs, messages};
use memtrace_report::text::things;

/// Shows the plan and asks the user to confirm it. True when the experiment may begin.
pub(super) fn go_on(plan: &Plan, schedule: &Schedule, risks: &[Risk], args: &AbArgs) -> Result<bool> {
    messages::print(describe::plan(plan, schedule, risks));
    for condition in &args.stop_if {
        messages::print(format!("the experiment stops when {condition}\n"));
    }
    if args.yes {
        return Ok(true);
    }
    if !io::stdin().is_terminal() {
        say!(
            "stdin is not a terminal, so memtrace cannot ask: pass --yes to go on, or --dry-run to only show the plan"
        );
        return Ok(false);
    }
    let agreed = yes("The experiment changes these settings and restores them at its end. Go on?")?;
    if !agreed {
        say!("nothing was changed");
    }
    Ok(agreed)
}

/// Asks whether to restore first the settings that a killed experiment left changed.
pub(super) fn put_back(journal: &Journal, without_asking: bool) -> Result<bool> {
    let settings = things(journal.kept.len() as u64, "setting");
    say!("an experiment that began at {} was killed and left {settings} changed", journal.begun);
    if without_asking {
        return Ok(true);
    }
    Ok(io::stdin().is_terminal() && yes("Put them back first?")?)
}

/// Asks a yes/no question. Anything but a clear yes is a no, and so is a question that could not be printed.
fn yes(question: &str) -> Result<bool> {
    if !messages::print(format!("{question} [y/N] ")) {
        return Ok(false);
    }
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).context("reading the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "Yes"))
}
