//! What the outputs look like (golden) and that the JSON is what its schema says.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

mod fixture;
mod json;
mod kills;
mod lines;
mod nodes;
