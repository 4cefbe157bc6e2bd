//! `cargo xtask`: commands that a developer would otherwise type by hand.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{CommandFactory as _, Parser};

mod as_root;
mod bench;
mod build;
mod ci;
mod commands;
mod demo;
mod docs;
mod flaky;
mod install;
mod ledger;
mod lint;
mod packages;
mod run;
mod tally;
mod test;
mod toolchain;
mod tools;
mod vm;
mod workspace;

use self::commands::{BeforeLanding, Command, EveryDay, Figures, FirstTime, Guests, Hidden};

/// Set-up, build, run and test memtrace.
#[derive(Parser)]
#[command(
    bin_name = "cargo xtask",
    help_template = "{about}\n\n{usage-heading} {usage}{after-help}",
    after_help = commands::listed(),
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Some(command) => run_command(command),
        None => Cli::command().print_help().map(|()| ExitCode::SUCCESS).context("writing to stdout"),
    };
    done.unwrap_or_else(|e| {
        eprintln!("xtask: {e:#}");
        ExitCode::FAILURE
    })
}

fn run_command(command: Command) -> Result<ExitCode> {
    match command {
        Command::FirstTime(FirstTime::Setup { static_ }) => tools::setup_all(static_).map(|()| ExitCode::SUCCESS),
        Command::FirstTime(FirstTime::Install { prefix }) => install::install(&prefix).map(|()| ExitCode::SUCCESS),
        Command::EveryDay(EveryDay::Build(args)) => {
            build::build(args.release, args.static_).map(|()| ExitCode::SUCCESS)
        }
        Command::EveryDay(EveryDay::Run(args)) => run::run(&args),
        Command::EveryDay(EveryDay::Test(args)) => test::test(&args),
        Command::BeforeLanding(BeforeLanding::Docs) => docs::make().map(|()| ExitCode::SUCCESS),
        Command::BeforeLanding(BeforeLanding::Lint) => lint::lint(),
        Command::BeforeLanding(BeforeLanding::Ci(args)) => ci::ci(&args),
        Command::BeforeLanding(BeforeLanding::Soak { tasks }) => test::soak(tasks),
        Command::Figures(Figures::Bench(args)) => bench::bench(&args),
        Command::Guests(Guests::Vm(args)) => vm::run(&args),
        Command::Hidden(Hidden::BenchAsRoot(args)) => bench::bench_as_root(&args),
        Command::Hidden(Hidden::TestRunner { command }) => test::run_binary(&command),
    }
}
