//! The commands that read traces: no rights, no kernel, and no file but those that are named.

mod alone;
mod assembled;
mod compare;
mod input;
mod left_out;
mod overlap;
mod pace;
mod player;
mod recordings;
mod replay;
mod report;
mod salvage;
mod screen;
mod spool;
mod stream;

pub use self::{compare::compare, replay::replay, report::report, salvage::salvage};

/// Exit status when an input is damaged or no trace; what could be read was read.
pub const EXIT_DAMAGED: u8 = 5;
/// Exit status of a wrong usage, as clap's.
pub const EXIT_USAGE: u8 = 2;
/// Exit status when reading or writing failed.
const EXIT_FAILURE: u8 = 1;

/// A command line that cannot be meant; in words why. The exit status is [`EXIT_USAGE`].
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WrongUsage(pub String);

/// The graver of two exit statuses: a failure says more than damage.
const fn graver(a: u8, b: u8) -> u8 {
    match (a, b) {
        (EXIT_FAILURE, _) | (_, EXIT_FAILURE) => EXIT_FAILURE,
        (0, other) | (other, _) => other,
    }
}
