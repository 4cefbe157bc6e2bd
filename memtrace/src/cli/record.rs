//! Options of `record`.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::TraceArgs;
use memtrace_core::units::{duration, size};
use memtrace_report::condition::Condition;

/// Destination of a trace, and the options of the flight recorder.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct RecordArgs {
    /// File to write, or `-` for a pipe on stdout [default: memtrace-HOST-TIME.mtrc]
    #[arg(short, long, value_name = "FILE", help_heading = "File")]
    pub output: Option<PathBuf>,
    /// Replace FILE if it exists
    #[arg(short, long, help_heading = "File")]
    pub force: bool,
    /// Run CMD N times and record each run to its own file, for a comparison
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000), conflicts_with = "flight", help_heading = "File")]
    pub runs: Option<u32>,
    /// Number of this run, from 1.
    #[arg(long, hide = true, requires = "first_name")]
    pub run: Option<u32>,
    /// File name without the number of the run.
    #[arg(long, hide = true)]
    pub first_name: Option<PathBuf>,
    /// The flight recorder.
    #[command(flatten)]
    pub flight: FlightArgs,
    /// Options of the tracing.
    #[command(flatten)]
    pub trace: TraceArgs,
}

/// A bounded ring of files, and the triggers of incidents.
#[derive(Clone, Debug, PartialEq, Args)]
#[group(id = "flight", multiple = true, conflicts_with = "output")]
pub struct FlightArgs {
    /// Keep the last T in a ring of files in DIR; each incident gets its own file
    #[arg(long, value_name = "T", value_parser = duration::parse_kept, help_heading = "Flight recorder")]
    pub keep: Option<Duration>,
    /// Directory of the files [default: $LOGS_DIRECTORY, else /var/log/memtrace]
    #[arg(long, value_name = "DIR", help_heading = "Flight recorder")]
    pub dir: Option<PathBuf>,
    /// Keep at most S bytes in the ring [default: 256M]
    #[arg(long, value_name = "S", value_parser = size::parse_ring, help_heading = "Flight recorder")]
    pub max_size: Option<u64>,
    /// Keep at most N files in the ring
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=100_000), help_heading = "Flight recorder")]
    pub max_files: Option<u32>,
    /// Save an incident when EXPR is met, such as 'stall.max > 500ms' or 'psi.some > 20% for 10s'. An OOM kill and SIGUSR1
    /// always save one
    #[arg(long, value_name = "EXPR", help_heading = "Flight recorder")]
    pub on: Vec<Condition>,
    /// Continue an incident file for T after its trigger
    #[arg(long, value_name = "T", value_parser = duration::parse, default_value = "10s", help_heading = "Flight recorder")]
    pub after: Duration,
    /// Keep at most N incident files; a new one replaces the oldest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000), default_value_t = 16, help_heading = "Flight recorder")]
    pub max_incidents: u32,
}

impl FlightArgs {
    /// True if an option asks for the flight recorder.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.keep.is_some()
            || self.dir.is_some()
            || self.max_size.is_some()
            || self.max_files.is_some()
            || !self.on.is_empty()
    }
}
