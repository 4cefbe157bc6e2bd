//! Failures of the kernel and of aya in the words of a user.

use aya::programs::{ProgramError, kprobe::KProbeError, trace_point::TracePointError};

/// What a program is told that the kernel refuses before its verifier sees it.
pub(super) const REFUSED: &str = "refused by the kernel (EPERM): a missing right, or policy";

/// A failure of aya in the words of a user: what the errno means here, and the end of the verifier's log if it spoke.
pub(super) fn describe(error: &ProgramError) -> String {
    match error {
        ProgramError::TracePointError(TracePointError::FileError { io_error, .. })
            if io_error.kind() == std::io::ErrorKind::NotFound =>
        {
            "this kernel has no such event, or tracefs is not mounted".to_owned()
        }
        ProgramError::Btf(aya::BtfError::UnknownBtfTypeName { .. }) => {
            "this kernel has no such event or function".to_owned()
        }
        ProgramError::KProbeError(KProbeError::FileError { io_error, .. })
            if io_error.kind() == std::io::ErrorKind::NotFound =>
        {
            "this kernel has no kprobes".to_owned()
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
        other => chain(other),
    }
}

/// The line of a verifier log that tells what was wrong: the last one before the statistics.
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
