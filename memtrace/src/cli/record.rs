//! Options of `record`.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::TraceArgs;
use memtrace_core::units::{duration, size};
use memtrace_report::condition::Condition;

/// Where a trace goes, and how much of it is kept.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct RecordArgs {
    /// The file; - for a pipe on stdout [default: memtrace-HOST-TIME.mtrc]
    #[arg(short, long, value_name = "FILE", help_heading = "File")]
    pub output: Option<PathBuf>,
    /// Replace FILE when it is there
    #[arg(short, long, help_heading = "File")]
    pub force: bool,
    /// Run CMD so many times, each with a file of its own: what a comparison needs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000), conflicts_with = "flight", help_heading = "File")]
    pub runs: Option<u32>,
    /// Which of the runs this is.
    #[arg(long, hide = true, requires = "first_name")]
    pub run: Option<u32>,
    /// The name that the names of the runs' files come from.
    #[arg(long, hide = true)]
    pub first_name: Option<PathBuf>,
    /// The flight recorder.
    #[command(flatten)]
    pub flight: FlightArgs,
    /// What to trace.
    #[command(flatten)]
    pub trace: TraceArgs,
}

/// A bounded ring of files, and what makes an incident.
#[derive(Clone, Debug, PartialEq, Args)]
#[group(id = "flight", multiple = true, conflicts_with = "output")]
pub struct FlightArgs {
    /// Keep the last T in DIR, in files that come and go; an incident gets a file of its own
    #[arg(long, value_name = "T", value_parser = duration::parse_kept, help_heading = "Flight recorder")]
    pub keep: Option<Duration>,
    /// Where [default: $LOGS_DIRECTORY, else /var/log/memtrace]
    #[arg(long, value_name = "DIR", help_heading = "Flight recorder")]
    pub dir: Option<PathBuf>,
    /// At most so many bytes in the ring (such as 256M, the default)
    #[arg(long, value_name = "S", value_parser = size::parse_ring, help_heading = "Flight recorder")]
    pub max_size: Option<u64>,
    /// At most so many files in the ring
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=100_000), help_heading = "Flight recorder")]
    pub max_files: Option<u32>,
    /// Save an incident when EXPR is met, such as 'stall.max > 500ms' or 'psi.some > 20% for 10s'; an OOM kill and
    /// SIGUSR1 always do
    #[arg(long, value_name = "EXPR", help_heading = "Flight recorder")]
    pub on: Vec<Condition>,
    /// How long an incident file goes on after what made it
    #[arg(long, value_name = "T", value_parser = duration::parse, default_value = "10s", help_heading = "Flight recorder")]
    pub after: Duration,
    /// At most so many incident files: the oldest goes for a new one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000), default_value_t = 16, help_heading = "Flight recorder")]
    pub max_incidents: u32,
}

impl FlightArgs {
    /// Whether the flight recorder is asked for.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.keep.is_some()
            || self.dir.is_some()
            || self.max_size.is_some()
            || self.max_files.is_some()
            || !self.on.is_empty()
    }
}
