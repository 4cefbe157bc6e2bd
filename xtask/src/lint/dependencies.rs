//! Checks of the dependencies: none is unused, has another licence or source, or an advisory.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::{
    tools,
    workspace::{self, line, sh},
};

/// Checks licences, sources, bans and advisories. Returns the reason if the advisories could not be fetched.
pub(super) fn allowed() -> Result<Option<String>> {
    sh(deny().args(["check", "--hide-inclusion-graph", "bans", "licenses", "sources"]))?;
    let fetched = deny().args(["fetch", "db"]).stderr(Stdio::null()).status();
    if !fetched.is_ok_and(|status| status.success()) {
        return Ok(Some("advisories: the database of RustSec is not reachable".to_owned()));
    }
    sh(deny().args(["--offline", "check", "advisories"]))?;
    Ok(None)
}

/// Fails if a crate or the workspace lists a dependency that no source uses, or lists it in the wrong table.
pub(super) fn unused() -> Result<()> {
    let mut shear = Command::new(tools::CARGO_SHEAR.path());
    shear.current_dir(workspace::root()).args(["--frozen", "--deny-warnings"]);
    let out = shear.output().with_context(|| format!("starting {}", line(&shear)))?;
    if !out.status.success() {
        bail!("unused dependencies:\n{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    }
    Ok(())
}

/// cargo-deny without its warnings and notes.
fn deny() -> Command {
    let mut command = Command::new(tools::CARGO_DENY.path());
    command.current_dir(workspace::root()).args(["--log-level", "error"]);
    command
}
