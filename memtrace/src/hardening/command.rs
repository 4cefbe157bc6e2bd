//! The command after `--`: started with the limits and the `oom_score_adj` that this process had before it protected
//! itself.

use std::{
    env,
    ffi::{OsStr, OsString},
    io,
    os::unix::{
        ffi::OsStrExt as _,
        process::{CommandExt as _, ExitStatusExt as _},
    },
    process::{Command, ExitStatus},
};

use rustix::process::{Resource, setrlimit};
use thiserror::Error;
use tokio::process::Child;

use super::Original;
use memtrace_core::untrusted::shown_path;

/// Reason why the command did not start.
#[derive(Debug, Error)]
pub enum SpawnError {
    /// There is no such file.
    #[error("{0}: not found")]
    NotFound(String),
    /// It is there but cannot be executed.
    #[error("{0}: cannot be executed: {1}")]
    NotExecutable(String, #[source] io::Error),
    /// No process could be made.
    #[error("{0}: could not be started: {1}")]
    Failed(String, #[source] io::Error),
}

impl SpawnError {
    /// Exit status of memtrace, the same as that of `env` and `timeout`.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotFound(_) => 127,
            Self::NotExecutable(..) => 126,
            Self::Failed(..) => 125,
        }
    }
}

/// Starts `command` (program and arguments) as the user that memtrace runs as, with the original `oom_score_adj`,
/// memory lock limit and signal dispositions. Locked memory is not inherited anyway. The command goes on when the child
/// is dropped. Must be called inside a tokio runtime.
///
/// # Errors
/// When it cannot be started; [`SpawnError::exit_code`] is memtrace's status then.
pub fn spawn(command: &[OsString], original: Original) -> Result<Child, SpawnError> {
    let Some((program, args)) = command.split_first() else {
        return Err(SpawnError::NotFound(String::new()));
    };
    let mut command = Command::new(program);
    command.args(args);
    let oom_score_adj = original.oom_score_adj.map(|value| value.to_string().into_bytes());
    let in_child = move || {
        if let Some(text) = &oom_score_adj {
            restore_oom_score_adj(text)?;
        }
        if let Some(limit) = original.memlock {
            setrlimit(Resource::Memlock, limit)?;
        }
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGPIPE] {
            // SAFETY: plain system call; no handler is installed.
            if unsafe { libc::signal(signal, libc::SIG_DFL) } == libc::SIG_ERR {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: the closure runs between fork and exec; it makes system calls only, allocates nothing and takes no lock.
    unsafe { command.pre_exec(in_child) };
    tokio::process::Command::from(command).spawn().map_err(|e| {
        let name = shown_path(program);
        match e.raw_os_error() {
            Some(libc::ENOENT) => SpawnError::NotFound(name),
            // EACCES for a directory of PATH hides that no other directory has the program.
            Some(libc::EACCES) if !exists(program) => SpawnError::NotFound(name),
            Some(libc::EAGAIN | libc::ENOMEM | libc::EMFILE | libc::ENFILE) => SpawnError::Failed(name, e),
            _ => SpawnError::NotExecutable(name, e),
        }
    })
}

/// True if there is a file of this name, as far as this user can see.
fn exists(program: &OsStr) -> bool {
    if program.as_bytes().contains(&b'/') {
        return true;
    }
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|dir| dir.join(program).exists()))
}

/// The status that memtrace passes on: the command's own, or 128 and the number of the signal that ended it.
#[must_use]
pub fn status_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(125);
    u8::try_from(code).unwrap_or(125)
}

/// Writes `oom_score_adj`; raising it needs no right. Makes system calls only: this runs between fork and exec.
fn restore_oom_score_adj(text: &[u8]) -> io::Result<()> {
    use rustix::fs::{CWD, Mode, OFlags, openat};
    let file = openat(CWD, c"/proc/self/oom_score_adj", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::write(&file, text)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use tokio::runtime::{Builder, Runtime};

    use super::{Original, spawn, status_code};

    const ORIGINAL: Original = Original { oom_score_adj: None, memlock: None };

    fn runtime() -> Runtime {
        Builder::new_current_thread().enable_io().build().unwrap()
    }

    fn run(script: &str, original: Original) -> u8 {
        let command = ["sh", "-c", script].map(OsString::from);
        status_code(runtime().block_on(async { spawn(&command, original).unwrap().wait().await }).unwrap())
    }

    #[test]
    fn its_status_is_passed_on() {
        assert_eq!(run("exit 0", ORIGINAL), 0);
        assert_eq!(run("exit 42", ORIGINAL), 42);
        assert_eq!(run("kill -9 $$", ORIGINAL), 137);
        assert_eq!(run("kill -PIPE $$", ORIGINAL), 141);
    }

    #[test]
    fn what_cannot_start() {
        let runtime = runtime();
        let _inside = runtime.enter();
        let code = |program: &str| spawn(&[program.into()], ORIGINAL).unwrap_err().exit_code();
        assert_eq!(code("/nonexistent"), 127);
        assert_eq!(code("no-such-command-here"), 127);
        assert_eq!(code("/etc/passwd"), 126);
        assert_eq!(code("/"), 126);
        assert_eq!(spawn(&[], ORIGINAL).unwrap_err().exit_code(), 127);
    }

    #[test]
    fn it_gets_the_original_values() {
        // Raising is allowed to everyone, so 500 stands for the value before memtrace lowered it.
        let original = Original { oom_score_adj: Some(500), memlock: None };
        assert_eq!(run("test $(cat /proc/self/oom_score_adj) = 500", original), 0);
    }
}
