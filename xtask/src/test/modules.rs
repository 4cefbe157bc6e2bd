//! The modules of a test binary, from libtest's list of its tests.

use std::{
    ffi::{OsStr, OsString},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::workspace::line;

/// A module at the top of a test binary, with the tests in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Module {
    pub(super) name: String,
    /// Full names, as `--exact` takes them.
    pub(super) tests: Vec<String>,
}

/// The tests that a binary would run or ignore with these arguments.
pub(super) fn listed(binary: &OsStr, args: &[OsString]) -> Result<Vec<String>> {
    let mut command = Command::new(binary);
    command.args(args).args(["--list", "--format", "terse"]);
    let out = command.output().with_context(|| format!("starting {}", line(&command)))?;
    if !out.status.success() {
        bail!("`{}` failed: {}: {}", line(&command), out.status, String::from_utf8_lossy(&out.stderr));
    }
    Ok(names(&String::from_utf8_lossy(&out.stdout)))
}

/// The names in libtest's terse list: `stalls::each: test`.
fn names(list: &str) -> Vec<String> {
    list.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect()
}

/// Modules of these tests, in their order.
pub(super) fn group(tests: Vec<String>) -> Vec<Module> {
    let mut modules: Vec<Module> = Vec::new();
    for test in tests {
        let name = test.split_once("::").map_or(&*test, |(module, _)| module).to_owned();
        match modules.iter_mut().find(|module| module.name == name) {
            Some(module) => module.tests.push(test),
            None => modules.push(Module { name, tests: vec![test] }),
        }
    }
    modules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_listed_and_grouped_by_their_first_module() {
        let list = "end::a: test\nlost_end::a: test\nend::inner::b: test\nalone: test\nx: benchmark\n\n";
        let modules = group(names(list));
        let shown: Vec<_> = modules.iter().map(|module| (&*module.name, module.tests.join(" "))).collect();
        let wanted = [("end", "end::a end::inner::b"), ("lost_end", "lost_end::a"), ("alone", "alone")];
        assert_eq!(shown, wanted.map(|(name, tests)| (name, tests.to_owned())));
    }
}
