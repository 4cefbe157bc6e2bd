//! Several runs of a command. A separate process records each run to a separate file, so that nothing of one run, such
//! as lowered limits or memory in use, is left in the next.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

/// The name of a run's file: `a.mtrc` becomes `a-3.mtrc`.
#[must_use]
pub fn name_of_run(path: &Path, run: u32) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default();
    let mut name = stem.to_owned();
    name.push(format!("-{run}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// Does all runs, one after the other; the result is the first exit status that is not 0.
///
/// # Errors
/// When memtrace cannot start itself.
pub fn run_all(runs: u32, first_name: &Path) -> Result<u8> {
    let signal = Arc::new(AtomicUsize::new(0));
    for number in [SIGINT, SIGTERM] {
        flag::register_usize(number, Arc::clone(&signal), usize::try_from(number).unwrap_or(1))
            .context("installing the signal handlers")?;
    }
    let exe = std::env::current_exe().context("finding this program")?;
    let mut failed = 0;
    for run in 1..=runs {
        say!("run {run} of {runs}");
        let status = one(&exe, run, first_name, &signal)?;
        failed = if failed == 0 { status } else { failed };
        // A command that fails is a result; if memtrace itself cannot trace, it cannot in the next run either.
        let hopeless = matches!(status, 1 | 2 | 4 | 125..=127);
        if hopeless || signal.load(Ordering::Relaxed) != 0 {
            break;
        }
    }
    Ok(failed)
}

fn one(exe: &Path, run: u32, name: &Path, signal: &AtomicUsize) -> Result<u8> {
    let mut child = Command::new(exe)
        .args(arguments(std::env::args_os().skip(1), run, name))
        .spawn()
        .context("starting the recording of a run")?;
    let mut passed_on = 0;
    loop {
        if let Some(status) = child.try_wait().context("waiting for a run")? {
            return Ok(crate::hardening::status_code(status));
        }
        // A signal from a terminal reaches the run too, which takes the two for one.
        let received = signal.load(Ordering::Relaxed);
        if received != passed_on
            && let Some(signal) = i32::try_from(received).ok().and_then(Signal::from_named_raw)
        {
            let _ = kill_process(Pid::from_child(&child), signal);
            passed_on = received;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The arguments of this process, with the number of the run and the name inserted after `record`.
fn arguments(args: impl Iterator<Item = OsString>, run: u32, name: &Path) -> Vec<OsString> {
    let mut all: Vec<OsString> = args.collect();
    let at = all.iter().position(|arg| arg == "record").map_or(0, |at| at + 1);
    all.splice(at..at, ["--run".into(), run.to_string().into(), "--first-name".into(), name.as_os_str().to_owned()]);
    all
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{arguments, name_of_run};

    #[test]
    fn names_keep_their_directory_and_end() {
        assert_eq!(name_of_run(Path::new("/a.b/x.mtrc"), 3), PathBuf::from("/a.b/x-3.mtrc"));
        assert_eq!(name_of_run(Path::new("trace"), 12), PathBuf::from("trace-12"));
    }

    #[test]
    fn the_commands_own_arguments_stay() {
        let given = ["record", "--runs", "2", "--", "record", "-o", "x"].map(Into::into).into_iter();
        let want = ["record", "--run", "1", "--first-name", "a.mtrc", "--runs", "2", "--", "record", "-o", "x"];
        assert_eq!(arguments(given, 1, Path::new("a.mtrc")), want);
    }
}
