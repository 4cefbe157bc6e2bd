//! `cargo xtask lint`: text, dependencies, format and clippy, of user space and of the kernel side. Cheap checks come first.

mod dependencies;
mod text;

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::{
    tally::Tally,
    toolchain::Toolchain,
    tools,
    workspace::{self, sh},
};

/// `cargo xtask lint`
pub(crate) fn lint() -> Result<ExitCode> {
    tally().map(|_| ExitCode::SUCCESS)
}

/// Runs all checks. The first that finds something is an error; those that this machine has not the means for are counted
/// as skipped, with their reasons on stdout.
pub(crate) fn tally() -> Result<Tally> {
    tools::setup_all(false)?;
    sh(workspace::cargo().args(["fmt", "--all", "--check"]))?;
    let mut skips = Vec::new();
    skips.extend(text::check()?);
    sh(Command::new(tools::TYPOS.path()).current_dir(workspace::root()))?;
    skips.extend(dependencies::check()?);
    sh(workspace::cargo().args(["clippy", "--all-targets", "--", "-D", "warnings"]))?;
    skips.extend(kernel_side()?);
    skips.iter().for_each(|reason| println!("skipped: lint: {reason}"));
    Ok(Tally { skipped: skips.len() as u64, ..Tally::default() })
}

/// Clippy of the kernel side, with its own toolchain; the reason when there is none.
fn kernel_side() -> Result<Option<String>> {
    let kernel = Toolchain::kernel()?;
    if !kernel.has("clippy")
        && let Err(why) = kernel.add("clippy")
    {
        return Ok(Some(format!("the kernel side: its toolchain has no clippy, and it cannot be added: {why:#}")));
    }
    let mut cargo = kernel.cargo();
    cargo.current_dir(workspace::root()).args(["clippy", "--package", "memtrace-ebpf"]);
    cargo.args(["--target", "bpfel-unknown-none", "-Zbuild-std=core", "--", "-D", "warnings"]);
    sh(&mut cargo)?;
    Ok(None)
}
