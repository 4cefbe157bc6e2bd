//! Options of `ab`.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::{
    TraceArgs,
    output::{CompareOutput, TextArgs},
};
use memtrace_core::units::duration;
use memtrace_report::condition::Condition;

/// Two settings, in turns, on the running host.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct AbArgs {
    /// Set B to this setting and value, such as vm.watermark_scale_factor=50 or cgroup:/web.slice:memory.high=2G
    #[arg(long, value_name = "NAME=VALUE", required_unless_present = "restore", help_heading = "Experiment")]
    pub set: Vec<String>,
    /// Set A to this value instead of the present one
    #[arg(long, value_name = "NAME=VALUE", requires = "set", help_heading = "Experiment")]
    pub against: Vec<String>,
    /// Measure each block for T
    #[arg(long, value_name = "T", value_parser = duration::parse, default_value = "30s", help_heading = "Experiment")]
    pub block: Duration,
    /// Number of blocks, half of them of each side
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000), default_value_t = 16, help_heading = "Experiment")]
    pub blocks: u32,
    /// Wait T after each change before measuring
    #[arg(long, value_name = "T", value_parser = duration::parse, default_value = "5s", help_heading = "Experiment")]
    pub settle: Duration,
    /// Random seed of the order [default: random, and printed]
    #[arg(long, value_name = "N", help_heading = "Experiment")]
    pub seed: Option<u64>,

    /// Stop, restore and exit with 3 if EXPR is met, such as 'oom.count > 0' or 'stall.total > 2 for 10s'
    #[arg(long, value_name = "EXPR", help_heading = "Safety")]
    pub stop_if: Vec<Condition>,
    /// Show the plan, and change nothing
    #[arg(long, help_heading = "Safety")]
    pub dry_run: bool,
    /// Do not ask for confirmation
    #[arg(short, long, help_heading = "Safety")]
    pub yes: bool,
    /// Allow values that can bring the host down
    #[arg(long, help_heading = "Safety")]
    pub allow_risky: bool,
    /// Restore the settings that a killed experiment left changed, and exit
    #[arg(long, conflicts_with_all = ["set", "dry_run", "cmd"], help_heading = "Safety")]
    pub restore: bool,

    /// File to record the experiment to [default: memtrace-HOST-TIME.mtrc]
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// Replace FILE if it exists
    #[arg(short, long, help_heading = "Output")]
    pub force: bool,
    /// The output of the comparison.
    #[command(flatten)]
    pub form: CompareOutput,
    /// Options of text.
    #[command(flatten)]
    pub text: TextArgs,

    /// Options of the tracing.
    #[command(flatten)]
    pub trace: TraceArgs,
}
