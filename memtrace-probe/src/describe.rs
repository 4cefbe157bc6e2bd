//! Failures of the kernel and of aya, worded for a user.

use std::io::{self, ErrorKind};

use aya::{
    programs::{ProgramError, kprobe::KProbeError, trace_point::TracePointError},
    sys::SyscallError,
};

/// The reason in a message when the kernel refuses a program before its verifier runs.
pub(super) const REFUSED: &str = "refused by the kernel (EPERM): a missing right, or policy";

/// The reason in a message when no function can have a probe.
pub(super) const NO_PROBES: &str = "this kernel has no kprobes";

/// The call that attaches classic tracepoints, probes and the event of major faults. A message names it, so that the
/// sysctl that forbids it can be named as well.
pub const PERF_EVENT_OPEN: &str = "perf_event_open";

/// The reason why a program was not loaded.
#[derive(Debug)]
pub(super) enum Failure {
    /// It was not passed to the kernel.
    NotTried(String),
    /// The kernel or aya refused it.
    Refused(ProgramError),
}

impl Failure {
    /// The failure, worded for a user.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::NotTried(why) => why.clone(),
            Self::Refused(error) => describe(error),
        }
    }

    /// True when the kernel lets us open no perf event, for this program or any other.
    pub(super) fn is_of_all_perf_events(&self) -> bool {
        matches!(self, Self::Refused(error) if perf_event_refused(error).is_some())
    }

    /// The full log of the verifier; `None` when it wrote nothing.
    pub(super) fn verifier_log(&self) -> Option<String> {
        match self {
            Self::Refused(ProgramError::LoadError { verifier_log, .. }) => {
                Some(verifier_log.to_string()).filter(|log| !log.trim().is_empty())
            }
            _ => None,
        }
    }
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self::NotTried(why)
    }
}

impl From<ProgramError> for Failure {
    fn from(error: ProgramError) -> Self {
        Self::Refused(error)
    }
}

/// A failure of aya, worded for a user: the meaning of the errno here, and the end of the verifier's log if there is
/// one.
pub(super) fn describe(error: &ProgramError) -> String {
    match error {
        ProgramError::TracePointError(TracePointError::FileError { io_error, .. })
            if io_error.kind() == ErrorKind::NotFound =>
        {
            "this kernel has no such event, or tracefs is not mounted".to_owned()
        }
        ProgramError::Btf(aya::BtfError::UnknownBtfTypeName { .. }) => {
            "this kernel has no such event or function".to_owned()
        }
        ProgramError::KProbeError(KProbeError::FileError { io_error, .. })
            if io_error.kind() == ErrorKind::NotFound =>
        {
            NO_PROBES.to_owned()
        }
        ProgramError::LoadError { io_error, verifier_log } => {
            let log = verifier_log.to_string();
            match (io_error.raw_os_error(), log.trim()) {
                (Some(libc::EPERM), "") => REFUSED.to_owned(),
                (_, "") => format!("refused by the kernel: {io_error}"),
                (_, log) => {
                    format!("refused by the verifier: {}", complaint(log))
                }
            }
        }
        other => match perf_event_refused(other) {
            Some(io_error) => format!("{PERF_EVENT_OPEN} is refused ({io_error})"),
            None => chain(other),
        },
    }
}

/// The error of the kernel when it lets us open no perf event, irrespective of the event.
fn perf_event_refused(error: &ProgramError) -> Option<&io::Error> {
    match error {
        ProgramError::SyscallError(SyscallError { call, io_error }) => Some(io_error)
            .filter(|error| call.starts_with(PERF_EVENT_OPEN) && error.kind() == ErrorKind::PermissionDenied),
        _ => None,
    }
}

/// The line of a verifier log with the reason: the last one before the statistics.
fn complaint(log: &str) -> &str {
    let statistics = ["processed ", "stack depth ", "verification time "];
    log.lines().rev().find(|line| !statistics.iter().any(|word| line.starts_with(word))).unwrap_or(log)
}

/// An error with its causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
