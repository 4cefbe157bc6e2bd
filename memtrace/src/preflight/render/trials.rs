//! `memtrace check --verifier-log HOOK` as text.

use std::fmt::Write as _;

use memtrace_core::untrusted::Untrusted;
use memtrace_probe::trial::Trial;
use memtrace_report::text::things;

/// A line for each program; the verifier's log follows that of a refused one.
#[must_use]
pub fn trials(trials: &[Trial]) -> String {
    let mut out = String::new();
    for Trial { program, target, method, outcome } in trials {
        let head = format!("{target} by {method}, program {program}");
        // Writing to a String cannot fail.
        let _ = match outcome {
            Ok(Some(n)) => writeln!(out, "{head}: accepted, {} verified", things(u64::from(*n), "instruction")),
            Ok(None) => writeln!(out, "{head}: accepted"),
            Err(refusal) => {
                let why = Untrusted(refusal.why.as_bytes()).tty();
                match &refusal.verifier_log {
                    Some(log) => writeln!(out, "{head}: {why}; the log of the verifier:\n{}", lines(log)),
                    None => writeln!(out, "{head}: {why}; the log of the verifier is empty"),
                }
            }
        };
    }
    out
}

/// The lines of a log, indented and escaped: it contains names of the kernel's structs.
fn lines(log: &str) -> String {
    let line = |line: &str| format!("    {}", Untrusted(line.as_bytes()).tty());
    log.trim_end().lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use memtrace_probe::trial::{Refusal, Trial};

    use super::trials;

    #[test]
    fn the_log_of_a_refused_program_is_written_whole() {
        let trial = |method, outcome| Trial { program: "a".to_owned(), target: "vmscan:x", method, outcome };
        let refusal = |log: Option<&str>| Refusal { why: "refused".to_owned(), verifier_log: log.map(str::to_owned) };
        let text = trials(&[
            trial("btf tracepoint", Err(refusal(Some("0: R1=ctx()\nR0 invalid \u{1b}[0m\n")))),
            trial("tracepoint", Ok(Some(12))),
            trial("fexit", Err(refusal(None))),
        ]);
        let expected = "vmscan:x by btf tracepoint, program a: refused; the log of the verifier:\n    0: R1=ctx()\n    \
                        R0 invalid \\x1b[0m\nvmscan:x by tracepoint, program a: accepted, 12 instructions verified\n\
                        vmscan:x by fexit, program a: refused; the log of the verifier is empty\n";
        assert_eq!(text, expected);
    }
}
