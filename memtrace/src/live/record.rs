//! `memtrace record`: a file, several runs, or a flight recorder.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::{job::Job, run};
use crate::{
    cli::RecordArgs,
    exit,
    record::{
        default_name,
        flight::limits::Limits,
        plan::{Destination, RecordPlan},
        runs,
    },
};
use memtrace_core::units::duration::nanoseconds;

/// Default size limit of a flight recorder's ring, in bytes.
const DEFAULT_MAX_SIZE: u64 = 256 << 20;

/// Records to a file, or several times, or as a flight recorder; returns the exit status.
///
/// # Errors
/// As for [`run()`].
pub fn record(args: &RecordArgs) -> Result<u8> {
    let name = || args.output.clone().unwrap_or_else(default_name);
    if let (Some(runs), None) = (args.runs, args.run) {
        if args.trace.cmd.is_empty() {
            bail!(exit::WrongUsage(format!("--runs needs a command: memtrace record --runs {runs} -- CMD")));
        }
        if name().as_os_str() == "-" {
            bail!(exit::WrongUsage(
                "--runs writes a file for each run, but `-o -` is a single pipe: use -o FILE".to_owned()
            ));
        }
        return runs::run_all(runs, &name());
    }
    let place = if args.flight.is_wanted() {
        let limits = Limits {
            keep_ns: args.flight.keep.map_or(u64::MAX, nanoseconds),
            max_bytes: args.flight.max_size.unwrap_or(DEFAULT_MAX_SIZE),
            max_files: args.flight.max_files.map_or(usize::MAX, |files| files as usize),
            max_incidents: args.flight.max_incidents as usize,
            after_ns: nanoseconds(args.flight.after),
        };
        Destination::Flight { dir: args.flight.dir.clone().unwrap_or_else(flight_directory), limits }
    } else {
        let name = match (&args.first_name, args.run) {
            (Some(first), Some(run)) => runs::name_of_run(first, run),
            _ => name(),
        };
        if name.as_os_str() == "-" { Destination::Stdout } else { Destination::File { path: name, force: args.force } }
    };
    let min_stall_ns = args.trace.min_stall.map_or(0, nanoseconds);
    let plan = RecordPlan {
        place,
        min_stall_ns,
        run: args.run.unwrap_or(0),
        conditions: args.flight.on.clone(),
        own_settings: Vec::new(),
    };
    run(&Job::record(&args.trace, plan))
}

/// Directory of the flight recorder: `LOGS_DIRECTORY`, which systemd sets, or the usual one.
fn flight_directory() -> PathBuf {
    std::env::var_os("LOGS_DIRECTORY").map_or_else(|| PathBuf::from("/var/log/memtrace"), PathBuf::from)
}
