//! The command line: commands, options, and their help.

mod ab;
mod check;
mod compare;
mod filter;
mod help;
mod output;
mod record;
mod replay;
mod report;
mod salvage;
mod trace_args;

use std::{io, path::PathBuf, time::Duration};

use clap::{Args, CommandFactory as _, Parser, Subcommand};

pub use self::{
    ab::AbArgs,
    check::CheckArgs,
    compare::{CompareArgs, Input},
    filter::FilterArgs,
    output::{Choice, CompareOutput, LiveOutput, ReplayOutput, ReportOutput, TextArgs},
    record::RecordArgs,
    replay::{ReplayArgs, Speed},
    report::{ReportArgs, TimeArgs},
    salvage::SalvageArgs,
    trace_args::TraceArgs,
};

/// The parsed command line.
#[derive(Debug, Parser)]
#[command(
    name = "memtrace",
    version,
    about = help::ABOUT,
    long_about = help::LONG_ABOUT,
    after_help = help::SEE_LONG,
    after_long_help = help::EXAMPLES,
    args_conflicts_with_subcommands = true,
    max_term_width = 100
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    live: LiveArgs,
}

impl Cli {
    /// The command, `live` where none is named.
    #[must_use]
    pub fn into_command(self) -> Command {
        self.command.unwrap_or_else(|| Command::Live(Box::new(self.live)))
    }
}

/// A command of memtrace.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Trace now: reclaim stalls, kswapd and OOM kills (the default command)
    #[command(after_long_help = help::EXAMPLES)]
    Live(Box<LiveArgs>),
    /// Record a trace to a file that survives a kill and a full disk, for `report` and `replay`
    #[command(after_long_help = help::record())]
    Record(Box<RecordArgs>),
    /// Summarize traces: settings, latency over time, totals
    #[command(after_long_help = help::REPORT_EXAMPLES)]
    Report(Box<ReportArgs>),
    /// Play traces back as they looked live, at the same pace or faster
    #[command(after_long_help = help::REPLAY_EXAMPLES)]
    Replay(Box<ReplayArgs>),
    /// Compare traces before and after a change, and judge the difference
    #[command(after_long_help = help::compare())]
    Compare(Box<CompareArgs>),
    /// Try a setting on this host: alternate two values, record, compare, and restore the original value
    #[command(after_long_help = help::AB_EXAMPLES)]
    Ab(Box<AbArgs>),
    /// Copy the intact parts of a damaged trace to a new file
    #[command(after_long_help = help::SALVAGE_EXAMPLES)]
    Salvage(SalvageArgs),
    /// Show what memtrace can trace on this kernel with these privileges, and how to get the rest
    Check(CheckArgs),
    /// Write a shell completion script to stdout
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual page to stdout (`memtrace man | man -l -`)
    Man,
}

/// Options of `live`.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct LiveArgs {
    /// The output.
    #[command(flatten)]
    pub output: LiveOutput,
    /// Show the full screen: the default on a terminal; `?` lists the keys
    #[arg(long, group = output::GROUP, help_heading = "Output")]
    pub tui: bool,
    /// Write one screen as text after 5 s (or the T of -d or -i), and exit
    #[arg(long, group = output::GROUP, help_heading = "Output")]
    pub once: bool,
    /// Show at most N rows in each table of the summary; JSON lists are always complete
    #[arg(long, value_name = "N", default_value_t = 10, help_heading = "Output")]
    pub top: usize,
    /// Options of text.
    #[command(flatten)]
    pub text: TextArgs,
    /// Also record a trace to FILE, for `memtrace report`
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub record: Option<PathBuf>,
    /// Replace the FILE of --record if it exists
    #[arg(long, requires = "record", help_heading = "Output")]
    pub force: bool,
    /// Options of the tracing.
    #[command(flatten)]
    pub trace: TraceArgs,
}

impl LiveArgs {
    /// The shortest stall that gets a line of its own.
    #[must_use]
    pub fn min_stall(&self) -> Duration {
        self.trace.min_stall.unwrap_or_else(|| self.output.choice().min_stall())
    }
}

/// The completion script of a shell.
#[must_use]
pub fn completions(shell: clap_complete::Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "memtrace", &mut script);
    script
}

/// The manual page, in roff.
///
/// # Errors
/// None in practice: it is written to memory.
pub fn man() -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    Ok(page)
}

#[cfg(test)]
mod tests;
