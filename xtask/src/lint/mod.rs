//! `cargo xtask lint`: text, dependencies, format and clippy, of user space and of the kernel side. Cheap checks come
//! first.

mod dependencies;
mod text;

use std::{
    process::{Command, ExitCode},
    time::Instant,
};

use anyhow::Result;

use crate::{
    tally::Tally,
    toolchain::Toolchain,
    tools,
    workspace::{self, sh},
};

/// `cargo xtask lint`
pub(crate) fn lint() -> Result<ExitCode> {
    user_space()?;
    documentation()?;
    kernel_side()?;
    Ok(ExitCode::SUCCESS)
}

/// Runs the checks that need stable Rust alone: no nightly, no bpf-linker, no root. The first finding is an error.
/// Checks that this machine lacks the means for are counted as skipped, with their reasons on stdout.
pub(crate) fn user_space() -> Result<Tally> {
    tools::setup_stable()?;
    timed("format", || sh(workspace::cargo().args(["fmt", "--all", "--check"])))?;
    let mut skips = Vec::new();
    skips.extend(text::check()?);
    timed("spelling", || {
        tools::TYPOS.ensure()?;
        sh(Command::new(tools::TYPOS.path()).current_dir(workspace::root()))
    })?;
    skips.extend(timed("dependencies", || {
        tools::CARGO_DENY.ensure()?;
        dependencies::allowed()
    })?);
    timed("unused dependencies", || {
        tools::CARGO_SHEAR.ensure()?;
        dependencies::unused()
    })?;
    timed("clippy", || {
        let mut clippy = workspace::cargo();
        clippy.env("AYA_BUILD_SKIP", "1").args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]);
        sh(&mut clippy)
    })?;
    skipped(skips)
}

/// Fails if the documentation has a broken link.
pub(crate) fn documentation() -> Result<()> {
    let mut doc = workspace::cargo();
    doc.env("AYA_BUILD_SKIP", "1").env("RUSTDOCFLAGS", "-D rustdoc::broken_intra_doc_links");
    doc.args(["doc", "--no-deps", "--lib", "--document-private-items"]);
    timed("documentation", || sh(&mut doc))
}

/// Runs a check, and prints its duration.
fn timed<T>(name: &str, check: impl FnOnce() -> Result<T>) -> Result<T> {
    let begun = Instant::now();
    let done = check();
    println!("lint: {name} took {} s", begun.elapsed().as_secs());
    done
}

/// Runs clippy on the kernel side, with the toolchain that builds it.
pub(crate) fn kernel_side() -> Result<Tally> {
    let kernel = Toolchain::kernel()?;
    kernel.ensure()?;
    if !kernel.has("clippy")
        && let Err(why) = kernel.add("clippy")
    {
        return skipped(vec![format!("the kernel side: its toolchain has no clippy, and it cannot be added: {why:#}")]);
    }
    let mut cargo = kernel.cargo();
    cargo.current_dir(workspace::root()).args(["clippy", "--package", "memtrace-ebpf"]);
    cargo.args(["--target", "bpfel-unknown-none", "-Zbuild-std=core", "--", "-D", "warnings"]);
    sh(&mut cargo)?;
    Ok(Tally::default())
}

fn skipped(skips: Vec<String>) -> Result<Tally> {
    skips.iter().for_each(|reason| println!("skipped: lint: {reason}"));
    Ok(Tally { skipped: skips.len() as u64, ..Tally::default() })
}
