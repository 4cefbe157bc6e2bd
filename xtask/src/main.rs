//! `cargo xtask`: what a person would otherwise type by hand.

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand};

mod as_root;
mod bench;
mod build;
mod ci;
mod demo;
mod flaky;
mod install;
mod ledger;
mod lint;
mod run;
mod tally;
mod test;
mod toolchain;
mod tools;
mod vm;
mod workspace;

/// Set-up, build, run and test memtrace.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what the build needs: the pinned toolchains, and bpf-linker into .tools/
    Setup {
        /// Also what a static binary needs: the musl target
        #[arg(long = "static")]
        static_: bool,
    },
    /// Set up if needed, and build memtrace
    Build {
        #[arg(long)]
        release: bool,
        /// One static musl binary, to be copied to any host (a release build)
        #[arg(long = "static")]
        static_: bool,
    },
    /// Set up if needed, build memtrace and run it as root
    Run(run::Args),
    /// Run all tests: as the user, and those of the real kernel as root
    Test(test::Args),
    /// The fork storm of the tests for longer: does memory stay flat under a million short tasks?
    Soak {
        /// Number of tasks
        #[arg(long, default_value_t = 1_000_000)]
        tasks: u64,
    },
    /// Check format and lints
    Lint,
    /// All that must hold before a change lands, cheap checks first
    Ci(ci::Args),
    /// Measure what memtrace costs, each figure beside its target
    Bench(bench::Args),
    /// Install memtrace where `sudo memtrace` finds it
    Install {
        #[arg(long, default_value = "/usr/local")]
        prefix: PathBuf,
    },
    /// Boot Debian kernels in guests, and check memtrace in them
    Vm(vm::Args),
    /// Measure, as root
    #[command(hide = true)]
    BenchAsRoot(bench::RootArgs),
    /// Run one test binary for `cargo test`, as root where it needs the real kernel
    #[command(hide = true)]
    TestRunner {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    run_command(Cli::parse().command).unwrap_or_else(|e| {
        eprintln!("xtask: {e:#}");
        ExitCode::FAILURE
    })
}

fn run_command(command: Command) -> Result<ExitCode> {
    match command {
        Command::Setup { static_ } => tools::setup(static_).map(|()| ExitCode::SUCCESS),
        Command::Build { release, static_ } => build::build(release, static_).map(|()| ExitCode::SUCCESS),
        Command::Run(args) => run::run(&args),
        Command::Test(args) => test::test(&args),
        Command::Soak { tasks } => test::soak(tasks),
        Command::Lint => lint::lint().map(|()| ExitCode::SUCCESS),
        Command::Ci(args) => ci::ci(&args),
        Command::Bench(args) => bench::bench(&args),
        Command::BenchAsRoot(args) => bench::bench_as_root(&args),
        Command::Install { prefix } => install::install(&prefix).map(|()| ExitCode::SUCCESS),
        Command::Vm(args) => vm::run(&args),
        Command::TestRunner { command } => test::run_binary(&command),
    }
}
