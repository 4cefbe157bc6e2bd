//! Everything that memtrace reports of a session or a recording, as text, Markdown and JSON: reports, comparisons,
//! conditions, and the replay of a recording into a session.
//!
//! Nothing here touches a file, a clock, a terminal, the environment or the kernel. `clippy.toml` beside this crate
//! enforces that.

pub mod by;
pub mod compare;
pub mod condition;
pub mod document;
pub mod json;
pub mod metric;
mod number;
pub mod output;
pub mod replay;
pub mod report;
pub mod schema;
mod style;
pub mod text;
