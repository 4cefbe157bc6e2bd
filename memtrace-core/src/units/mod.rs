//! Quantities as a person writes them, on the command line and in conditions.

pub mod duration;
pub mod size;
