//! The `memtrace` binary: hands the command line to the modules that do the work.

#![deny(clippy::print_stderr, clippy::print_stdout)]

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context as _, Result, bail};
use clap::Parser as _;
use memtrace::{
    ab,
    cli::{self, Cli, Command, RecordArgs},
    exit,
    live::{self, Job, Show},
    messages, offline, preflight,
    record::{
        flight::limits::Limits,
        plan::{self, Destination, RecordPlan},
        runs,
    },
    say, stdout, terminal,
};
use signal_hook::{consts::SIGXFSZ, flag};

/// Bytes that a flight recorder keeps at most when nothing is asked for.
const DEFAULT_MAX_SIZE: u64 = 256 << 20;

fn main() -> ExitCode {
    // A file that may grow no more (`ulimit -f`) is an error of the write, not the end of memtrace. A command that is
    // started gets the default back, as from each handler.
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

/// Writes what clap has to say: help and the version to stdout, a wrong usage to stderr.
fn usage(e: &clap::Error) -> ExitCode {
    let written = e.print();
    if e.use_stderr() {
        return ExitCode::from(exit::USAGE);
    }
    match stdout::is_read(written.and_then(|()| io::stdout().flush()), "writing to stdout") {
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
        Command::Record(args) => record(&args),
        Command::Report(args) => offline::report(&args),
        Command::Replay(args) => offline::replay(&args),
        Command::Compare(args) => offline::compare(&args),
        Command::Ab(args) => ab::run(&args),
        Command::Salvage(args) => offline::salvage(&args),
        Command::Check { json } => check(json),
        Command::Completions { shell } => stdout::print(&cli::completions(shell)).map(|_| 0),
        Command::Man => stdout::print(&cli::man().context("rendering the manual page")?).map(|_| 0),
    }
}

/// Settings that an experiment left changed are said at each start of the tracing, since they are in what is traced.
fn say_what_is_left() {
    // From here on nobody who does not read stderr holds anything up.
    messages::wait_at_most(messages::WHILE_TRACING);
    if ab::is_left_behind() {
        say!("{}", ab::LEFT_BEHIND);
    }
}

/// Records to a file, or several times, or as a flight recorder.
fn record(args: &RecordArgs) -> Result<u8> {
    say_what_is_left();
    let name = || args.output.clone().unwrap_or_else(plan::default_name);
    if let (Some(runs), None) = (args.runs, args.run) {
        if args.trace.cmd.is_empty() {
            bail!(exit::WrongUsage(format!("--runs needs a command: memtrace record --runs {runs} -- CMD")));
        }
        if name().as_os_str() == "-" {
            bail!(exit::WrongUsage("--runs needs a file for each run, and `-o -` is one pipe: -o FILE".to_owned()));
        }
        return runs::run_all(runs, &name());
    }
    let place = if args.flight.is_wanted() {
        let limits = Limits {
            keep_ns: args.flight.keep.map_or(u64::MAX, |keep| u64::try_from(keep.as_nanos()).unwrap_or(u64::MAX)),
            max_bytes: args.flight.max_size.unwrap_or(DEFAULT_MAX_SIZE),
            max_files: args.flight.max_files.map_or(usize::MAX, |files| files as usize),
            max_incidents: args.flight.max_incidents as usize,
            after_ns: u64::try_from(args.flight.after.as_nanos()).unwrap_or(u64::MAX),
        };
        Destination::Flight { dir: args.flight.dir.clone().unwrap_or_else(flight_directory), limits }
    } else {
        let name = match (&args.first_name, args.run) {
            (Some(first), Some(run)) => runs::name_of_run(first, run),
            _ => name(),
        };
        if name.as_os_str() == "-" { Destination::Stdout } else { Destination::File { path: name, force: args.force } }
    };
    let min_stall_ns = args.trace.min_stall.map_or(0, |min| u64::try_from(min.as_nanos()).unwrap_or(u64::MAX));
    let plan = RecordPlan {
        place,
        min_stall_ns,
        run: args.run.unwrap_or(0),
        conditions: args.flight.on.clone(),
        own_settings: Vec::new(),
    };
    let never = std::time::Duration::MAX;
    live::run(&Job { trace: &args.trace, show: Show::Progress, min_stall: never, recording: Some(plan) })
}

/// Where the flight recorder writes: what systemd gives it, or the usual place.
fn flight_directory() -> PathBuf {
    std::env::var_os("LOGS_DIRECTORY").map_or_else(|| PathBuf::from("/var/log/memtrace"), PathBuf::from)
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
    stdout::print(text.as_bytes())?;
    Ok(if preflight::can_trace(&findings) { 0 } else { exit::CANNOT_TRACE })
}
