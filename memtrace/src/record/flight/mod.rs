//! The flight recorder: a bounded ring of segments, of which an incident saves its own file.

pub mod limits;
pub(super) mod ring;
pub mod store;
pub mod triggers;
