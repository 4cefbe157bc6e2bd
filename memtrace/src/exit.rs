//! Exit statuses, as the manual lists them.

/// Reading, writing or tracing failed.
pub const FAILURE: u8 = 1;
/// The command line makes no sense; clap uses the same status.
pub const USAGE: u8 = 2;
/// A condition of `--fail-if` or `--stop-if` is met.
pub const MET: u8 = 3;
/// A right or a kernel feature is missing.
pub const CANNOT_TRACE: u8 = 4;
/// An input is damaged, incomplete or no trace. What could be read was read.
pub const DAMAGED: u8 = 5;
/// A comparison cannot be judged, or an experiment is incomplete.
pub const CANNOT_JUDGE: u8 = 6;
/// memtrace itself failed while it ran a command, which has exit statuses of its own.
pub const OWN_FAILURE: u8 = 125;

/// The worse of two statuses of inputs: a failure outranks damage.
#[must_use]
pub const fn worse(a: u8, b: u8) -> u8 {
    match (a, b) {
        (FAILURE, _) | (_, FAILURE) => FAILURE,
        (0, other) | (other, _) => other,
    }
}

/// A command line that makes no sense, with the reason in words. The exit status is [`USAGE`].
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WrongUsage(pub String);
