//! Findings from the facts and the state of the hooks: the problem, its consequence, and the exact next command.

mod host;
mod perf_events;
pub(super) mod rights;

use schemars::JsonSchema;
use serde::Serialize;

use super::facts::Facts;
use memtrace_core::hook::{Attached, HookStatus};

/// Severity of a finding, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// memtrace cannot trace.
    Fatal,
    /// memtrace can trace, but reports less.
    Degraded,
    /// Worth knowing.
    Info,
}

impl Severity {
    /// The name in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fatal => "fatal",
            Self::Degraded => "degraded",
            Self::Info => "info",
        }
    }
}

/// One thing that a user should know before tracing.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Finding {
    /// Severity.
    pub severity: Severity,
    /// The problem.
    pub what: String,
    /// Consequence for what memtrace can report.
    pub consequence: String,
    /// Remedy; several lines are alternatives. Null if there is none.
    pub fix: Option<String>,
}

impl Finding {
    fn new(severity: Severity, what: impl Into<String>, consequence: impl Into<String>) -> Self {
        Self { severity, what: what.into(), consequence: consequence.into(), fix: None }
    }

    /// The kernel refused to load anything at all, for a reason that the facts do not show.
    #[must_use]
    pub fn refused(why: &str) -> Self {
        Self::new(Severity::Fatal, why, "memtrace cannot trace on this host.")
    }

    fn fix(self, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }
}

/// Judges the facts and the hooks; worst findings first. `hooks` is empty when none was tried yet.
#[must_use]
pub fn check(facts: &Facts, hooks: &[HookStatus]) -> Vec<Finding> {
    // An attached hook of a reclaim proves that rights and lockdown are in order.
    let proven = hooks.iter().any(HookStatus::measures_reclaim);
    let mut findings = Vec::new();
    if !proven {
        findings.extend(rights::tracing(facts));
        findings.extend(host::lockdown(facts));
        findings.extend(host::no_way_to_attach(facts));
    }
    let perf_events = perf_events::refused(facts, hooks, proven);
    // If no reclaim is measured because of it, it is the cause, and a line for each hook would hide it.
    let explains_all = perf_events.as_ref().is_some_and(|finding| finding.severity == Severity::Fatal);
    if findings.is_empty() && !explains_all {
        let reads_less = host::reads_less(facts);
        let severity = if reads_less.is_some() { Severity::Degraded } else { Severity::Fatal };
        findings.extend(reads_less);
        findings.extend(required_hooks(hooks).map(|finding| Finding { severity, ..finding }));
        findings.extend(optional_hooks(hooks));
    }
    findings.extend(perf_events);
    findings.extend(rights::comfort(facts));
    findings.extend(host::all(facts));
    findings.sort_by_key(|finding| finding.severity);
    findings
}

/// True if memtrace can trace: `memtrace check` exits with 0, else with 4.
#[must_use]
pub fn can_trace(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.severity != Severity::Fatal)
}

fn required_hooks(hooks: &[HookStatus]) -> impl Iterator<Item = Finding> {
    hooks.iter().filter(|hook| hook.required).filter_map(|hook| match &hook.attached {
        Attached::No(reason) => Some(Finding::new(
            Severity::Fatal,
            format!("{} is not attached: {reason}", hook.name),
            sentence(hook.without),
        )),
        _ => None,
    })
}

/// One finding for all optional hooks: the table of the hooks has the reasons.
fn optional_hooks(hooks: &[HookStatus]) -> Option<Finding> {
    let missing: Vec<_> = hooks.iter().filter(|hook| !hook.required && hook.attached.name().is_none()).collect();
    if missing.is_empty() {
        return None;
    }
    let names: Vec<_> = missing.iter().map(|hook| hook.name).collect();
    let mut lost: Vec<_> = missing.iter().map(|hook| hook.without).collect();
    lost.dedup();
    let what = format!("{} of {} hooks not attached: {}", missing.len(), hooks.len(), names.join(", "));
    Some(Finding::new(Severity::Degraded, what, sentence(&lost.join("; "))))
}

/// Makes a sentence of a text in the hook table, which starts with a small letter.
fn sentence(words: &str) -> String {
    format!("Without it: {words}.")
}
