//! The machine we run on: the cache directory, signals, and programs that must not outlive us.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rustix::process::{Pid, Signal, getpid, getppid, set_parent_process_death_signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tempfile::TempDir;

/// A thing that this machine cannot give (qemu, a package, the network): a reason to skip, not a failure.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unavailable(pub(crate) String);

/// A signal asked us to stop.
#[derive(Debug, thiserror::Error)]
#[error("stopped by a signal; the guest is gone and its files are removed")]
pub(crate) struct Interrupted;

/// The cache directory, and the flag that a signal asked us to stop.
pub(crate) struct Host {
    cache: PathBuf,
    interrupted: Arc<AtomicBool>,
}

/// Exit status and output of a helper program.
pub(crate) struct Finished {
    /// Exit status.
    pub(crate) status: ExitStatus,
    /// Standard output.
    pub(crate) stdout: Vec<u8>,
    /// Standard error; bytes that are not UTF-8 are replaced.
    pub(crate) stderr: String,
}

impl Finished {
    /// Standard output as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Reason of a failure from standard error, for an error message.
    pub(crate) fn complaint(&self) -> &str {
        let lines = || self.stderr.lines().filter(|line| !line.trim().is_empty());
        // apt gives the reason in a warning before the error that follows from it.
        let reason = lines().find(|line| line.contains("Failed to fetch"));
        let error = reason.or_else(|| lines().find(|line| line.starts_with("E: ") || line.contains("rror: ")));
        error.or_else(|| lines().next_back()).unwrap_or("it said nothing").trim()
    }
}

impl Host {
    /// Find (and make) the cache, and catch SIGINT, SIGTERM and SIGHUP. A second one exits at once.
    pub(crate) fn new() -> Result<Self> {
        let cache = cache_directory(|name| std::env::var_os(name).filter(|value| !value.is_empty()))?;
        let host = Self::at(cache)?;
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&host.interrupted))?;
            signal_hook::flag::register(signal, Arc::clone(&host.interrupted))?;
        }
        Ok(host)
    }

    /// A host with this cache that catches no signals.
    pub(crate) fn at(cache: PathBuf) -> Result<Self> {
        fs::create_dir_all(cache.join("run")).with_context(|| {
            format!("cannot make the cache {}; name another with MEMTRACE_VM_CACHE=DIR", cache.display())
        })?;
        Ok(Self { cache, interrupted: Arc::default() })
    }

    /// Directory of kernels, apt state and work directories.
    pub(crate) fn cache(&self) -> &Path {
        &self.cache
    }

    /// Fails if a signal asked us to stop. Every loop that waits calls this.
    pub(crate) fn check(&self) -> Result<()> {
        if self.interrupted.load(Ordering::Relaxed) { Err(Interrupted.into()) } else { Ok(()) }
    }

    /// Sleep a moment in a polling loop. Fails if a signal asked us to stop.
    pub(crate) fn pause(&self) -> Result<()> {
        std::thread::sleep(Duration::from_millis(20));
        self.check()
    }

    /// A new work directory, removed on drop. Directories that killed runs left behind are removed first.
    pub(crate) fn work_directory(&self) -> Result<(TempDir, File)> {
        let parent = self.cache.join("run");
        let _one_at_a_time = self.lock("run.lock")?;
        for entry in fs::read_dir(&parent)?.flatten() {
            let lock = File::open(entry.path().join("lock"));
            if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
                // The owner is gone, since a live one holds the lock. A failure to remove it costs only space.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let directory = tempfile::Builder::new().prefix("guest-").tempdir_in(&parent)?;
        let lock = File::create(directory.path().join("lock"))?;
        lock.try_lock().map_err(|error| anyhow!("a fresh lock file is taken: {error}"))?;
        Ok((directory, lock))
    }

    /// Hold a lock file of the cache; waits for another run that has it.
    pub(crate) fn lock(&self, name: &str) -> Result<File> {
        let lock = File::create(self.cache.join(name))?;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::WouldBlock) => self.pause()?,
                Err(TryLockError::Error(error)) => return Err(error).context("cannot lock the cache"),
            }
        }
    }

    /// Run a helper program to its end and take its output. `package` is the package to install if it is missing.
    pub(crate) fn capture(&self, command: &mut Command, package: &str) -> Result<Finished> {
        let (mut out, mut err) = (tempfile::tempfile()?, tempfile::tempfile()?);
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(err.try_clone()?);
        let mut child = spawn_bound(command, package)?;
        let status = loop {
            if let Some(status) = child.0.try_wait()? {
                break status;
            }
            self.pause()?;
        };
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        out.rewind()?;
        out.read_to_end(&mut stdout)?;
        err.rewind()?;
        err.read_to_end(&mut stderr)?;
        Ok(Finished { status, stdout, stderr: String::from_utf8_lossy(&stderr).into_owned() })
    }

    /// As [`Host::capture`], but a status other than 0 is an error with the program's own reason.
    pub(crate) fn must(&self, command: &mut Command, package: &str) -> Result<Finished> {
        let done = self.capture(command, package)?;
        if done.status.success() {
            return Ok(done);
        }
        let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
        let line = words.join(OsStr::new(" "));
        Err(anyhow!("`{}` failed ({}): {}", line.display(), done.status, done.complaint()))
    }
}

