//! The format as a whole: there and back, and everything that can go wrong.

mod damage;
mod hostile;
mod round_trip;
mod sample;
mod size;
