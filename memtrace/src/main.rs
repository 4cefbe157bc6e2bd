//! The `memtrace` binary: the command line to the rooms that do the work.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use clap::Parser as _;
use memtrace::{
    cli::{self, Cli, Command},
    live, preflight, terminal,
};

/// Exit status of a failure at run time.
const EXIT_FAILURE: u8 = 1;

fn main() -> ExitCode {
    let command = Cli::parse().into_command();
    let with_command = matches!(&command, Command::Live(args) if !args.cmd.is_empty());
    match run(command) {
        Ok(status) => ExitCode::from(status),
        Err(e) => {
            eprintln!("memtrace: {e:#}");
            ExitCode::from(if with_command { live::EXIT_OWN_FAILURE } else { EXIT_FAILURE })
        }
    }
}

fn run(command: Command) -> Result<u8> {
    match command {
        Command::Live(args) => live::run(&args),
        Command::Check { json } => check(json),
        Command::Completions { shell } => print(&cli::completions(shell)),
        Command::Man => print(&cli::man().context("rendering the manual page")?),
    }
}

/// What can be traced here: tries the hooks when there are rights to, and tells all that is known.
fn check(json: bool) -> Result<u8> {
    let facts = preflight::gather();
    let (hooks, refused) = match preflight::missing_rights_message(&facts) {
        Some(_) => (Vec::new(), None),
        None => match live::try_hooks(&facts) {
            Ok(hooks) => (hooks, None),
            Err(e) => (Vec::new(), Some(e.to_string())),
        },
    };
    let mut findings = preflight::check(&facts, &hooks);
    findings.extend(refused.as_deref().map(preflight::Finding::refused));
    let text = if json {
        preflight::render::json(&facts, &hooks, &findings).context("rendering the check")? + "\n"
    } else {
        preflight::render::text(&facts, &hooks, &findings, terminal::style(false).colour)
    };
    print(text.as_bytes())?;
    Ok(if preflight::can_trace(&findings) { 0 } else { live::EXIT_CANNOT_TRACE })
}

/// Writes to stdout; a reader that has gone is no failure.
fn print(bytes: &[u8]) -> Result<u8> {
    match io::stdout().write_all(bytes).and_then(|()| io::stdout().flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(0),
        result => result.map(|()| 0).context("writing to stdout"),
    }
}
