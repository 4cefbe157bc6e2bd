//! The `memtrace` binary: hands the command line to the modules that do the work.

#![deny(clippy::print_stderr, clippy::print_stdout)]

use std::{
    env,
    ffi::OsString,
    io::{self, Write as _},
    os::unix::ffi::OsStrExt as _,
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context as _, Result};
use clap::Parser as _;
use memtrace::{
    ab,
    cli::{self, Cli, Command},
    exit,
    live::{self, Job},
    messages, offline, say, stdout,
};
use memtrace_core::untrusted::Untrusted;
use signal_hook::{consts::SIGXFSZ, flag};

fn main() -> ExitCode {
    // A write to a file that may not grow any more (`ulimit -f`) fails instead of killing memtrace. A command that
    // memtrace starts gets the default action back, since exec resets handlers.
    let _ = flag::register(SIGXFSZ, Arc::default());
    let command = match Cli::try_parse() {
        Ok(cli) => cli.into_command(),
        Err(e) => return usage(&e),
    };
    let with_command = match &command {
        Command::Live(args) => !args.trace.cmd.is_empty(),
        Command::Record(args) => !args.trace.cmd.is_empty(),
        Command::Ab(args) => !args.trace.cmd.is_empty(),
        _ => false,
    };
    match run(command) {
        Ok(status) => ExitCode::from(status),
        Err(e) => {
            say!("{e:#}");
            let status = if e.is::<exit::WrongUsage>() { exit::USAGE } else { exit::FAILURE };
            ExitCode::from(if with_command { exit::OWN_FAILURE } else { status })
        }
    }
}

/// Writes a usage error with the control characters of the arguments made visible: clap repeats the arguments as they
/// are, and a terminal obeys control characters.
fn wrong(e: &clap::Error) {
    let is_plain = |arg: &OsString| arg.to_str().is_some_and(|arg| !arg.contains(char::is_control));
    if env::args_os().all(|arg| is_plain(&arg)) {
        // A message that cannot be written changes nothing.
        return drop(e.print());
    }
    let escaped = |arg: OsString| Untrusted(arg.as_bytes()).tty().to_string();
    // With its escapes an argument may be longer, and right.
    let replaced = |arg: OsString| arg.to_str().unwrap_or("?").replace(char::is_control, "?");
    let again = Cli::try_parse_from(env::args_os().map(escaped)).err();
    match again.or_else(|| Cli::try_parse_from(env::args_os().map(replaced)).err()) {
        Some(same) => drop(same.print()),
        None => say!("an argument has control characters; `memtrace --help` lists the options"),
    }
}

/// Writes the output of clap: help and the version to stdout, a wrong usage to stderr.
fn usage(e: &clap::Error) -> ExitCode {
    if e.use_stderr() {
        wrong(e);
        return ExitCode::from(exit::USAGE);
    }
    match stdout::is_read(e.print().and_then(|()| io::stdout().flush()), "writing to stdout") {
        Ok(_) => ExitCode::SUCCESS,
        Err(e) => {
            say!("{e:#}");
            ExitCode::from(exit::FAILURE)
        }
    }
}

fn run(command: Command) -> Result<u8> {
    match command {
        Command::Live(args) => {
            say_what_is_left();
            live::run(&Job::live(&args))
        }
        Command::Record(args) => {
            say_what_is_left();
            live::record(&args)
        }
        Command::Report(args) => offline::report(&args),
        Command::Replay(args) => offline::replay(&args),
        Command::Compare(args) => offline::compare(&args),
        Command::Ab(args) => ab::run(&args),
        Command::Salvage(args) => offline::salvage(&args),
        Command::Check(args) => live::check(&args),
        Command::Completions { shell } => stdout::print(&cli::completions(shell)).map(|_| 0),
        Command::Man => stdout::print(&cli::man().context("rendering the manual page")?).map(|_| 0),
    }
}

/// Reports settings that an experiment left changed, at each start of the tracing: they affect the traced host.
fn say_what_is_left() {
    // A stderr that nobody reads delays memtrace only for a bounded time from here on.
    messages::wait_at_most(messages::WHILE_TRACING);
    if ab::is_left_behind() {
        say!("{}", ab::LEFT_BEHIND);
    }
}
