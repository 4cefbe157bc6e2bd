//! The kernel side as user space sees it: what the kernel says of itself, loading and attaching, reading what comes.
//! Nothing outside this folder names aya.

pub mod btf;
mod chains;
pub mod drain;
mod facts;
pub mod faults;
pub mod format;
pub mod gfp;
pub mod hooks;
mod kinds;
pub mod load;
mod open;
pub mod places;
mod pod;
pub mod programs;
pub mod stacks;
pub mod stalled;
mod words;
pub mod zones;
