//! Options of `compare`.

use std::path::PathBuf;

use clap::Args;

use super::{
    TimeArgs,
    output::{CompareOutput, TextArgs},
};
use memtrace_report::{compare::fail_if::FailIf, replay::when::When};

/// Options of `compare`.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct CompareArgs {
    /// Traces, directories, pipes, or `-` for stdin, each with the NAME of its side; the same NAME again adds a run. Two
    /// inputs need no names: the first is before, the second after
    #[arg(value_name = "[NAME=]FILE|DIR|-", required = true, value_parser = Input::parse)]
    pub inputs: Vec<Input>,

    /// Compare one recording before T with the same recording from T on
    #[arg(long, value_name = "T", value_parser = When::parse, allow_hyphen_values = true, help_heading = "Comparison")]
    pub split: Option<When>,
    /// Treat this difference as intended
    #[arg(long, value_name = "WHAT", value_parser = ["kernel"], help_heading = "Comparison")]
    pub changed: Option<String>,
    /// Exit with 6 if a guard trips, that is, if the two should not be compared
    #[arg(long, help_heading = "Comparison")]
    pub strict: bool,
    /// Exit with 3 if EXPR is met, such as 'stall.p99 > +20%', and with 6 if it cannot be decided
    #[arg(long, value_name = "EXPR", help_heading = "Comparison")]
    pub fail_if: Vec<FailIf>,
    /// Random seed for resampling; the same seed gives the same result
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Comparison")]
    pub seed: u64,

    /// The output.
    #[command(flatten)]
    pub output: CompareOutput,
    /// Also show the guards that did not trip
    #[arg(short, long, help_heading = "Output")]
    pub verbose: bool,
    /// Options of text.
    #[command(flatten)]
    pub text: TextArgs,

    /// Time range of each recording.
    #[command(flatten)]
    pub time: TimeArgs,
}

/// An input, and the side that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Name of the side; `None` if it has none.
    pub name: Option<String>,
    /// The trace, or a directory of them.
    pub path: PathBuf,
}

impl Input {
    /// Reads `NAME=PATH` or `PATH`. A text with a slash before its `=` is a path.
    fn parse(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some(("", _)) => Err("the name before `=` is empty".to_owned()),
            Some((_, "")) => Err("the path after `=` is empty".to_owned()),
            Some((name, path)) if !name.contains('/') => Ok(Self { name: Some(name.to_owned()), path: path.into() }),
            _ => Ok(Self { name: None, path: text.into() }),
        }
    }
}
