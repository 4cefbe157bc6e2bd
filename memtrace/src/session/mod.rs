//! The session: events and ticks in, what every view shows out. It never looks at a clock, a file or a terminal.

pub mod histogram;
pub mod input;
