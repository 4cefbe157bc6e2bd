//! Options of `check`.

use std::time::Duration;

use clap::{Args, builder::PossibleValuesParser};

use memtrace_core::{hook::catalog, units::duration};

/// Options of `check`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct CheckArgs {
    /// Write one JSON object
    #[arg(long, conflicts_with_all = ["verbose", "verifier_log", "kernel_log"])]
    pub json: bool,
    /// Also show how long each hook took to load and attach (hooks load side by side, so the times overlap)
    #[arg(short, long)]
    pub verbose: bool,
    /// Load only the programs of HOOK, by each method, and print the verifier's full log of each program that the kernel
    /// refuses (needs the privileges to trace)
    #[arg(long, value_name = "HOOK", value_parser = PossibleValuesParser::new(catalog::names()), hide_possible_values = true)]
    pub verifier_log: Option<String>,
    /// Attach the hooks for a while, and print a line for each event that the kernel side could not pair or store, with the
    /// stage, the hook or kind of stall, and the thread (needs the privileges to trace)
    #[arg(long, conflicts_with = "verifier_log")]
    pub kernel_log: bool,
    /// Watch for T with --kernel-log
    #[arg(short, long, value_name = "T", value_parser = duration::parse, default_value = "10s", requires = "kernel_log")]
    pub duration: Duration,
    /// Leave these hooks out, by event name (for tests)
    #[arg(long, value_name = "HOOK", value_delimiter = ',', value_parser = PossibleValuesParser::new(catalog::names()), requires = "kernel_log", hide = true)]
    pub without: Vec<String>,
}
