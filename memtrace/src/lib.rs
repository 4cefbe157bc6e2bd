//! memtrace
