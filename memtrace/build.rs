//! Builds the kernel side (`memtrace-ebpf`) with its own pinned toolchain and hands its object to the crate; makes Rust
//! of the schema of trace files, without a protoc.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};
use aya_build::{Package, Toolchain, build_ebpf};

const EBPF_DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../memtrace-ebpf");
const COMMON_DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../memtrace-common");
const LINKER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.tools/bin/bpf-linker");

const PROTO_DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proto");

fn main() -> Result<()> {
    println!("cargo:rerun-if-changed={PROTO_DIR}");
    let schema = protox::compile(["memtrace_trace_v1.proto"], [PROTO_DIR]).context("the schema of trace files")?;
    prost_build::Config::new().compile_fds(schema).context("Rust for the schema of trace files")?;
    println!("cargo:rerun-if-changed={COMMON_DIR}/src");
    println!("cargo:rerun-if-changed={LINKER}");
    if !Path::new(LINKER).exists() {
        bail!("no bpf-linker at .tools/bin: the kernel side cannot be linked. Run `cargo xtask setup` once.");
    }
    let channel = toolchain()?;
    build_ebpf(
        [Package { name: "memtrace-ebpf", root_dir: EBPF_DIR, ..Package::default() }],
        Toolchain::Custom(&channel),
    )
    .with_context(|| format!("building the kernel side with {channel} (missing? `cargo xtask setup` installs it)"))
}

/// The channel that `memtrace-ebpf/rust-toolchain.toml` pins.
fn toolchain() -> Result<String> {
    let file = format!("{EBPF_DIR}/rust-toolchain.toml");
    let text = fs::read_to_string(&file).with_context(|| file.clone())?;
    let table: toml::Table = text.parse().with_context(|| file.clone())?;
    let channel = table.get("toolchain").and_then(|t| t.get("channel")).and_then(|c| c.as_str());
    Ok(channel.with_context(|| format!("{file} names no toolchain.channel"))?.to_owned())
}
