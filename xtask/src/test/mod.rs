//! `cargo xtask test`: all tests with one command, and one closing line with the result.

mod busy;
mod filter;
mod modules;
mod rounds;
mod runner;

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    thread,
};

use anyhow::{Context as _, Result, anyhow};

use self::filter::TestNames;
pub(crate) use self::runner::run_binary;
use crate::{
    as_root, build, flaky, packages,
    tally::Tally,
    tools, vm,
    workspace::{self, line},
};

/// Environment variable with the file to which tests write their skips; see `tests::skip`.
const SKIPS: &str = "MEMTRACE_SKIPS";

/// Environment variable with the memtrace to test; see `tests::bin`.
const PROGRAM: &str = "MEMTRACE_BIN";

/// Variables that a live test binary needs when sudo starts it.
const KEPT: &[&str] = &[SKIPS, PROGRAM, "CARGO_MANIFEST_DIR", "CARGO_TARGET_DIR", "RUST_BACKTRACE", "CI", FORKS];

/// Environment variable with the number of tasks in the fork storm.
const FORKS: &str = "MEMTRACE_FORKS";

/// `cargo xtask test [FILTER] [--list] [--long] [--repeat N] [--under-load]`
#[derive(clap::Args, Default)]
#[command(after_long_help = "\
Examples:
  cargo xtask test                          everything, once
  cargo xtask test stacks                   tests whose full names contain `stacks`: binary::module::test
  cargo xtask test live                     those of one binary: here all that need the real kernel
  cargo xtask test vm                       the guests (and the tests of their code)
  cargo xtask test --list stalls            names only
  cargo xtask test --repeat 10 --under-load find tests that fail by chance; may be stopped and given again

The guests run beside the tests. A live test or a guest check that fails is run once more by itself. When it then passes, it counts as passed and
is listed as flaky at the end and in target/flaky.txt.")]
pub(crate) struct Args {
    /// Only tests whose full names (binary::module::test) contain this; `vm` takes the guests
    pub(crate) filter: Option<String>,
    /// Show the names of the tests, and run none
    #[arg(long, conflicts_with_all = ["repeat", "under_load"])]
    pub(crate) list: bool,
    /// Also the tests that take minutes each
    #[arg(long)]
    pub(crate) long: bool,
    /// Run the live tests and the guests N times, a line a round in target/rounds.txt; goes on where it was stopped
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repeat: Option<u32>,
    /// Keep two busy loops running beside the tests
    #[arg(long)]
    pub(crate) under_load: bool,
    /// Leaves out the tests of the pure crates.
    #[arg(skip)]
    pub(crate) without_pure: bool,
    /// Another memtrace to test than the one that is built with the tests.
    #[arg(skip)]
    pub(crate) program: Option<PathBuf>,
    /// Words of `cargo xtask vm` for further guests.
    #[arg(skip)]
    pub(crate) guests: &'static [&'static str],
}

/// Runs the fork storm of the tests with this many tasks.
pub(crate) fn soak(tasks: u64) -> Result<ExitCode> {
    // SAFETY: no other thread runs yet.
    unsafe { env::set_var(FORKS, tasks.to_string()) };
    test(&Args { filter: Some("live::forks::a_storm".to_owned()), ..Args::default() })
}

/// Runs the tests, and prints the closing line last.
pub(crate) fn test(args: &Args) -> Result<ExitCode> {
    if args.list {
        tools::setup(false)?;
        let names = TestNames::read(Scope::All, &build::tests(&[])?.tests)?;
        names.check(args)?;
        print!("{}", names.list(args.filter.as_deref()));
        return Ok(ExitCode::SUCCESS);
    }
    let tally = tally(args)?;
    println!("{tally}");
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds the tests and the programs that they start, and runs the tests.
pub(crate) fn tally(args: &Args) -> Result<Tally> {
    tools::setup(false)?;
    let scope = Scope::of(args);
    let built = build::tests(scope.packages())?;
    if args.filter.is_some() {
        TestNames::read(scope, &built.tests)?.check(args)?;
    }
    let programs = built.binaries;
    let _busy = args.under_load.then(busy::Loops::start);
    match args.repeat {
        Some(rounds) => rounds::run(rounds, args, || once(scope, args, &programs)),
        None => once(scope, args, &programs),
    }
}

/// The tests that a run takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// All of them.
    All,
    /// All but those of the pure crates.
    Rest,
    /// Those that need the real kernel.
    Live,
}

impl Scope {
    fn of(args: &Args) -> Self {
        match (args.repeat, args.without_pure) {
            (Some(_), _) => Self::Live,
            (None, true) => Self::Rest,
            (None, false) => Self::All,
        }
    }

