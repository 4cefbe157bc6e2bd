//! The program memtrace: measures which tasks pay for memory reclaim, and how much, on a running kernel.

// Messages for people go through `messages`, and results through a writer whose errors are checked.
#![deny(clippy::print_stderr, clippy::print_stdout)]

#[macro_use]
pub mod messages;

pub mod ab;
pub mod cli;
pub mod exit;
pub mod hardening;
pub mod host;
pub mod live;
pub mod offline;
pub mod preflight;
pub mod record;
pub mod screen;
mod signals;
pub mod stdout;
pub mod terminal;
