//! memtrace: what memory reclaim costs whom, from the running kernel.

// Everything for people goes through `messages`, and results through a writer whose errors are looked at.
#![deny(clippy::print_stderr, clippy::print_stdout)]

#[macro_use]
pub mod messages;

pub mod ab;
pub mod before;
pub mod cli;
pub mod clock;
pub mod compare;
pub mod condition;
pub mod container;
pub mod decode;
pub mod event;
pub mod exit;
pub mod gfp;
pub mod hook;
pub mod host;
pub mod host_facts;
pub mod json;
pub mod limits;
pub mod lines;
pub mod live;
pub mod names;
pub mod offline;
pub mod output;
pub mod preflight;
pub mod probe;
pub mod record;
pub mod replay;
pub mod report;
pub mod screen;
pub mod session;
mod signals;
pub mod source;
pub mod stack;
pub mod stdout;
mod sum;
pub mod survive;
pub mod terminal;
pub mod throttle;
pub mod trace;
pub mod units;
pub mod untrusted;
