//! The command line: what can be asked for, and its help.

pub mod duration;
mod help;
pub mod size;

use std::{ffi::OsString, io, time::Duration};

use clap::{
    Args, CommandFactory as _, Parser, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use memtrace_common::kind::StallKind;

use crate::{
    probe::hooks,
    session::pattern::{CgroupPattern, CommPattern},
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

/// What memtrace is to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Trace now: reclaim stalls, kswapd and OOM kills (what memtrace does when no command is named)
    #[command(after_long_help = help::EXAMPLES)]
    Live(Box<LiveArgs>),
    /// Say what memtrace can trace on this kernel with these rights, and how to get the rest
    Check {
        /// Write one JSON object
        #[arg(long)]
        json: bool,
    },
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
    /// Write lines of text: the default
    #[arg(long, conflicts_with = "json", help_heading = "Output")]
    pub lines: bool,
    /// Write JSON, one object per line
    #[arg(long, help_heading = "Output")]
    pub json: bool,
    /// Rows of the tables in the summary; JSON lists are always complete
    #[arg(long, value_name = "N", default_value_t = 10, help_heading = "Output")]
    pub top: usize,
    /// Show UTC instead of local time
    #[arg(long, help_heading = "Output")]
    pub utc: bool,
    /// No colours (also: NO_COLOR set, or stdout is not a terminal)
    #[arg(long, help_heading = "Output")]
    pub no_color: bool,
    /// Say more: lines for kswapd, and on stderr what `check` finds
    #[arg(short, long, help_heading = "Output")]
    pub verbose: bool,

    /// Stop after T, with the summary
    #[arg(short, long, value_name = "T", value_parser = duration::parse, help_heading = "Time")]
    pub duration: Option<Duration>,
    /// One row every T, at least 100ms
    #[arg(short, long, value_name = "T", value_parser = duration::parse_interval, default_value = "1s", help_heading = "Time")]
    pub interval: Duration,

    /// Only stalls of these processes
    #[arg(short, long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=i32::MAX as i64), help_heading = "Which stalls")]
    pub pid: Vec<u32>,
    /// Only stalls of threads with this name (15 bytes at most; * and ? stand for others)
    #[arg(long, value_name = "NAME", value_parser = CommPattern::parse, help_heading = "Which stalls")]
    pub comm: Vec<CommPattern>,
    /// Only stalls in these cgroups and below: a path, or a part of one with * and ?
    #[arg(long, value_name = "PATTERN", value_parser = CgroupPattern::parse, help_heading = "Which stalls")]
    pub cgroup: Vec<CgroupPattern>,
    /// Only stalls of this kind; several with commas
    #[arg(long, value_name = "K", value_delimiter = ',', value_parser = kinds(), help_heading = "Which stalls")]
    pub kind: Vec<StallKind>,
    /// Hide the lines of stalls shorter than T; totals count them all [default: 1ms, 0 with --json]
    #[arg(long, value_name = "T", value_parser = duration::parse, help_heading = "Which stalls")]
    pub min_stall: Option<Duration>,

    /// Size of the ring buffer in pages, a power of two (for tests and benchmarks)
    #[arg(long, value_name = "N", value_parser = ring_pages, hide = true)]
    pub ring_pages: Option<u32>,

    /// Do not count refaults: where only memcg:mod_memcg_lruvec_state tells them, that hook is the dearest
    #[arg(long, help_heading = "Hooks")]
    pub no_refaults: bool,

    /// Attach by classic tracepoints only, as on a kernel without BTF (for tests and benchmarks)
    #[arg(long, hide = true)]
    pub classic: bool,

    /// Leave these hooks out, by event name (for tests and benchmarks)
    #[arg(long, value_name = "HOOK", value_delimiter = ',', value_parser = PossibleValuesParser::new(hooks::names()), hide = true)]
    pub without: Vec<String>,

    /// Start CMD once the hooks are attached, trace until it ends, exit with its status
    #[arg(last = true, value_name = "CMD", help_heading = "Command")]
    pub cmd: Vec<OsString>,
}

impl LiveArgs {
    /// The shortest stall that gets a line of its own.
    #[must_use]
    pub fn min_stall(&self) -> Duration {
        self.min_stall.unwrap_or(if self.json { Duration::ZERO } else { Duration::from_millis(1) })
    }
}

fn kinds() -> impl TypedValueParser<Value = StallKind> {
    PossibleValuesParser::new(StallKind::ALL.map(StallKind::name))
        .try_map(|name| StallKind::ALL.into_iter().find(|kind| kind.name() == name).ok_or("no such kind"))
}

fn ring_pages(text: &str) -> Result<u32, String> {
    let pages = text.parse().ok().filter(|n: &u32| n.is_power_of_two() && *n <= 1 << 16);
    pages.ok_or_else(|| format!("`{text}` is not a power of two from 1 to 65536"))
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
