//! Scenarios for other kernels: loads in a guest, where memtrace's results are judged by the kernel's own data.

mod boots;
mod check;
mod degraded;
mod direct_anon;
mod direct_file;
mod evidence;
mod global_oom;
mod hooks;
mod kills;
mod memcg_limit;
mod memcg_oom;
mod mglru;
mod oom_calls;
mod oom_group;
mod refaults;
mod run;
mod stalls;
#[cfg(test)]
mod tests;
mod two_nodes;
mod waits;
mod zones;

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context, Result};

use self::boots::BOOTS;
pub(crate) use self::boots::{Boot, NAMES};
use self::evidence::Sections;
use super::binaries::Binaries;
use super::deb::Image;
use super::guest::{Guest, GuestEnd};
use super::host::Host;
use super::kernels::Kernel;
use super::options::Setup;

/// Result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CheckResult {
    /// The check held.
    Ok,
    /// The check held in only one of two boots of the guest.
    Flaky,
    /// The check did not hold.
    Failed,
    /// This machine could not try the check.
    Skipped,
}

/// One line of the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    name: &'static str,
    /// Result of the check.
    pub(crate) result: CheckResult,
    note: String,
}

impl Check {
    /// A check that held; `note` has the figures.
    pub(crate) fn ok(name: &'static str, note: impl Into<String>) -> Self {
        Self { name, result: CheckResult::Ok, note: note.into() }
    }

    /// A check that did not hold; `note` has the expected and the actual result.
    pub(crate) fn failed(name: &'static str, note: impl Into<String>) -> Self {
        Self { name, result: CheckResult::Failed, note: note.into() }
    }

    /// A check that could not be tried; `note` is the reason.
    pub(crate) fn skip(name: &'static str, note: impl Into<String>) -> Self {
        Self { name, result: CheckResult::Skipped, note: note.into() }
    }

    /// The check, as one that failed once and passed once.
    fn flaky(self) -> Self {
        Self { result: CheckResult::Flaky, ..self }
    }

    /// A check from the outcome of a judgement.
    pub(crate) fn of(name: &'static str, outcome: Result<String, String>) -> Self {
        outcome.map_or_else(|note| Self::failed(name, note), |note| Self::ok(name, note))
    }

    /// Name of the check. A scenario may have several checks of one name.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// `6.12  global-oom   victim       ok    ...`
    pub(crate) fn line(&self, kernel: &str, scenario: &str) -> String {
        let result = match self.result {
            CheckResult::Ok => "ok",
            CheckResult::Flaky => "flaky",
            CheckResult::Failed => "FAIL",
            CheckResult::Skipped => "skip",
        };
        format!("{kernel:<5} {scenario:<12} {:<11} {result:<5} {}", self.name, self.note)
    }
}

/// Environment of a scenario.
pub(crate) struct Bench<'a> {
    /// The machine.
    pub(crate) host: &'a Host,
    /// The kernel by its short name.
    pub(crate) kernel: &'a Kernel,
    /// Image of that kernel.
    pub(crate) image: Image,
    /// The programs.
    pub(crate) binaries: &'a Binaries,
    /// Directory for the outputs of guests.
    pub(crate) keep: Option<&'a Path>,
    /// Show consoles.
    pub(crate) verbose: bool,
}