    /// The packages to build; none for all.
    fn packages(self) -> &'static [&'static str] {
        if self == Self::Rest { packages::REST } else { &[] }
    }
}

/// Runs the tests of the pure crates, on stable Rust alone.
pub(crate) fn pure() -> Result<Tally> {
    let mut cargo = workspace::cargo();
    // Without binaries: xtask is only selected for its dependencies.
    cargo.env("AYA_BUILD_SKIP", "1").args(["test", "--no-fail-fast", "--lib", "--test", "*"]);
    packages::select(&mut cargo, packages::PURE);
    packages::select(&mut cargo, &["xtask"]);
    counted(cargo)
}

fn tests_of(scope: Scope) -> Command {
    let mut cargo = workspace::cargo();
    cargo.args(["test", "--no-fail-fast"]);
    packages::select(&mut cargo, scope.packages());
    if scope == Scope::Live {
        cargo.args(["--test", "live*"]);
    }
    cargo
}

/// Runs the tests of this scope and the guests beside them, and lists skips and flakes.
fn once(scope: Scope, args: &Args, programs: &build::Binaries) -> Result<Tally> {
    let dir = workspace::target()?;
    let skips = Notes::new(dir.join(format!("skips-{}", std::process::id())))?;
    let flakes = Notes::new(dir.join(format!("flakes-{}", std::process::id())))?;
    as_root::authenticate()?;
    // Live tests wait most of their time, and a guest keeps one processor busy. So one guest runs beside them, and
    // afterwards one per processor.
    let lanes = vm::Lanes::one();
    let (tests, guests) = thread::scope(|scope_of_threads| {
        let guests = scope_of_threads.spawn(|| guests(args, programs, &lanes));
        let tests = tests(scope, args, &skips.file, &flakes.file);
        lanes.open_all();
        (tests, guests.join())
    });
    let mut tally = tests?;
    let reasons = skips.lines()?;
    tally.add_skips(reasons.len() as u64);
    let mut flakes: Vec<_> = flakes.lines()?.iter().filter_map(|line| flaky::Flake::parse(line)).collect();
    tally.add_flakes(&flakes);
    let (of_guests, more) = guests.map_err(|_| anyhow!("the thread of the guests panicked"))??;
    tally.add(of_guests);
    flakes.extend(more);
    reasons.iter().for_each(|reason| println!("skipped: {reason}"));
    flaky::report(&flakes)?;
    Ok(tally)
}

/// Runs the tests of this scope. Skips and flakes are written to the two files.
fn tests(scope: Scope, args: &Args, skips: &Path, flakes: &Path) -> Result<Tally> {
    let me = env::current_exe().context("the path of xtask")?;
    let mut cargo = tests_of(scope);
    cargo.arg("--config").arg(format!("target.'cfg(unix)'.runner = ['{}', 'test-runner']", me.display()));
    cargo.arg("--").args(&args.filter).args(args.long.then_some("--include-ignored"));
    cargo.env(SKIPS, skips).env(flaky::FILE, flakes);
    cargo.envs(args.program.as_ref().map(|program| (PROGRAM, program)));
    counted(cargo)
}

/// Runs `cargo test`, forwards its output and counts its results.
fn counted(mut cargo: Command) -> Result<Tally> {
    cargo.stdout(Stdio::piped());
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
    Ok(tally)
}

/// Runs the scenarios on the default kernel and in the further guests of `args`, with the programs that the tests use:
/// static ones would take another five minutes to build.
fn guests(args: &Args, programs: &build::Binaries, lanes: &vm::Lanes) -> Result<(Tally, Vec<flaky::Flake>)> {
    if !filter::takes_guests(args.filter.as_deref()) {
        return Ok((Tally::default(), Vec::new()));
    }
    let mut programs = Some(vm::Binaries::of_build(programs.clone())?);
    let more = (!args.guests.is_empty()).then_some(args.guests);
    let requests: Vec<&[&str]> = [&[][..]].into_iter().chain(more).collect();
    vm::check(&requests, &mut programs, lanes)
}

/// A file of lines that the tests of one run append to, removed at the end.
struct Notes {
    file: PathBuf,
}

impl Notes {
    fn new(file: PathBuf) -> Result<Self> {
        fs::write(&file, "").with_context(|| format!("writing {}", file.display()))?;
        Ok(Self { file })
    }

    fn lines(&self) -> Result<Vec<String>> {
        let text = fs::read_to_string(&self.file).with_context(|| format!("reading {}", self.file.display()))?;
        Ok(text.lines().map(str::to_owned).collect())
    }
}

impl Drop for Notes {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}
