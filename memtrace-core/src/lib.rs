//! The pure core of memtrace: events of memory reclaim as they are decoded, and the session that aggregates them.
//!
//! Nothing here touches a file, a clock, a terminal, the environment or the kernel: all measurements, time among them,
//! come in as values. `clippy.toml` beside this crate enforces that.

pub mod at_start;
pub mod budget;
pub mod clock;
pub mod container;
pub mod decode;
pub mod event;
pub mod gfp;
pub mod history;
pub mod hook;
pub mod host_facts;
pub mod limits;
pub mod names;
pub mod session;
pub mod source;
pub mod stack;
pub mod sum;
pub mod throttle;
pub mod tracefs_format;
pub mod units;
pub mod untrusted;
