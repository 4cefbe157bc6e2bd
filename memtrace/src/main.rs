//! The `memtrace` binary.
fn main() {}
