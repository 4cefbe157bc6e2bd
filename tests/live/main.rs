//! memtrace on the real kernel, as root.
//!
//! `cargo xtask test` runs each module in a process of its own, one after the other. Tests of one module may run in
//! parallel; tests of two modules would disturb each other's counts. Started by hand, this binary needs
//! `--test-threads=1`.

mod ab;
mod attach;
mod budget;
mod compare;
mod containers;
mod end;
mod evictors;
mod forks;
mod json;
mod kernel_log;
mod load;
mod loss;
mod lost_end;
mod messages;
mod off_cpu;
mod oom;
mod record;
mod refaults;
mod scans;
mod screen;
mod shrinkers;
mod slots;
mod stacks;
mod stalls;
mod swap;
mod throttle;
mod truth;
