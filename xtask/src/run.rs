//! `cargo xtask run`: from a fresh checkout to memtrace on the screen.

use std::{ffi::OsString, os::unix::process::CommandExt as _, process::ExitCode};

use anyhow::{Context as _, Result};

use crate::{
    as_root,
    build::{self, Profile},
    demo, tools,
    workspace::{line, root},
};

/// `cargo xtask run`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Beside it, make stalls and an OOM kill inside a small memory cgroup; removed at the end
    #[arg(long)]
    demo: bool,
    /// Build for debugging instead of for speed
    #[arg(long)]
    debug: bool,
    /// For memtrace itself, after `--`
    #[arg(last = true, value_name = "MEMTRACE ARGS")]
    args: Vec<OsString>,
}

/// Runs memtrace as root and returns its exit status.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    tools::setup(false)?;
    let profile = if args.debug { Profile::Dev } else { Profile::Release };
    let options = build::BuildOptions { profile, load: args.demo, ..build::BuildOptions::default() };
    let mut binaries = build::binaries(&options)?;
    let memtrace = build::take(&mut binaries, "memtrace")?;
    let mut command = as_root::command(&memtrace, &args.args, &[])?;
    if args.demo {
        let memload = build::take(&mut binaries, "memload")?;
        return demo::run(&mut command, &memload, memtrace.parent().unwrap_or(root()));
    }
    // Nothing is left to do here, so this process becomes memtrace: signals and exit status are its own.
    Err(command.exec()).with_context(|| format!("starting {}", line(&command)))
}
