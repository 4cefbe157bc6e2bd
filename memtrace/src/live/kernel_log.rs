//! The diagnostic log of the kernel side, in words: `memtrace check --kernel-log`, and `-vv` while tracing.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;

use super::start;
use crate::{cli::CheckArgs, exit, host::tasks, preflight, stdout};
use memtrace_core::{units::duration::nanoseconds, untrusted::Untrusted};
use memtrace_probe::{
    error::LoadError,
    kernel_log::Entry,
    load::{Loaded, Probe},
    options::LoadOptions,
};
use memtrace_report::text::{duration, things};

/// The ring of events is emptied this often: one that is full would be a loss of its own.
const STEP: Duration = Duration::from_millis(20);

/// An entry as a line.
pub(super) fn line(entry: &Entry) -> String {
    let kind = entry.kind.map_or_else(String::new, |kind| format!(", in {}", kind.name()));
    let name = tasks::comm(entry.tid).map_or_else(String::new, |comm| format!(" ({})", Untrusted(comm.bytes()).tty()));
    format!("{}{kind}, thread {}{name}: {}", entry.stage.name, entry.tid, entry.stage.what)
}

/// Attaches the hooks and prints what they log; the result is the exit status.
pub(super) fn watch(args: &CheckArgs, facts: &preflight::Facts) -> Result<u8> {
    let options = LoadOptions { kernel_log: true, without: &args.without, ..start::default_options(facts) };
    match Loaded::load(&options).and_then(Loaded::attach) {
        Ok(probe) => print(probe, args.duration),
        Err(e) => Ok(refused(&e)),
    }
}

fn print(mut probe: Probe, lasting: Duration) -> Result<u8> {
    say!("the kernel side logs for {}; Ctrl-C ends it", duration(nanoseconds(lasting)));
    let begun = Instant::now();
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
    say!("{}", if lines == 0 { "nothing was lost".to_owned() } else { things(lines, "line") });
    Ok(0)
}

fn refused(error: &LoadError) -> u8 {
    say!("{error}; `memtrace check` shows each hook and what is missing");
    exit::CANNOT_TRACE
}
