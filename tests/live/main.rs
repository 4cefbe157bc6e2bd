//! memtrace on the real kernel, as root.
//!
//! `cargo xtask test` runs each module in a process of its own, one after the other: the tests of one module may run at
//! once, those of two would be in each other's counts. Started by hand, this binary needs `--test-threads=1`.

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
