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
    /// Traces, directories, pipes, or `-` for stdin, each of a side; the same NAME again adds a run to it. Two may go without
    /// names: the first is before, the second after
    #[arg(value_name = "[NAME=]FILE|DIR|-", required = true, value_parser = Input::parse)]
    pub inputs: Vec<Input>,

    /// Compare what one recording has before T with what it has from then on
    #[arg(long, value_name = "T", value_parser = When::parse, allow_hyphen_values = true, help_heading = "Comparison")]
    pub split: Option<When>,
    /// What was changed on purpose, and so is no reason not to compare
    #[arg(long, value_name = "WHAT", value_parser = ["kernel"], help_heading = "Comparison")]
    pub changed: Option<String>,
    /// Exit 6 when a guard trips: when the two should not be compared
    #[arg(long, help_heading = "Comparison")]
    pub strict: bool,
    /// Exit 3 when this is met, 6 when that cannot be told: such as 'stall.p99 > +20%'
    #[arg(long, value_name = "EXPR", help_heading = "Comparison")]
    pub fail_if: Vec<FailIf>,
    /// What drawing begins with: the same seed gives the same result
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Comparison")]
    pub seed: u64,

    /// The output.
    #[command(flatten)]
    pub output: CompareOutput,
    /// Show guards that did not trip, too
    #[arg(short, long, help_heading = "Output")]
    pub verbose: bool,
    /// Options of text.
    #[command(flatten)]
    pub text: TextArgs,

    /// Of each recording.
    #[command(flatten)]
    pub time: TimeArgs,
}

/// One thing to read, and for which side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The side.
    pub name: Option<String>,
    /// The trace, or a directory of them.
    pub path: PathBuf,
}

impl Input {
    /// Reads `NAME=PATH` or `PATH`. What has a slash before its `=` is a path.
    fn parse(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some(("", _)) => Err("the name before `=` is empty".to_owned()),
            Some((_, "")) => Err("the path after `=` is empty".to_owned()),
            Some((name, path)) if !name.contains('/') => Ok(Self { name: Some(name.to_owned()), path: path.into() }),
            _ => Ok(Self { name: None, path: text.into() }),
        }
    }
}
