//! Golden outputs, and JSON against its schema.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

mod fixture;
mod json;
mod kills;
mod lines;
mod nodes;
