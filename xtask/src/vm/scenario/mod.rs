//! What memtrace must get right on other kernels: loads in a guest, judged by the kernel's own word.

mod evidence;
mod global_oom;

use anyhow::Result;

use super::binaries::Binaries;
use super::deb;
use super::host::Host;
use super::kernels::Kernel;

/// Whether a check held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It held.
    Ok,
    /// It did not.
    Failed,
    /// This machine could not try it.
    Skipped,
}

/// One line of the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    name: &'static str,
    /// How it went.
    pub(crate) verdict: Verdict,
    note: String,
}

impl Check {
    /// It held; `note` gives the figures.
    pub(crate) fn ok(name: &'static str, note: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Ok, note: note.into() }
    }

    /// It did not hold; `note` says what was expected and what was seen.
    pub(crate) fn failed(name: &'static str, note: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Failed, note: note.into() }
    }

    /// It could not be tried; `note` is the reason.
    pub(crate) fn skip(name: &'static str, note: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Skipped, note: note.into() }
    }

    /// From the outcome of a judgement.
    pub(crate) fn of(name: &'static str, outcome: Result<String, String>) -> Self {
        outcome.map_or_else(|note| Self::failed(name, note), |note| Self::ok(name, note))
    }

    /// `6.12  global-oom       ok    victim ...`
    pub(crate) fn line(&self, kernel: &str) -> String {
        let verdict = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Failed => "FAIL",
            Verdict::Skipped => "skip",
        };
        format!("{kernel:<5} {:<16} {verdict:<5} {}", self.name, self.note)
    }
}

/// Every scenario on one kernel.
pub(crate) fn run_all(host: &Host, kernel: &Kernel, binaries: &Binaries, verbose: bool) -> Result<Vec<Check>> {
    let image = deb::obtain(host, kernel)?;
    global_oom::run(host, &image, binaries, verbose)
}