/// A child that is killed and reaped when dropped.
pub(crate) struct Bound(pub(crate) Child);

impl Drop for Bound {
    fn drop(&mut self) {
        // Both fail only when it has already ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Start a program that dies with us, however we end. It has its own process group, so that Ctrl-C reaches
/// only us and we end it in order.
pub(crate) fn spawn_bound(command: &mut Command, package: &str) -> Result<Bound> {
    let parent = getpid();
    command.process_group(0);
    // SAFETY: the closure runs between fork and exec and makes two system calls, prctl and getppid; both are
    // async-signal-safe, and it neither allocates nor takes a lock.
    unsafe { command.pre_exec(move || die_with(parent)) };
    let program = command.get_program().to_owned();
    command.spawn().map(Bound).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            let name = program.display();
            Unavailable(format!("{name} is not installed; install it with `apt-get install {package}`")).into()
        }
        _ => anyhow!(error).context(format!("cannot start {}", program.display())),
    })
}

fn die_with(parent: Pid) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The parent may have ended before the line above; then nobody would send the signal.
    if getppid() == Some(parent) { Ok(()) } else { Err(io::ErrorKind::Interrupted.into()) }
}

/// `$MEMTRACE_VM_CACHE`, else `$XDG_CACHE_HOME/memtrace/vm`, else `~/.cache/memtrace/vm`.
fn cache_directory(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Result<PathBuf> {
    if let Some(own) = variable("MEMTRACE_VM_CACHE") {
        return Ok(std::path::absolute(own)?);
    }
    let base = variable("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| Path::new(&home).join(".cache")))
        .context("no HOME in the environment, so no place for the cache; name one with MEMTRACE_VM_CACHE=DIR")?;
    Ok(base.join("memtrace/vm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_where_the_environment_says() {
        let with = |set: &[(&str, &str)]| {
            cache_directory(|name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
        };
        assert_eq!(with(&[("HOME", "/h")]).unwrap(), Path::new("/h/.cache/memtrace/vm"));
        assert_eq!(with(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]).unwrap(), Path::new("/x/memtrace/vm"));
        assert_eq!(with(&[("HOME", "/h"), ("MEMTRACE_VM_CACHE", "/m")]).unwrap(), Path::new("/m"));
        assert!(with(&[]).unwrap_err().to_string().contains("MEMTRACE_VM_CACHE"));
    }

    #[test]
    fn a_missing_program_names_its_package() {
        let error = spawn_bound(&mut Command::new("/nonexistent/qemu"), "qemu-system-x86").err().unwrap();
        assert!(error.is::<Unavailable>());
        assert!(error.to_string().contains("apt-get install qemu-system-x86"), "{error}");
    }
}
