//! An experiment on the running host: two settings in alternating blocks, everything recorded, the first values restored
//! however it ends.
//!
//! [`plan`] computes; the rest reads and writes.

pub mod plan;
