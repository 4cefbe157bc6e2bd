//! Paths of the workspace, and helpers to run commands.

use std::{
    env,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The cargo of the user-space toolchain, in the root of the workspace.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    // .cargo/config.toml sets this variable only for the builds inside build scripts.
    command.current_dir(root()).env_remove("CARGO_TERM_QUIET");
    command
}

/// Target folder of cargo. It is derived from the running xtask, so CARGO_TARGET_DIR and cargo's settings are
/// respected.
pub(crate) fn target() -> Result<PathBuf> {
    let me = env::current_exe().context("the path of xtask")?;
    me.ancestors().nth(2).map(Path::to_owned).with_context(|| format!("{} lies in no target folder", me.display()))
}

/// The commit of the checkout, with `-dirty` where files differ from it; `unknown` without git.
pub(crate) fn commit() -> String {
    let mut git = Command::new("git");
    git.current_dir(root()).args(["describe", "--always", "--dirty", "--exclude=*"]);
    output(&mut git).unwrap_or_else(|| "unknown".to_owned())
}

/// Runs a command to its end.
///
/// # Errors
/// When it cannot be started or fails. Its output is already on the screen.
pub(crate) fn sh(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("starting {}", line(command)))?;
    if !status.success() {
        bail!("`{}` failed: {status}", line(command));
    }
    Ok(())
}

/// Runs a command of the set-up to its end. stdout is for the result of the command that needed the set-up:
/// `cargo xtask run -- --json | jq`.
///
/// # Errors
/// As [`sh`].
pub(crate) fn sh_to_stderr(command: &mut Command) -> Result<()> {
    sh(command.stdout(io::stderr()))
}

/// Stdout of a command; `None` if it fails or does not exist.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let out = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    if !out.status.success() {
        return None;
    }
    Some(String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

/// The command as one would type it.
pub(crate) fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    // The full path of a toolchain's cargo is of no use to the reader.
    let program = if program.ends_with("cargo") { Path::new("cargo") } else { program };
    let words = std::iter::once(program.as_os_str()).chain(command.get_args());
    words.map(|w| w.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Path of a program in PATH. The error names the command that installs it.
pub(crate) fn need(program: &str, what_for: &str, remedy: &str) -> Result<PathBuf> {
    which::which(program).map_err(|_| anyhow::anyhow!("`{program}` is missing: {what_for}. Install it: {remedy}"))
}

#[cfg(test)]
mod tests {
    use std::env;

    use super::*;

    const WORD: &str = "a-word-of-the-set-up";
    const CHILD: &str = "MEMTRACE_TEST_SETS_UP";

    /// Runs this test once more as a child process whose stdout and stderr can be read.
    #[test]
    fn set_up_writes_to_stderr_alone() {
        if env::var_os(CHILD).is_some() {
            return sh_to_stderr(Command::new("echo").arg(WORD)).expect("echo");
        }
        let me = env::current_exe().expect("the path of this test binary");
        let args = ["workspace::tests::set_up_writes_to_stderr_alone", "--exact", "--nocapture"];
        let out = Command::new(me).args(args).env(CHILD, "1").output().expect("running the child");
        let (stdout, stderr) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(stdout.contains("1 passed"), "the child ran no test:\n{stdout}");
        assert!(stderr.contains(WORD) && !stdout.contains(WORD), "stdout:\n{stdout}\nstderr:\n{stderr}");
    }
}
