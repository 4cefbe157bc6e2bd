//! Options of `report`.

use std::path::PathBuf;

use clap::{
    Args,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};

use super::FilterArgs;
use memtrace_report::{by::By, replay::when::When};

/// Options of `report`.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct ReportArgs {
    /// Traces, directories with traces, pipes, or `-` for stdin, in any order; what several of them hold counts once
    /// [default: the newest *.mtrc here]
    #[arg(value_name = "FILE|DIR|-")]
    pub inputs: Vec<PathBuf>,

    /// Write JSON: the object `meta`, a `group` for each row of --by, and the `summary` that `memtrace --json` ended with
    #[arg(long, help_heading = "Output")]
    pub json: bool,
    /// Write the stacks of a recording made with --stacks as folded lines, from which flame graphs are drawn; each with its
    /// stalled time in microseconds, or its number of stalls
    #[arg(long, value_name = "WEIGHT", num_args = 0..=1, require_equals = true, default_missing_value = "time", conflicts_with_all = ["json", "by"], help_heading = "Output")]
    pub folded: Option<Weight>,
    /// Write the report as Markdown, for a ticket or a pull request
    #[arg(long, conflicts_with_all = ["json", "folded"], help_heading = "Output")]
    pub markdown: bool,
    /// A table by this; several with commas
    #[arg(long, value_name = "KEY", value_delimiter = ',', value_parser = by(), help_heading = "Output")]
    pub by: Vec<By>,
    /// Rows of the tables; JSON lists are always complete
    #[arg(long, value_name = "N", default_value_t = 10, help_heading = "Output")]
    pub top: usize,
    /// Show UTC instead of local time
    #[arg(long, help_heading = "Output")]
    pub utc: bool,
    /// No colours (also: NO_COLOR set, or stdout is not a terminal)
    #[arg(long, help_heading = "Output")]
    pub no_color: bool,

    /// From when to when.
    #[command(flatten)]
    pub time: TimeArgs,
    /// Of whom.
    #[command(flatten)]
    pub filter: FilterArgs,
}

/// Parses a key of `--by`. The names are those of the outputs.
fn by() -> impl TypedValueParser<Value = By> {
    let values = By::ALL.map(|by| PossibleValue::new(by.name()).help(by.help()));
    PossibleValuesParser::new(values).try_map(|name| By::named(&name).ok_or("unknown key"))
}

/// What the folded lines count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Weight {
    /// Stalled time in microseconds.
    Time,
    /// Stalls.
    Count,
}

/// A part of a trace.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct TimeArgs {
    /// From this time on, in whole ticks: 13:05, 13:05:10, '2026-11-24 13:05', RFC 3339; 90s from the start, -30s from the end
    #[arg(long, value_name = "T", value_parser = When::parse, allow_hyphen_values = true, help_heading = "Time")]
    pub since: Option<When>,
    /// Until this time. Exit 2 when nothing lies in the time asked for
    #[arg(long, value_name = "T", value_parser = When::parse, allow_hyphen_values = true, help_heading = "Time")]
    pub until: Option<When>,
}
