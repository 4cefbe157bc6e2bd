//! The session: takes events and ticks, and gives the data of every view. It never looks at a clock, a file or a
//! terminal.
//!
//! Exact totals come from the kernel side at each tick. The tasks that stalled come from events, of which a full ring
//! loses some. Stalls that the totals count but no event reported are shown as `unattributed`, so that the two always
//! add up.

pub mod bands;
pub mod churn;
pub mod counters;
pub mod counts;
pub mod coverage;
pub mod detail;
mod engine;
pub mod evictors;
pub mod faults;
pub mod filter;
pub mod histogram;
pub mod incomplete;
pub mod input;
mod interval;
pub mod item;
pub mod kswapd;
pub mod loss;
pub mod memory;
pub mod nodes;
mod oom;
pub mod open_time;
pub mod parts;
pub mod pattern;
mod process;
pub mod recent;
pub mod sampled;
pub mod shrinkers;
pub mod stacks;
pub mod summary;
mod table;
mod tail;
pub mod tally;
pub mod tick;
pub mod unrecorded;
mod window;
pub mod zones;

pub use self::engine::{Applied, Session, SessionConfig};

#[cfg(test)]
mod tests;
