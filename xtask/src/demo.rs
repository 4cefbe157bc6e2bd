//! `cargo xtask run --demo`: memtrace with a harmless load beside it.
//!
//! The load is `memload demo`. It runs as root and cleans up when our end of its standard input closes for any reason.
//! This file starts it, runs memtrace, forwards signals, and waits until all is gone.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitCode, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rustix::{
    fs::{FsWord, statfs},
    process::{Pid, Signal, kill_process},
};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM},
    iterator::{
        SignalsInfo,
        exfiltrator::{WithOrigin, origin::Origin},
    },
    low_level::siginfo::Cause,
};

use crate::as_root;

/// Runs `memtrace` beside the load and returns its exit status. The file that is read goes to `dir`.
pub(crate) fn run(memtrace: &mut Command, memload: &Path, dir: &Path) -> Result<ExitCode> {
    as_root::authenticate()?;
    let mut signals = SignalsInfo::<WithOrigin>::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT]).context("catching signals")?;
    eprintln!(
        "xtask: demo: a 96 MB file is read again and again in a cgroup with 48 MB (stalls), and every 10 s one\n\
         xtask: process is OOM-killed in a cgroup with 32 MB. The rest of the machine is left alone; Ctrl-C ends it."
    );
    let dir = on_disk(dir);
    let mut load = Load::start(memload, &dir)?;
    if signals.pending().next().is_some() {
        return Ok(ExitCode::from(130));
    }
    let mut child = memtrace.spawn().context("starting memtrace")?;
    let pid = Pid::from_child(&child);
    load.watch(pid);
    let ears = signals.handle();
    let forwarder = thread::spawn(move || forward(&mut signals, pid));
    let status = child.wait().context("waiting for memtrace")?;
    ears.close();
    let _ = forwarder.join();
    drop(load);
    Ok(exit_code(status))
}

/// The running load. Dropping it ends the load.
struct Load<'a> {
    memload: &'a Path,
    dir: &'a Path,
    child: Child,
    lifeline: Option<ChildStdin>,
}

impl<'a> Load<'a> {
    fn start(memload: &'a Path, dir: &'a Path) -> Result<Self> {
        let mut command = as_root::command(memload, &["demo".as_ref(), dir.as_os_str()], &[])?;
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("starting the load")?;
        let stdout = child.stdout.take();
        let load = Self { memload, dir, lifeline: child.stdin.take(), child };
        let mut said = String::new();
        if let Some(stdout) = stdout {
            BufReader::new(stdout).read_line(&mut said).context("waiting for the load")?;
        }
        if said.trim() != "ready" {
            bail!("the demo's load could not be set up (its reason is above); `cargo xtask run` alone needs no load");
        }
        Ok(load)
    }

    /// Starts the load. It ends `pid` if this process goes away without having done so.
    fn watch(&mut self, pid: Pid) {
        if let Some(lifeline) = &mut self.lifeline {
            // A load that is gone has printed the reason; memtrace goes on without it.
            let _ = writeln!(lifeline, "watch {pid}");
        }
    }
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        if self.child.wait().is_ok_and(|status| status.signal().is_some()) {
            // The load was killed before it could clean up.
            let sweep = ["demo".as_ref(), "--sweep".as_ref(), self.dir.as_os_str()];
            let _ = as_root::command(self.memload, &sweep, &[]).map(|mut c| c.status());
        }
    }
}

/// Forwards signals that were sent to this process alone. memtrace gets a signal of the terminal (Ctrl-C) by itself,
/// and a second one would end it at once. The same holds for senders such as timeout(1) that signal both us and our
/// group.
fn forward(signals: &mut SignalsInfo<WithOrigin>, pid: Pid) {
    let mut last: Option<Instant> = None;
    for origin in signals {
        let again = last.is_some_and(|t| t.elapsed() < Duration::from_millis(300));
        // A terminal that goes away signals only the leader of its session, which may be us.
        let for_us_alone = origin.signal == SIGHUP || sent_by_process(&origin);
        if !for_us_alone || again {
            continue;
        }
        last = Some(Instant::now());
        let signal = match origin.signal {
            SIGINT => Signal::INT,
            SIGHUP => Signal::HUP,
            SIGQUIT => Signal::QUIT,
            _ => Signal::TERM,
        };
        if kill_process(pid, signal).is_err() {
            // Without root, `pid` is a sudo process, which we may not signal. Another sudo may.
            let by_number = format!("-{}", signal.as_raw());
            let _ = Command::new("sudo").args(["--non-interactive", "kill", &by_number, &pid.to_string()]).status();
        }
    }
}

fn sent_by_process(origin: &Origin) -> bool {
    matches!(origin.cause, Cause::Sent(_))
}

/// `dir`, or `/var/tmp` if `dir` is in memory: the file must be read from a disk.
fn on_disk(dir: &Path) -> PathBuf {
    const TMPFS_MAGIC: FsWord = 0x0102_1994;
    match statfs(dir) {
        Ok(fs) if fs.f_type != TMPFS_MAGIC => dir.to_owned(),
        _ => PathBuf::from("/var/tmp"),
    }
}

fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|s| 128 + s)).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
