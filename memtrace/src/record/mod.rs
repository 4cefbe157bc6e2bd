//! Writing a trace while tracing: files, the recorder thread, the flight recorder.

pub mod flight;