impl Bench<'_> {
    /// Boot the kernel with memtrace and memload in `/bin` and run a script. Returns the check of the boot and the
    /// script's output, or a failed check if the script did not come to its end.
    pub(crate) fn run_script(&self, name: &str, setup: Setup, script: &str) -> Result<Result<(Check, String), Check>> {
        let setup = Setup { files: self.binaries.files().chain(setup.files).collect(), ..setup };
        let guest = Guest { kernel: self.image.clone(), setup, verbose: self.verbose };
        let output = guest.run(self.host, script, &mut io::sink())?;
        if let Some(directory) = self.keep {
            let file = directory.join(format!("{}-{name}.txt", self.kernel.name));
            fs::create_dir_all(directory)
                .and_then(|()| fs::write(&file, &output.stdout))
                .with_context(|| format!("cannot keep the output in {}", file.display()))?;
        }
        let took = format!("{:.0} s under {}", output.elapsed.as_secs_f64(), output.accel);
        if output.end == GuestEnd::Status(0) {
            return Ok(Ok((Check::ok("boot", format!("{}, {took}", guest.kernel.release)), output.stdout)));
        }
        let last = output.stdout.lines().next_back().unwrap_or_default();
        let console = output.last_console_lines();
        let note = format!("{:?} after {took}; it last printed {last:?}; console:\n{console}", output.end);
        Ok(Err(Check::failed("boot", note)))
    }

    /// Boot a guest and judge the wanted ones of its scenarios. If a check fails, boot the guest once more by itself:
    /// an emulated guest on a busy machine can fail by chance.
    pub(crate) fn run_boot(&self, boot: &Boot, wanted: &[String]) -> Result<Vec<NamedCheck>> {
        let first = self.judge_boot(boot, wanted)?;
        let Some((scenario, failed)) = first.iter().find(|(_, check)| check.result == CheckResult::Failed) else {
            return Ok(first);
        };
        let note = failed.note.lines().next().unwrap_or_default();
        eprintln!("xtask vm: {}: {scenario} {}: {note}; once more", boot.name, failed.name);
        Ok(twice(&first, self.judge_boot(boot, wanted)?))
    }

    fn judge_boot(&self, boot: &Boot, wanted: &[String]) -> Result<Vec<NamedCheck>> {
        let script = [include_str!("prelude.sh"), boot.script].concat();
        Ok(match self.run_script(boot.name, (boot.setup)(), &script)? {
            Err(failed) => vec![(boot.name, failed)],
            Ok((booted, text)) => {
                let sections = Sections::parse(&text);
                let wanted = boot.judges.iter().filter(|(name, _)| is_wanted(name, wanted));
                let judged = wanted.flat_map(|(name, judge)| judge(&sections).into_iter().map(|check| (*name, check)));
                std::iter::once((boot.name, booted)).chain(judged).collect()
            }
        })
    }
}

/// A check with the name of its scenario.
pub(crate) type NamedCheck = (&'static str, Check);

/// Merge the checks of two boots of the same guest. A check that failed in one and held in the other is flaky.
fn twice(first: &[NamedCheck], second: Vec<NamedCheck>) -> Vec<NamedCheck> {
    let was = |(scenario, check): &NamedCheck, result: CheckResult| {
        let same = |(other, c): &&NamedCheck| other == scenario && c.name == check.name;
        first.iter().filter(same).any(|(_, c)| c.result == result)
    };
    // A guest that went down has only the check of its boot.
    let went_down = |checks: &[NamedCheck]| matches!(checks, [(_, check)] if check.result == CheckResult::Failed);
    if went_down(&second) && !went_down(first) {
        let flaky = second.into_iter().map(|(scenario, check)| (scenario, check.flaky()));
        return flaky.chain(first[1..].iter().cloned()).collect();
    }
    let judged = second.into_iter().map(|named| match named.1.result {
        CheckResult::Failed if was(&named, CheckResult::Ok) => (named.0, named.1.flaky()),
        CheckResult::Ok if was(&named, CheckResult::Failed) => (named.0, named.1.flaky()),
        _ => named,
    });
    judged.collect()
}

fn is_wanted(name: &str, wanted: &[String]) -> bool {
    wanted.is_empty() || wanted.iter().any(|one| one == name)
}

/// The boots that serve the wanted scenarios; all boots if none is named.
pub(crate) fn boots(wanted: &[String]) -> impl Iterator<Item = &'static Boot> {
    BOOTS.iter().filter(|boot| boot.judges.iter().any(|(name, _)| is_wanted(name, wanted)))
}
