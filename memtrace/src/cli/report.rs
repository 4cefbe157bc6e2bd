//! Options of `report`.

use std::path::PathBuf;

use clap::{
    Args,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};

use super::{
    FilterArgs,
    output::{ReportOutput, TextArgs},
};
use memtrace_report::{by::By, replay::when::When};

/// Options of `report`.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct ReportArgs {
    /// Traces, directories of traces, pipes, or `-` for stdin, in any order; data in several of them counts once
    /// [default: the newest *.mtrc here]
    #[arg(value_name = "FILE|DIR|-")]
    pub inputs: Vec<PathBuf>,

    /// The output.
    #[command(flatten)]
    pub output: ReportOutput,
    /// Add a table by KEY; separate several with commas
    #[arg(long, value_name = "KEY", value_delimiter = ',', value_parser = by(), conflicts_with = "folded", help_heading = "Output")]
    pub by: Vec<By>,
    /// Show at most N rows in each table; JSON lists are always complete
    #[arg(long, value_name = "N", default_value_t = 10, help_heading = "Output")]
    pub top: usize,
    /// Options of text.
    #[command(flatten)]
    pub text: TextArgs,

    /// Time range.
    #[command(flatten)]
    pub time: TimeArgs,
    /// Filter of stalls.
    #[command(flatten)]
    pub filter: FilterArgs,
}

/// Parses a key of `--by`. The names are those of the outputs.
fn by() -> impl TypedValueParser<Value = By> {
    let values = By::ALL.map(|by| PossibleValue::new(by.name()).help(by.help()));
    PossibleValuesParser::new(values).try_map(|name| By::named(&name).ok_or("unknown key"))
}

/// Time range of a trace.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct TimeArgs {
    /// Begin at T: 13:05, 13:05:10, '2026-11-24 13:05', RFC 3339, 90s from the start, or -30s from the end. A time without a
    /// date is of the day on which the recording begins, or of the next day if it is more than six hours before the beginning
    #[arg(long, value_name = "T", value_parser = When::parse, allow_hyphen_values = true, help_heading = "Time")]
    pub since: Option<When>,
    /// End at T. Exits with 2 if no data lies in the range
    #[arg(long, value_name = "T", value_parser = When::parse, allow_hyphen_values = true, help_heading = "Time")]
    pub until: Option<When>,
}
