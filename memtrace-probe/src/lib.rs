//! The kernel side as user space sees it: facts about the kernel, loading and attaching, reading the maps. Of
//! memtrace's crates only this one names aya.

// All messages for people go through the module `messages` of the program.
#![deny(clippy::print_stderr, clippy::print_stdout)]

pub mod btf;
mod describe;
pub mod error;
mod facts;
mod fallbacks;
pub mod faults;
pub mod gfp;
pub mod kernel_log;
mod kinds;
pub mod layout;
pub mod load;
mod loading;
mod object;
mod open;
pub mod options;
mod pod;
pub mod programs;
mod queue;
pub mod stacks;
pub mod stalled;
pub mod totals;
mod tracepoints;
pub mod trial;
pub mod zones;

pub use self::describe::PERF_EVENT_OPEN;
