//! The command after `--`, from its start to its end.

use std::{
    ffi::OsString,
    process::Child,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::hardening::{self, Original, SpawnError};

/// How long the command may go on after memtrace was asked to end.
const PATIENCE: Duration = Duration::from_secs(2);

/// A started command.
#[derive(Debug)]
pub(super) struct Command {
    child: Child,
    status: Option<u8>,
}

impl Command {
    /// Starts it with what memtrace had before it protected itself.
    pub(super) fn start(words: &[OsString], original: Original) -> Result<Self, SpawnError> {
        Ok(Self { child: hardening::spawn(words, original)?, status: None })
    }

    /// Its status for a shell, once it has ended.
    pub(super) fn status(&mut self) -> Option<u8> {
        if self.status.is_none()
            && let Ok(Some(status)) = self.child.try_wait()
        {
            self.status = Some(hardening::status_code(status));
        }
        self.status
    }

    /// Waits for it for a moment after memtrace was asked to end by `signal`. From a terminal the command got the
    /// signal too; otherwise it is passed on.
    pub(super) fn settle(&mut self, signal: i32) -> Option<u8> {
        if signal != libc::SIGINT
            && let Some(signal) = Signal::from_named_raw(signal)
        {
            let _ = kill_process(Pid::from_child(&self.child), signal);
        }
        let begun = Instant::now();
        while self.status().is_none() && begun.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(10));
        }
        self.status
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}
