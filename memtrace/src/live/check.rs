//! `memtrace check`.

use anyhow::{Context as _, Result};

use super::{kernel_log, start, try_hooks};
use crate::{cli::CheckArgs, exit, messages, preflight, stdout, terminal};
use memtrace_probe::{options::LoadOptions, trial};

/// Tries every hook if the rights allow it, and prints what can be traced; returns the exit status.
///
/// # Errors
/// When stdout fails.
pub fn check(args: &CheckArgs) -> Result<u8> {
    let facts = preflight::gather();
    if args.verifier_log.is_some() || args.kernel_log {
        return of_kernel(args, &facts);
    }
    let (hooks, refused) = match preflight::missing_rights_message(&facts) {
        Some(_) => (Vec::new(), None),
        None => match try_hooks(&facts) {
            Ok(hooks) => (hooks, None),
            Err(e) => (Vec::new(), Some(e.to_string())),
        },
    };
    let mut findings = preflight::check(&facts, &hooks);
    findings.extend(refused.as_deref().map(preflight::Finding::refused));
    let text = if args.json {
        preflight::render::json(&facts, &hooks, &findings).context("rendering the check")? + "\n"
    } else {
        let look = preflight::render::Look { colour: terminal::style(false).colour, times: args.verbose };
        preflight::render::text(&facts, &hooks, &findings, look)
    };
    stdout::print(text.as_bytes())?;
    Ok(if preflight::can_trace(&findings) { 0 } else { exit::CANNOT_TRACE })
}

/// Prints the log of the verifier or of the kernel side, if the rights allow it; returns the exit status.
fn of_kernel(args: &CheckArgs, facts: &preflight::Facts) -> Result<u8> {
    if let Some(message) = preflight::missing_rights_message(facts) {
        messages::print(message);
        return Ok(exit::CANNOT_TRACE);
    }
    match &args.verifier_log {
        Some(hook) => verifier_log(hook, facts),
        None => kernel_log::watch(args, facts),
    }
}

/// Loads the programs of one hook and prints the verifier's log; returns the exit status.
fn verifier_log(hook: &str, facts: &preflight::Facts) -> Result<u8> {
    // With all optional parts on: otherwise programs return at once, and the verifier checks little of them.
    let options = LoadOptions { off_cpu: true, evictors: true, ..start::default_options(facts) };
    match trial::try_programs(hook, &options) {
        Ok(trials) => {
            stdout::print(preflight::render::trials(&trials).as_bytes())?;
            Ok(if trials.iter().any(|trial| trial.outcome.is_ok()) { 0 } else { exit::CANNOT_TRACE })
        }
        Err(e) => {
            say!("{e}");
            Ok(exit::CANNOT_TRACE)
        }
    }
}
