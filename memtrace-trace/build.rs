//! Generates Rust from the schema of trace files, without a protoc.

#![expect(clippy::disallowed_macros, reason = "cargo reads what a build script prints")]

use anyhow::{Context as _, Result};

const PROTO_DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proto");

fn main() -> Result<()> {
    println!("cargo:rerun-if-changed={PROTO_DIR}");
    let schema = protox::compile(["memtrace_trace_v1.proto"], [PROTO_DIR]).context("the schema of trace files")?;
    prost_build::Config::new().compile_fds(schema).context("Rust for the schema of trace files")
}
