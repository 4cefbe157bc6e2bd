//! `memtrace check`.

use anyhow::{Context as _, Result};

use super::try_hooks;
use crate::{exit, preflight, stdout, terminal};

/// Tries every hook where there are rights to, and prints what can be traced; the result is the exit status.
///
/// # Errors
/// When stdout fails.
pub fn check(json: bool) -> Result<u8> {
    let facts = preflight::gather();
    let (hooks, refused) = match preflight::missing_rights_message(&facts) {
        Some(_) => (Vec::new(), None),
        None => match try_hooks(&facts) {
            Ok(hooks) => (hooks, None),
            Err(e) => (Vec::new(), Some(e.to_string())),
        },
    };
    let mut findings = preflight::check(&facts, &hooks);
    findings.extend(refused.as_deref().map(preflight::Finding::refused));
    let text = if json {
        preflight::render::json(&facts, &hooks, &findings).context("rendering the check")? + "\n"
    } else {
        preflight::render::text(&facts, &hooks, &findings, terminal::style(false).colour)
    };
    stdout::print(text.as_bytes())?;
    Ok(if preflight::can_trace(&findings) { 0 } else { exit::CANNOT_TRACE })
}
