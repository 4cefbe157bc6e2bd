//! The format as a whole: there and back, and everything that can go wrong.

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
