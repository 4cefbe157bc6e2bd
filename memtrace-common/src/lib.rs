//! Types and code that the kernel side and user space of memtrace share.
//!
//! Everything here is `no_std`, free of pointers and of allocation, and simple enough for the BPF verifier: the ring
//! records ([`record`]), the values of the maps ([`totals`]), the pairing of begin and end ([`span`], [`wait`]), the
//! shape of the latency histograms ([`histogram`]), stacks ([`stack`]) and the constants that the loader passes
//! ([`config`]). Both sides are built together, so the layouts may change at any time; file formats are defined
//! elsewhere.
#![cfg_attr(not(test), no_std)]
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]

pub mod config;
pub mod count;
pub mod eviction;
pub mod field;
pub mod histogram;
pub mod kernel_log;
pub mod kind;
mod named;
pub mod oom;
pub mod part;
pub mod record;
pub mod refault;
pub mod shrinker;
pub mod span;
pub mod stack;
pub mod task;
pub mod throttle;
pub mod totals;
pub mod verifier;
pub mod wait;
pub mod zone;
