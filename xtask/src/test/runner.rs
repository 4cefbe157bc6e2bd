//! Runs one test binary for `cargo test`. A binary that needs the real kernel runs as root, with a process for each
//! module. Its failed tests run once more, each by itself.

use std::{
    ffi::{OsStr, OsString},
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, ExitCode, ExitStatus, Stdio},
};

use anyhow::{Context as _, Result};

use super::{
    KEPT, filter,
    modules::{self, Module},
};
use crate::{
    as_root,
    flaky::{self, Flake},
    workspace::line,
};

/// Prefix of a line of a second run. A result line with it does not count.
const AGAIN: &str = "again: ";

/// Runs the tests of a binary that match the filters in its arguments. A binary that needs no real kernel replaces this
/// process.
pub(crate) fn run_binary(command: &[OsString]) -> Result<ExitCode> {
    let (binary, args) = command.split_first().context("no test binary given")?;
    let name = filter::binary_name(Path::new(binary));
    let is_live = filter::is_live(&name);
    let (options, filters): (Vec<_>, Vec<_>) =
        args.iter().cloned().partition(|arg| arg.as_encoded_bytes().starts_with(b"--"));
    if !is_live && filters.is_empty() {
        return Err(become_it(binary, args));
    }
    let filter = filters.first().map(|filter| filter.to_string_lossy());
    let tests = filter::select(&name, filter.as_deref(), modules::listed(binary, &options)?);
    if tests.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    if !is_live {
        return Err(become_it(binary, &exactly(&options, &tests)));
    }
    let mut passed = true;
    for module in modules::group(tests) {
        passed &= run_module(binary, &options, &name, &module)?;
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a binary in place of this process; returns only if that fails.
fn become_it(binary: &OsStr, args: &[OsString]) -> anyhow::Error {
    let mut command = Command::new(binary);
    let error = command.args(args).exec();
    anyhow::Error::new(error).context(format!("starting {}", line(&command)))
}

/// Arguments for libtest that select exactly these tests.
fn exactly(options: &[OsString], tests: &[String]) -> Vec<OsString> {
    let exact = [OsString::from("--exact")];
    options.iter().chain(&exact).cloned().chain(tests.iter().map(OsString::from)).collect()
}

/// Runs the tests of one module, possibly in parallel. True if all passed, in the first run or by themselves.
fn run_module(binary: &OsStr, options: &[OsString], name: &str, module: &Module) -> Result<bool> {
    println!("module {} of {name}", module.name);
    let args = exactly(options, &module.tests);
    let first = run(binary, &args, "")?;
    if first.status.success() {
        Ok(true)
    } else if first.failed.is_empty() {
        whole(binary, &args, &format!("{name}::{}", module.name))
    } else {
        each(binary, &first.failed, name)
    }
}

/// Runs a module again as a whole, after it ended without a result. True if it passed.
fn whole(binary: &OsStr, args: &[OsString], name: &str) -> Result<bool> {
    println!("{name} ended without a result; once more");
    let again = run(binary, args, "")?;
    if again.status.success() {
        flaky::note(&Flake { name: name.to_owned(), counted_failed: false })?;
    }
    Ok(again.status.success())
}

/// Runs failed tests again, one by one. True if all passed.
fn each(binary: &OsStr, failed: &[String], name: &str) -> Result<bool> {
    let mut all_passed = true;
    for test in failed {
        println!("{name}::{test} failed; once more by itself");
        let again = run(binary, &["--include-ignored".into(), "--exact".into(), test.into()], AGAIN)?;
        if again.status.success() {
            flaky::note(&Flake { name: format!("{name}::{test}"), counted_failed: true })?;
        }
        all_passed &= again.status.success();
    }
    Ok(all_passed)
}

/// One run of a test binary.
struct Ran {
    status: ExitStatus,
    /// Names of the tests that failed.
    failed: Vec<String>,
}

/// Runs a live binary and forwards its output, with `prefix` before each line.
fn run(binary: &OsStr, args: &[OsString], prefix: &str) -> Result<Ran> {
    let mut command = as_root::command(binary, args, KEPT)?;
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("starting {}", line(&command)))?;
    let mut lines = Vec::new();
    for text in BufReader::new(child.stdout.take().context("the test's output")?).split(b'\n') {
        let text = String::from_utf8_lossy(&text.context("reading the test's output")?).into_owned();
        println!("{prefix}{text}");
        lines.push(text);
    }
    let status = child.wait().with_context(|| format!("waiting for {}", line(&command)))?;
    Ok(Ran { status, failed: failures(&lines) })
}

/// The names in the last list of failures that libtest prints: indented, below a line `failures:`.
fn failures(lines: &[String]) -> Vec<String> {
    let Some(at) = lines.iter().rposition(|line| line == "failures:") else { return Vec::new() };
    let names = lines[at + 1..].iter().map_while(|line| line.strip_prefix("    "));
    names.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_those_of_the_closing_list() {
        let text = "running 2 tests\ntest a ... FAILED\n\nfailures:\n\n---- a stdout ----\n    not a name\n\n\
                    failures:\n    a\n    of_module::b\n\ntest result: FAILED. 0 passed; 2 failed";
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        assert_eq!(failures(&lines), ["a", "of_module::b"]);
        assert!(failures(&lines[..3]).is_empty());
    }
}
