//! The command after `--`, from its start to its end.

use std::{ffi::OsString, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{process::Child, select};

use super::timer::Timer;
use crate::hardening::{self, Original, SpawnError};

/// Time that the command has to end once memtrace was asked to end.
const PATIENCE: Duration = Duration::from_secs(2);

/// A started command.
#[derive(Debug)]
pub(super) struct Command {
    child: Child,
    /// Process id; kept after the command has ended.
    pid: u32,
    status: Option<u8>,
}

impl Command {
    /// Starts the command with the memory lock limit and the `oom_score_adj` that memtrace had before it protected
    /// itself.
    pub(super) fn start(words: &[OsString], original: Original) -> Result<Self, SpawnError> {
        let child = hardening::spawn(words, original)?;
        let pid = child.id().unwrap_or_default();
        Ok(Self { child, pid, status: None })
    }

    /// Exit status as a shell reports it; `None` while the command runs.
    pub(super) fn status(&mut self) -> Option<u8> {
        if self.status.is_none()
            && let Ok(Some(status)) = self.child.try_wait()
        {
            self.status = Some(hardening::status_code(status));
        }
        self.status
    }

    /// Waits for the end of the command and returns its exit status. A wait that is dropped can be repeated.
    pub(super) async fn ended(&mut self) -> Option<u8> {
        if self.status.is_none() {
            self.status = self.child.wait().await.ok().map(hardening::status_code);
        }
        self.status
    }

    /// Waits up to `PATIENCE` for the command after `signal` ended the tracing. A terminal sends SIGINT to the command
    /// too; any other signal is passed on.
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

    /// Process id of the command.
    pub(super) fn pid(&self) -> u32 {
        self.pid
    }
}
