//! The flags of the outputs, made from [`Output::ALL`], and the options that all text has.

use std::time::Duration;

use clap::{
    Arg, ArgAction, ArgMatches, Args, Command as Clap, FromArgMatches,
    builder::{PossibleValue, PossibleValuesParser},
};
use memtrace_report::output::{self, Command, Output};

/// The group of flags of which one is allowed.
pub(super) const GROUP: &str = "form";

/// The output that was asked for, of those that this command offers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutputArgs<const COMMAND: u8> {
    /// The output of the flag that was given; `None` without one.
    pub asked: Option<Choice>,
}

/// An output with the value of its flag.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// The output.
    pub output: &'static Output,
    /// The value; empty for a flag without values.
    pub value: &'static str,
}

/// The outputs of `live`.
pub type LiveOutput = OutputArgs<{ Command::Live as u8 }>;
/// The outputs of `replay`.
pub type ReplayOutput = OutputArgs<{ Command::Replay as u8 }>;
/// The outputs of `report`.
pub type ReportOutput = OutputArgs<{ Command::Report as u8 }>;
/// The outputs of `compare` and `ab`.
pub type CompareOutput = OutputArgs<{ Command::Compare as u8 }>;

impl<const COMMAND: u8> OutputArgs<COMMAND> {
    const OF: Command = Command::ALL[COMMAND as usize];

    /// The output that was asked for, or the default.
    #[must_use]
    pub fn choice(&self) -> Choice {
        self.asked.unwrap_or_else(|| {
            let output = Self::OF.default_output();
            Choice { output, value: output.default_value() }
        })
    }

    fn offered() -> impl Iterator<Item = (&'static Output, &'static str)> {
        Output::ALL.iter().filter_map(|output| Some((output, output.help(Self::OF)?)))
    }
}

impl Choice {
    /// The shortest stall that the output has by default.
    pub(super) fn min_stall(&self) -> Duration {
        if self.output.is_complete { Duration::ZERO } else { Duration::from_millis(1) }
    }

    /// The sink of a session or a recording.
    #[must_use]
    pub fn sink(&self, start: &output::Start<'_>, layout: &output::Layout) -> Box<dyn output::Sink> {
        (self.output.sink)(start, layout, self.value)
    }
}

impl<const COMMAND: u8> Args for OutputArgs<COMMAND> {
    fn augment_args(command: Clap) -> Clap {
        command.args(Self::offered().map(|(output, help)| {
            let arg = Arg::new(output.name).long(output.name).help(help).group(GROUP).help_heading("Output");
            let Some((name, values)) = output.value else { return arg.action(ArgAction::SetTrue) };
            let values = values.iter().map(|(value, help)| PossibleValue::new(*value).help(*help));
            arg.value_name(name)
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value(output.default_value())
                .value_parser(PossibleValuesParser::new(values))
        }))
    }

    fn augment_args_for_update(command: Clap) -> Clap {
        Self::augment_args(command)
    }
}

impl<const COMMAND: u8> FromArgMatches for OutputArgs<COMMAND> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let asked = Self::offered().find_map(|(output, _)| {
            let value = match output.value {
                None => matches.get_flag(output.name).then_some(""),
                Some((_, values)) => matches
                    .get_one::<String>(output.name)
                    .and_then(|given| values.iter().map(|(value, _)| *value).find(|value| value == given)),
            };
            value.map(|value| Choice { output, value })
        });
        Ok(Self { asked })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Options of text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Args)]
pub struct TextArgs {
    /// Show UTC instead of local time
    #[arg(long, help_heading = "Output")]
    pub utc: bool,
    /// No colours (also: NO_COLOR set, or stdout is not a terminal)
    #[arg(long, help_heading = "Output")]
    pub no_color: bool,
}
