//! State of the host, read once a tick or at the start: never on the path of the events.
//!
//! Each file is a parser of text and a thin reader.

pub mod busy;
pub mod cgroups;
pub mod changes;
pub mod clocks;
pub mod counters;
pub mod kallsyms;
pub mod kmsg;
pub mod limits;
pub mod memory_counters;
pub mod memory_stat;
mod mounts;
pub mod node_refaults;
pub mod own;
pub mod pressure;
mod pseudo_file;
mod sampler;
pub mod settings;
pub mod symbols;
pub mod tasks;
pub mod vmstat;
pub mod zones;

pub use self::{
    mounts::{Mount, mounts},
    sampler::Sampler,
};
