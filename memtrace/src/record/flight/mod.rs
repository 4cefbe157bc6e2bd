//! The flight recorder: a bounded ring of segments, and a file for each incident.

pub mod limits;
pub(super) mod ring;
pub mod store;
pub mod triggers;
