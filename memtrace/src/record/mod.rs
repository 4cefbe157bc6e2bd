//! Writing a trace while tracing: the file, the thread that writes, the flight recorder.

pub(crate) mod create;
mod default_name;
mod facts;
mod feed;
pub mod flight;
mod memory_ring;
pub mod meta;
pub mod plan;
mod progress;
pub mod runs;
mod sink;
mod target;
mod thread;

pub use self::{
    create::{Created, PendingFile, Refused, create},
    default_name::default_name,
    feed::{Ask, Feed},
    progress::Progress,
    thread::{Outcome, Prepared, Recorder},
};
