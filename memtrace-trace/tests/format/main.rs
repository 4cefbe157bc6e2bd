//! The format as a whole: there and back, and everything that can go wrong.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its trace has failed")]

mod damage;
mod extremes;
mod feed;
mod fuzz;
mod hostile;
mod order;
mod reading;
mod round_trip;
mod salvage;
mod sample;
