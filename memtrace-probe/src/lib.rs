//! The kernel side as user space sees it: what the kernel says of itself, loading and attaching, reading what comes.
//! Nothing outside this folder names aya.

pub mod btf;
pub mod drain;
pub mod error;
mod facts;
mod fallbacks;
pub mod faults;
pub mod format;
pub mod gfp;
mod kinds;
pub mod load;
mod open;
pub mod options;
pub mod places;
mod pod;
pub mod programs;
pub mod stacks;
pub mod stalled;
mod words;
pub mod zones;
