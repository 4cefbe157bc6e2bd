//! Options of `check`.

use std::time::Duration;

use clap::{Args, builder::PossibleValuesParser};

use memtrace_core::{hook::catalog, units::duration};

/// What `check` shows.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct CheckArgs {
    /// Write one JSON object
    #[arg(long, conflicts_with_all = ["verbose", "verifier_log", "kernel_log"])]
    pub json: bool,
    /// Say more: how long each hook took to load and attach
    #[arg(short, long)]
    pub verbose: bool,
    /// Load the programs of this hook alone, by each method, and write all that the kernel's verifier says of those that it
    /// refuses (needs the rights to trace)
    #[arg(long, value_name = "HOOK", value_parser = PossibleValuesParser::new(catalog::names()), hide_possible_values = true)]
    pub verifier_log: Option<String>,
    /// Attach the hooks for a while, and write a line for each thing that the kernel side could not pair or keep: which
    /// stage, in what kind of stall, of which thread (needs the rights to trace)
    #[arg(long, conflicts_with = "verifier_log")]
    pub kernel_log: bool,
    /// How long --kernel-log watches
    #[arg(short, long, value_name = "T", value_parser = duration::parse, default_value = "10s", requires = "kernel_log")]
    pub duration: Duration,
    /// Leave these hooks out, by event name (for tests)
    #[arg(long, value_name = "HOOK", value_delimiter = ',', value_parser = PossibleValuesParser::new(catalog::names()), requires = "kernel_log", hide = true)]
    pub without: Vec<String>,
}
