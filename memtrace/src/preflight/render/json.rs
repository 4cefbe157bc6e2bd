//! The JSON object of `memtrace check --json`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::preflight::{Facts, Finding, can_trace};
use memtrace_core::{
    hook::{Attached, HookStatus},
    untrusted::Untrusted,
};

#[derive(Serialize)]
struct Check<'a> {
    r#type: &'static str,
    schema: u32,
    can_trace: bool,
    facts: &'a Facts,
    /// Why a fact is null.
    unread: BTreeMap<&'static str, &'a str>,
    hooks: Vec<Hook<'a>>,
    findings: &'a [Finding],
}

#[derive(Serialize)]
struct Hook<'a> {
    name: &'static str,
    /// How; null when it is not.
    attached: Option<&'static str>,
    /// Why not; null when it is.
    reason: Option<String>,
    gives: &'static str,
    without: &'static str,
    required: bool,
    unread: &'a [&'static str],
    /// Null where the kernel does not tell (before 5.16).
    verified_instructions: Option<u32>,
    took_ns: u64,
}

impl<'a> Hook<'a> {
    fn new(hook: &'a HookStatus) -> Self {
        let reason = match &hook.attached {
            Attached::No(reason) => Some(Untrusted(reason.as_bytes()).json()),
            _ => None,
        };
        Self {
            name: hook.name,
            attached: hook.attached.name(),
            reason,
            gives: hook.gives,
            without: hook.without,
            required: hook.required,
            unread: &hook.unread,
            verified_instructions: hook.verified_instructions,
            took_ns: hook.took_ns,
        }
    }
}

/// The object, on one line without a newline.
///
/// # Errors
/// None in practice: all keys are text.
pub fn json(facts: &Facts, hooks: &[HookStatus], findings: &[Finding]) -> serde_json::Result<String> {
    serde_json::to_string(&Check {
        r#type: "check",
        schema: 1,
        can_trace: can_trace(findings),
        facts,
        unread: facts.unread().into_iter().collect(),
        hooks: hooks.iter().map(Hook::new).collect(),
        findings,
    })
}
