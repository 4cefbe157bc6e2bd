//! The command after `--`, from its start to its end.

use std::{ffi::OsString, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{process::Child, select};

use super::timer::Timer;
use crate::hardening::{self, Original, SpawnError};

/// How long the command may go on after memtrace was asked to end.
const PATIENCE: Duration = Duration::from_secs(2);

/// A started command.
#[derive(Debug)]
pub(super) struct Command {
    child: Child,
    /// Process id, also after its end.
    pid: u32,
    status: Option<u8>,
}

impl Command {
    /// Starts it with what memtrace had before it protected itself.
    pub(super) fn start(words: &[OsString], original: Original) -> Result<Self, SpawnError> {
        let child = hardening::spawn(words, original)?;
        let pid = child.id().unwrap_or_default();
        Ok(Self { child, pid, status: None })
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

    /// Waits for its end. Given up on the way, it can be waited for again.
    pub(super) async fn ended(&mut self) -> Option<u8> {
        if self.status.is_none() {
            self.status = self.child.wait().await.ok().map(hardening::status_code);
        }
        self.status
    }

    /// Waits for it for a moment after memtrace was asked to end by `signal`. From a terminal the command got the
    /// signal too; otherwise it is passed on.
    pub(super) async fn settle(&mut self, signal: i32) -> Option<u8> {
        if signal != libc::SIGINT
            && self.status.is_none()
            && let Some(signal) = Signal::from_named_raw(signal)
            && let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw)
        {
            let _ = kill_process(pid, signal);
        }
        let Ok(timer) = Timer::new().and_then(|timer| timer.arm(PATIENCE).map(|()| timer)) else {
            return self.status();
        };
        select! {
            biased;
            status = self.ended() => status,
            _ = timer.expired() => None,
        }
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.pid
    }
}
