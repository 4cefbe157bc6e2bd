//! `memtrace check` as text of 80 columns and as a JSON object.

mod facts;
mod json;
mod trials;
mod wrap;

use self::wrap::wrap;
pub use self::{
    json::{json, schema},
    trials::trials,
};
use super::{Facts, Finding, Severity, can_trace, findings::rights};
use memtrace_core::{
    hook::{Attached, HookStatus},
    untrusted::Untrusted,
};
use memtrace_report::text::duration;

/// Columns of text; commands to be copied are never broken.
const WIDTH: usize = 80;

/// Options of the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Severities have ANSI colours.
    pub colour: bool,
    /// Each hook is shown with the time to load and attach it.
    pub times: bool,
}

/// The text of `memtrace check`: facts, hooks, findings.
#[must_use]
pub fn text(facts: &Facts, hooks: &[HookStatus], findings: &[Finding], look: Look) -> String {
    let colour = look.colour;
    let mut out = String::new();
    for (name, value) in facts::lines(facts) {
        wrap(&mut out, &format!("{name:<14}"), 14, &value, WIDTH);
    }
    if !hooks.is_empty() {
        let attached = hooks.iter().filter(|hook| hook.attached.name().is_some()).count();
        out.push_str(&format!("\nHooks ({attached} of {} attached)\n", hooks.len()));
        for hook in hooks {
            hook_lines(&mut out, hook, look);
        }
    }
    if !findings.is_empty() {
        out.push_str("\nFindings\n");
        out.push_str(&self::findings(findings, colour));
    }
    let verdict = if can_trace(findings) {
        let less = findings.iter().any(|finding| finding.severity == Severity::Degraded);
        if less { "memtrace can trace here, with the limits above." } else { "memtrace can trace here." }
    } else {
        "memtrace cannot trace here."
    };
    out.push_str(&format!("\n{verdict}\n"));
    out
}

/// The findings alone; a fix that several share is printed once.
#[must_use]
pub fn findings(findings: &[Finding], colour: bool) -> String {
    let mut out = String::new();
    for (at, finding) in findings.iter().enumerate() {
        let said = finding.fix.is_some() && findings[..at].iter().any(|before| before.fix == finding.fix);
        finding_lines(&mut out, finding, said, colour);
    }
    out
}

/// Message on stderr when `memtrace` is started without the rights to trace, before it exits with 4. `None` when it has
/// them.
#[must_use]
pub fn missing_rights_message(facts: &Facts) -> Option<String> {
    let finding = rights::tracing(facts)?;
    let mut text = String::new();
    wrap(&mut text, "memtrace: ", 10, &finding.what, WIDTH);
    wrap(&mut text, "", 0, &finding.consequence, WIDTH);
    text.push_str("Use one of:\n");
    for line in finding.fix.iter().flat_map(|fix| fix.lines()) {
        text.push_str(&format!("  {line}\n"));
    }
    text.push_str("`memtrace check` shows details and needs no privileges.\n");
    Some(text)
}

fn hook_lines(out: &mut String, hook: &HookStatus, Look { colour, times }: Look) {
    let mark = if hook.attached.name().is_some() {
        paint("ok", "32", colour)
    } else if hook.required {
        paint("NO", "31;1", colour)
    } else {
        paint("no", "33", colour)
    };
    let how = hook.attached.name().map_or_else(String::new, |how| format!("  {how}"));
    out.push_str(&format!("  {mark}  {}{how}\n", hook.name));
    wrap(out, "      ", 6, &format!("gives {}", hook.gives), WIDTH);
    if let Attached::No(reason) = &hook.attached {
        wrap(out, "      ", 6, &format!("not attached: {}", Untrusted(reason.as_bytes()).tty()), WIDTH);
        wrap(out, "      ", 6, &format!("without it: {}", hook.without), WIDTH);
    }
    if times && hook.took_ns > 0 {
        wrap(out, "      ", 6, &format!("took {}", duration(hook.took_ns)), WIDTH);
    }
    if !hook.unread.is_empty() {
        wrap(out, "      ", 6, &format!("not in this kernel: {}", hook.unread.join(", ")), WIDTH);
    }
}

fn finding_lines(out: &mut String, finding: &Finding, fix_was_said: bool, colour: bool) {
    let name = format!("{:<10}", finding.severity.name());
    let code = match finding.severity {
        Severity::Fatal => "31;1",
        Severity::Degraded => "33",
        Severity::Info => "36",
    };
    wrap(out, &format!("  {}", paint(&name, code, colour)), 12, &finding.what, WIDTH);
    wrap(out, &" ".repeat(12), 12, &finding.consequence, WIDTH);
    if fix_was_said {
        out.push_str("            fix: as above\n");
        return;
    }
    for (at, line) in finding.fix.iter().flat_map(|fix| fix.lines()).enumerate() {
        out.push_str(&format!("            {} {line}\n", if at == 0 { "fix:" } else { " or:" }));
    }
}

fn paint(text: &str, code: &str, colour: bool) -> String {
    if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}
