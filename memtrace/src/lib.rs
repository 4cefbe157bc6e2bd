//! The program memtrace: measures which tasks pay for memory reclaim, and how much, on a running kernel.

// Everything for people goes through `messages`, and results through a writer whose errors are looked at.
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
