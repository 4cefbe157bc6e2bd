//! The JSON object of `memtrace check --json`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::preflight::{Facts, Finding, can_trace};
use memtrace_core::{
    hook::{Attached, HookStatus},
    untrusted::Untrusted,
};

/// Tracing on this host: what memtrace can trace, and the reasons for what it cannot.
#[derive(JsonSchema, Serialize)]
struct Check<'a> {
    r#type: &'static str,
    /// Version of the object.
    schema: u32,
    /// True when no finding is fatal.
    can_trace: bool,
    /// The facts of the host.
    facts: &'a Facts,
    /// The reason for each fact that is null.
    unread: BTreeMap<&'static str, &'a str>,
    /// The hooks, in the order of attaching; empty when none was tried.
    hooks: Vec<Hook<'a>>,
    /// Findings, the most severe first.
    findings: &'a [Finding],
}

/// A hook, and the result of attaching it.
#[derive(JsonSchema, Serialize)]
struct Hook<'a> {
    /// Event or function.
    name: &'static str,
    /// Method by which it is attached; null when it is not.
    attached: Option<&'static str>,
    /// The reason why it is not attached; null when it is.
    reason: Option<String>,
    /// The values that memtrace takes from it.
    gives: &'static str,
    /// Consequence when it is not attached.
    without: &'static str,
    /// True when memtrace cannot trace without it.
    required: bool,
    /// Values of it that this kernel does not have.
    unread: &'a [&'static str],
    /// Instructions that the verifier went through; null before 5.16, where the kernel does not count them.
    verified_instructions: Option<u32>,
    /// Time to load and attach it, in ns. Hooks are loaded side by side, so that these times overlap.
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

/// The schema of the object (JSON Schema 2020-12), which docs/check-schema.json holds.
///
/// # Errors
/// None in practice: the schema is text.
pub fn schema() -> serde_json::Result<String> {
    let description = "The object of `memtrace check --json`. Facts that were not read are null.";
    memtrace_report::schema::of_object::<Check<'_>>("memtrace check --json", description, "check")
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
