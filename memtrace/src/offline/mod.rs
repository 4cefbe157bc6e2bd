//! Commands that read traces. They need no rights and no kernel support, and read no file but those that are named.

mod assembled;
mod compare;
mod input;
mod input_file;
mod left_out;
mod overlap;
mod pace;
mod player;
mod recordings;
mod replay;
mod report;
mod salvage;
mod screen;
mod sides;
mod split;
mod spool;
mod start;
mod stream;

pub use self::{compare::compare, replay::replay, report::report, salvage::salvage};
