//! The dependencies: none without use, none of another licence or source, none with an advisory.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::{
    tools,
    workspace::{self, line, sh},
};

/// Checks licences, sources, bans and advisories; the reason when the advisories could not be had.
pub(super) fn allowed() -> Result<Option<String>> {
    sh(deny().args(["check", "--hide-inclusion-graph", "bans", "licenses", "sources"]))?;
    let fetched = deny().args(["fetch", "db"]).stderr(Stdio::null()).status();
    if !fetched.is_ok_and(|status| status.success()) {
        return Ok(Some("advisories: the database of RustSec is not reachable".to_owned()));
    }
    sh(deny().args(["--offline", "check", "advisories"]))?;
    Ok(None)
}

/// Fails when a `[dependencies]` table names what no source names. cargo-machete does not look at dev- and
/// build-dependencies, and it talks also when all is well.
pub(super) fn unused() -> Result<()> {
    let mut machete = Command::new(tools::CARGO_MACHETE.path());
    machete.current_dir(workspace::root()).arg("--skip-target-dir");
    let out = machete.output().with_context(|| format!("starting {}", line(&machete)))?;
    if !out.status.success() {
        bail!("unused dependencies:\n{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    }
    Ok(())
}

/// cargo-deny without what it only notes.
fn deny() -> Command {
    let mut command = Command::new(tools::CARGO_DENY.path());
    command.current_dir(workspace::root()).args(["--log-level", "error"]);
    command
}
