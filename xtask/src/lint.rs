//! `cargo xtask lint`: format and clippy, of user space and of the kernel side.

use anyhow::Result;

use crate::{
    toolchain::Toolchain,
    tools,
    workspace::{self, sh},
};

pub(crate) fn lint() -> Result<()> {
    tools::setup(false)?;
    sh(workspace::cargo().args(["fmt", "--all", "--check"]))?;
    sh(workspace::cargo().args(["clippy", "--all-targets", "--", "-D", "warnings"]))?;
    let kernel = Toolchain::kernel()?;
    if !kernel.has("clippy")
        && let Err(why) = kernel.add("clippy")
    {
        eprintln!("xtask: the kernel side is not linted: its toolchain has no clippy, and it cannot be added: {why:#}");
        return Ok(());
    }
    let mut cargo = kernel.cargo();
    cargo.current_dir(workspace::root()).args(["clippy", "--package", "memtrace-ebpf"]);
    cargo.args(["--target", "bpfel-unknown-none", "-Zbuild-std=core", "--", "-D", "warnings"]);
    sh(&mut cargo)
}
