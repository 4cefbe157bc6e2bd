//! Options of `replay`.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::{
    FilterArgs,
    output::{GROUP, ReplayOutput, TextArgs},
    report::TimeArgs,
};
use memtrace_core::units::duration;

/// Options of `replay`.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct ReplayArgs {
    /// Traces, directories of traces, pipes, or `-` for stdin, in any order; data in several of them counts once. A
    /// single pipe that starts with the beginning of a recording is shown as it arrives. memtrace first reads a pipe to
    /// its end if there are other inputs, with --speed max, on the full screen, and for a time counted from the end
    #[arg(value_name = "FILE|DIR|-", required = true)]
    pub inputs: Vec<PathBuf>,

    /// The output.
    #[command(flatten)]
    pub output: ReplayOutput,
    /// Show the full screen, with time travel: the default on a terminal; `?` lists the keys
    #[arg(long, group = GROUP, help_heading = "Output")]
    pub tui: bool,
    /// Play N times as fast as it happened, or `max`
    #[arg(long, value_name = "N", value_parser = Speed::parse, default_value = "1", help_heading = "Output")]
    pub speed: Speed,
    /// Show at most N rows in each table of the summary; JSON lists are always complete
    #[arg(long, value_name = "N", default_value_t = 10, help_heading = "Output")]
    pub top: usize,
    /// Options of text.
    #[command(flatten)]
    pub text: TextArgs,
    /// Add lines for kswapd
    #[arg(short, long, help_heading = "Output")]
    pub verbose: bool,

    /// Time range.
    #[command(flatten)]
    pub time: TimeArgs,
    /// Filter of stalls.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Leave out the lines of stalls shorter than T; totals count every stall [default: 1ms, 0 with --json]
    #[arg(long, value_name = "T", value_parser = duration::parse, help_heading = "Which stalls")]
    pub min_stall: Option<Duration>,
}

impl ReplayArgs {
    /// The shortest stall that gets a line of its own.
    #[must_use]
    pub fn min_stall(&self) -> Duration {
        self.min_stall.unwrap_or_else(|| self.output.choice().min_stall())
    }
}

/// Speed of a replay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// As fast as it can be written.
    Max,
    /// This many times as fast as it happened.
    Times(f64),
}

impl Speed {
    /// Reads `max`, `1`, `0.5`, `10` or `10x`.
    ///
    /// # Errors
    /// Text that names the given and the expected value.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let times = text.strip_suffix('x').unwrap_or(text).parse().ok().filter(|n: &f64| (1e-3..=1e6).contains(n));
        times
            .map(Self::Times)
            .ok_or_else(|| format!("`{text}` is not a speed: expected a number such as 1, 0.5 or 10, or max"))
    }
}
