//! Diagnostic log of the kernel side as text: `memtrace check --kernel-log`, and `-vv` while tracing.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;

use super::start;
use crate::{cli::CheckArgs, exit, host::tasks, preflight, stdout};
use memtrace_core::{session::loss::Stage, sum, units::duration::nanoseconds, untrusted::Untrusted};
use memtrace_probe::{
    error::LoadError,
    kernel_log::Entry,
    load::{Loaded, Probe},
    options::LoadOptions,
};
use memtrace_report::text::{duration, things};

/// Interval at which the ring of events is emptied: a full ring would be a loss of its own.
const STEP: Duration = Duration::from_millis(20);

/// Formats an entry as a line.
pub(super) fn line(entry: &Entry) -> String {
    let place = match (entry.hook, entry.kind) {
        (Some(hook), _) => format!(" at {hook}"),
        (None, Some(kind)) => format!(" in {}", kind.name()),
        (None, None) => String::new(),
    };
    let name = tasks::comm(entry.tid).map_or_else(String::new, |comm| format!(" ({})", Untrusted(comm.bytes()).tty()));
    let Stage { name: stage, thing, what, .. } = entry.stage;
    format!("{stage}{place}, thread {}{name}: {thing} {what}", entry.tid)
}

/// Attaches the hooks and prints their log; returns the exit status.
pub(super) fn watch(args: &CheckArgs, facts: &preflight::Facts) -> Result<u8> {
    let options = LoadOptions { kernel_log: true, without: &args.without, ..start::default_options(facts) };
    match Loaded::load(&options).and_then(Loaded::attach) {
        Ok(probe) => print(probe, args.duration),
        Err(e) => Ok(refused(&e)),
    }
}

fn print(mut probe: Probe, lasting: Duration) -> Result<u8> {
    say!(
        "logging events that the kernel side cannot pair or store, for {}; Ctrl-C stops it",
        duration(nanoseconds(lasting))
    );
    let begun = Instant::now();
    let before = probe.totals.lost()?;
    let mut lines = 0;
    loop {
        let is_over = begun.elapsed() >= lasting;
        while probe.ring.next().is_some() {}
        for entry in probe.kernel_log.iter_mut().flat_map(|log| log.read()) {
            lines += 1;
            stdout::print((line(&entry) + "\n").as_bytes())?;
        }
        if is_over {
            break;
        }
        thread::sleep(STEP);
    }
    let lost = sum::of(probe.totals.lost()?.since(&before).lost().map(|(_, n)| n));
    say!("{}", ended(lines, lost));
    Ok(0)
}

/// Last line of the log: a CPU logs at most 64 losses a second, while the ledger counts them all.
fn ended(lines: u64, lost: u64) -> String {
    match lost {
        0 => "nothing was lost".to_owned(),
        _ if lines < lost => {
            format!(
                "{} lost, {} logged: a CPU logs at most 64 events a second",
                things(lost, "event"),
                things(lines, "line")
            )
        }
        _ => format!("{} lost", things(lost, "event")),
    }
}

fn refused(error: &LoadError) -> u8 {
    say!("{error}; `memtrace check` shows each hook and what is missing");
    exit::CANNOT_TRACE
}
