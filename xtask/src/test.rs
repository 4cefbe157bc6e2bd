//! `cargo xtask test`: all tests with one command, and one closing line that says how it went.

use std::{
    env,
    ffi::OsString,
    fs,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context as _, Result};

use crate::{
    as_root, build,
    tally::Tally,
    tools, vm,
    workspace::{self, line},
};

/// Where a test says that it skipped itself; see `tests::skip`.
const SKIPS: &str = "MEMTRACE_SKIPS";

/// What a live test binary needs of our environment when sudo starts it.
const KEPT: &[&str] = &[SKIPS, "CARGO_MANIFEST_DIR", "CARGO_TARGET_DIR", "RUST_BACKTRACE", "CI", FORKS];

/// How many tasks the fork storm has.
const FORKS: &str = "MEMTRACE_FORKS";

/// The fork storm of the tests, with so many tasks.
pub(crate) fn soak(tasks: u64) -> Result<ExitCode> {
    // SAFETY: no other thread runs yet.
    unsafe { env::set_var(FORKS, tasks.to_string()) };
    test(Some("a_fork_storm"))
}

/// Builds what the tests start, runs them all, and prints the closing line last.
pub(crate) fn test(filter: Option<&str>) -> Result<ExitCode> {
    tools::setup(false)?;
    let binaries = build::binaries(&build::Options { load: true, ..build::Options::default() })?;
    let dir = binaries.values().next().and_then(|p| p.parent()).map(Path::to_owned);
    let skips = Skips::new(dir.unwrap_or_else(env::temp_dir))?;

    let mut cargo = workspace::cargo();
    cargo.args(["test", "--no-fail-fast"]).env(SKIPS, &skips.file).stdout(Stdio::piped());
    if !as_root::is_root() && which::which("sudo").is_ok() {
        as_root::authenticate()?;
        let me = env::current_exe().context("the path of xtask")?;
        cargo.arg("--config").arg(format!("target.'cfg(unix)'.runner = ['{}', 'test-runner']", me.display()));
    }
    if let Some(filter) = filter {
        cargo.args(["--", filter]);
    }
    let mut child = cargo.spawn().with_context(|| format!("starting {}", line(&cargo)))?;
    let mut tally = Tally::default();
    for text in BufReader::new(child.stdout.take().context("the tests' output")?).split(b'\n') {
        let text = text.context("reading the tests' output")?;
        let text = String::from_utf8_lossy(&text);
        println!("{text}");
        tally.add_line(&text);
    }
    let status = child.wait().context("waiting for cargo test")?;
    if !status.success() && tally.failed == 0 {
        println!("a test did not build, or ended without a result (see above)");
        tally.failed = 1;
    }
    let reasons = skips.reasons()?;
    for reason in &reasons {
        println!("skipped: {reason}");
    }
    tally.add_skips(reasons.len() as u64);
    if filter.is_none_or(|filter| "vm".contains(filter)) {
        tally.add(vm::check()?);
    }
    println!("{tally}");
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Becomes the test binary, as root when its name says that it needs the real kernel.
pub(crate) fn run_binary(command: &[OsString]) -> Result<ExitCode> {
    let (binary, args) = command.split_first().context("no test binary given")?;
    let mut command = if is_live(Path::new(binary)) {
        as_root::command(binary, args, KEPT)?
    } else {
        let mut command = Command::new(binary);
        command.args(args);
        command
    };
    Err(command.exec()).with_context(|| format!("starting {}", line(&command)))
}

fn is_live(binary: &Path) -> bool {
    binary.file_name().is_some_and(|n| n.to_string_lossy().starts_with("live"))
}

/// The file of the skips, removed at the end.
struct Skips {
    file: PathBuf,
}

impl Skips {
    fn new(dir: PathBuf) -> Result<Self> {
        let file = dir.join(format!("skips-{}", std::process::id()));
        fs::write(&file, "").with_context(|| format!("writing {}", file.display()))?;
        Ok(Self { file })
    }

    fn reasons(&self) -> Result<Vec<String>> {
        let text = fs::read_to_string(&self.file).with_context(|| format!("reading {}", self.file.display()))?;
        Ok(text.lines().map(str::to_owned).collect())
    }
}

impl Drop for Skips {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}
