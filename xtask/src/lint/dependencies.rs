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

/// Fails when a crate names a dependency, or the workspace one, that no source names, or names it in the wrong table.
pub(super) fn unused() -> Result<()> {
    let mut shear = Command::new(tools::CARGO_SHEAR.path());
    shear.current_dir(workspace::root()).args(["--frozen", "--deny-warnings"]);
    let out = shear.output().with_context(|| format!("starting {}", line(&shear)))?;
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
