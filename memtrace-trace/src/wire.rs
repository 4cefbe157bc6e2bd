//! The messages of `proto/memtrace_trace_v1.proto`, as the build makes them.

#![expect(clippy::doc_markdown, reason = "made from the schema, whose comments are its documentation")]

include!(concat!(env!("OUT_DIR"), "/memtrace.trace.v1.rs"));
