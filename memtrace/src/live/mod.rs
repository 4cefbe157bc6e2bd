//! Tracing a running kernel: ring -> decode -> session -> queue -> output, and a tick once an interval.
//!
//! The main thread drains and ticks and never waits for an output; a second thread puts into words and writes.

mod command;
mod cost;
mod drain;
mod ooms;
mod output;
mod run;
mod stop;
mod view;

pub use self::{run::run, drain::Drain, output::{Item, Queue, queue}};
