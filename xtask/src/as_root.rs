//! Runs one program as root: directly if this process is root, through sudo otherwise.

use std::{ffi::OsStr, process::Command};

use anyhow::{Result, bail};

use crate::workspace::sh;

/// True if this process is root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A command that runs `program` as root. The environment variables in `keep` are passed on.
///
/// # Errors
/// When this process is not root and there is no sudo. The message names the command to run as root.
pub(crate) fn command<S: AsRef<OsStr>>(program: impl AsRef<OsStr>, args: &[S], keep: &[&str]) -> Result<Command> {
    let program = program.as_ref();
    if is_root() {
        let mut command = Command::new(program);
        command.args(args);
        return Ok(command);
    }
    if which::which("sudo").is_err() {
        let args: Vec<_> = args.iter().map(|a| a.as_ref().to_string_lossy()).collect();
        bail!(
            "this needs root, and there is no sudo here. Give as root: {} {}",
            program.to_string_lossy(),
            args.join(" ")
        );
    }
    let mut command = Command::new("sudo");
    if !keep.is_empty() {
        command.arg(format!("--preserve-env={}", keep.join(",")));
    }
    command.arg("--").arg(program).args(args);
    Ok(command)
}

/// Makes sudo ask for the password now, instead of in the middle of some output.
pub(crate) fn authenticate() -> Result<()> {
    if is_root() || which::which("sudo").is_err() {
        return Ok(());
    }
    sh(Command::new("sudo").arg("--validate"))
}
