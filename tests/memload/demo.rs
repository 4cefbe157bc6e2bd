//! The load of `cargo xtask run --demo`, and the guardian that cleans up after it.
//!
//! `xtask` holds the other end of standard input. Any end of `xtask`, even SIGKILL, closes it. This process then ends
//! the loads (which also die with it) and removes the cgroups and the file. Everything happens inside two small memory
//! cgroups: the machine as a whole is not short of memory.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use rustix::{
    fd::OwnedFd,
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal, test_kill_process},
};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};
use tests::{ChildGuard, MemCgroup, cgroup};

use crate::file;

const PREFIX: &str = "memtrace-demo-";
const FILE_MB: usize = 96;
const FILE_LIMIT: u64 = 48 << 20;
const OOM_LIMIT: u64 = 32 << 20;
const FIRST_OOM: Duration = Duration::from_secs(3);
const OOM_EVERY: Duration = Duration::from_secs(10);

/// A command from `xtask` or a signal.
enum Word {
    /// Start the load. End this process if `xtask` goes away without having ended it.
    Watch(Pid),
    End,
}

pub(crate) fn run(dir: &Path) -> Result<()> {
    // Listen first, so that no signal arrives with something to clean up and nobody to do it.
    let (words, ear) = channel();
    listen(words)?;
    sweep(dir)?;
    let name = |what: &str| format!("{PREFIX}{}-{what}", process::id());
    let file_group = MemCgroup::create(&name("file"), FILE_LIMIT)?;
    let oom_group = MemCgroup::create(&name("oom"), OOM_LIMIT)?;
    let file = Removed(dir.join(name("data")));
    file::make(&file.0, FILE_MB)?;
    println!("ready");

    let Ok(Word::Watch(pid)) = ear.recv() else { return Ok(()) };
    let watched = pidfd_open(pid, PidfdFlags::empty());
    let mb = FILE_MB.to_string();
    let _reader = load(file_group.dir(), &["file".as_ref(), file.0.as_os_str(), mb.as_ref(), "1e9".as_ref()])?;
    let mut hogs = Vec::new();
    let mut next_oom = Instant::now() + FIRST_OOM;
    while let Err(RecvTimeoutError::Timeout) = ear.recv_timeout(next_oom.saturating_duration_since(Instant::now())) {
        hogs.clear();
        hogs.push(load(oom_group.dir(), &["hog".as_ref()])?);
        next_oom += OOM_EVERY;
    }
    end(watched);
    Ok(())
}

/// Sends SIGTERM to a process that `xtask` left behind. It is gone already if `xtask` ended in order.
fn end(watched: rustix::io::Result<OwnedFd>) {
    if let Ok(watched) = watched {
        let _ = pidfd_send_signal(watched, Signal::TERM);
    }
}

/// Turns signals and the lines of standard input into commands. The loss of either source is harmless: the other one
/// still ends the load.
fn listen(words: Sender<Word>) -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("catching signals")?;
    let by_signal = words.clone();
    thread::spawn(move || {
        for _ in &mut signals {
            let _ = by_signal.send(Word::End);
        }
    });
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            let pid = line.strip_prefix("watch ").and_then(|p| p.parse().ok()).and_then(Pid::from_raw);
            if let Some(pid) = pid {
                let _ = words.send(Word::Watch(pid));
            }
        }
        let _ = words.send(Word::End);
    });
    Ok(())
}

/// Starts `memload ARGS` inside `cgroup`, to die with this process.
fn load(cgroup: &Path, args: &[&std::ffi::OsStr]) -> Result<ChildGuard> {
    let me = env::current_exe().context("the path of memload")?;
    let mut command = Command::new(me);
    command.arg("--die-with-parent").arg("--cgroup").arg(cgroup).args(args);
    Ok(ChildGuard(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().context("starting the load")?))
}

/// Removes the cgroups and files of demos that were killed together with their guardian.
pub(crate) fn sweep(dir: &Path) -> Result<()> {
    for left in cgroup::list(PREFIX)?.into_iter().filter(|p| orphaned(p)) {
        cgroup::remove(&left).with_context(|| format!("removing the left-over {}", left.display()))?;
    }
    for entry in fs::read_dir(dir).with_context(|| format!("listing {}", dir.display()))?.flatten() {
        if orphaned(&entry.path()) {
            fs::remove_file(entry.path()).with_context(|| format!("removing {}", entry.path().display()))?;
        }
    }
    Ok(())
}

/// True if the path is named after a demo whose process is gone.
fn orphaned(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()).and_then(|p| p.parse().ok());
    pid.and_then(Pid::from_raw).is_some_and(|pid| test_kill_process(pid).is_err())
}

/// A file that is removed at the end.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
