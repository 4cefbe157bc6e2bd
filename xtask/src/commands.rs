//! The commands of `cargo xtask`. Each is declared once: its group is the enum that it is in, and its first line ends
//! with its usual duration on two processors.

use std::{ffi::OsString, fmt::Write as _, path::PathBuf};

use clap::{Args, Command as Parser, Subcommand};

use crate::{bench, ci, run, test, vm};

/// Any command.
#[derive(Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    FirstTime(FirstTime),
    #[command(flatten)]
    EveryDay(EveryDay),
    #[command(flatten)]
    BeforeLanding(BeforeLanding),
    #[command(flatten)]
    Figures(Figures),
    #[command(flatten)]
    Guests(Guests),
    #[command(flatten)]
    Hidden(Hidden),
}

/// Title of a group, and the function that adds its commands to a parser.
type CommandGroup = (&'static str, fn(Parser) -> Parser);

const GROUPS: [CommandGroup; 5] = [
    ("First time", FirstTime::augment_subcommands),
    ("Every day", EveryDay::augment_subcommands),
    ("Before a change lands", BeforeLanding::augment_subcommands),
    ("Figures", Figures::augment_subcommands),
    ("Guests", Guests::augment_subcommands),
];

#[derive(Subcommand)]
pub(crate) enum FirstTime {
    /// Install what is missing for builds and lints [4 min, once]
    ///
    /// The pinned toolchains go to rustup; bpf-linker, typos, cargo-deny and cargo-shear to .tools/ of this folder.
    Setup {
        /// Also what a static binary needs: the musl target
        #[arg(long = "static")]
        static_: bool,
    },
    /// Install memtrace where `sudo memtrace` finds it [5 min]
    Install {
        #[arg(long, default_value = "/usr/local")]
        prefix: PathBuf,
    },
}

#[derive(Subcommand)]
pub(crate) enum EveryDay {
    /// Set up if needed, and build memtrace [1 min, release 5]
    Build(Build),
    /// Set up if needed, build memtrace, run it as root [5 min to build]
    Run(run::Args),
    /// Run all tests or some; those of the kernel as root [15 min, some 10 s]
    Test(test::Args),
}

#[derive(Args)]
pub(crate) struct Build {
    #[arg(long)]
    pub(crate) release: bool,
    /// One static musl binary, to be copied to any host (a release build)
    #[arg(long = "static")]
    pub(crate) static_: bool,
}

#[derive(Subcommand)]
pub(crate) enum BeforeLanding {
    /// Make the generated parts of docs/ [10 s]
    ///
    /// docs/json-schema.json comes from the types of the objects. A test fails while it is not up to date.
    Docs,
    /// Check format, spelling, dependencies, lints [1 min]
    Lint,
    /// Run all that a change must pass, cheap first [20 min, full 130]
    Ci(ci::Args),
    /// Run a million short tasks: memory must stay flat [10 min]
    Soak {
        /// Number of tasks
        #[arg(long, default_value_t = 1_000_000)]
        tasks: u64,
    },
}

#[derive(Subcommand)]
pub(crate) enum Figures {
    /// Measure what memtrace costs, beside the targets [20 min]
    Bench(bench::Args),
}

#[derive(Subcommand)]
pub(crate) enum Guests {
    /// Boot other kernels in guests, check memtrace there [10 min a kernel]
    Vm(vm::Args),
}

/// Commands that other commands start.
#[derive(Subcommand)]
pub(crate) enum Hidden {
    /// Measure, as root
    #[command(hide = true)]
    BenchAsRoot(bench::RootArgs),
    /// Run one test binary for `cargo test`, as root where it needs the real kernel
    #[command(hide = true)]
    TestRunner {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<OsString>,
    },
}

/// The commands in their groups, a line each: name, duration, purpose.
pub(crate) fn listed() -> String {
    let mut text = String::new();
    for (title, commands) in GROUPS {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{title}:");
        for command in commands(Parser::new("")).get_subcommands() {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            let (purpose, duration) = split(&about).unwrap_or((&about, ""));
            let _ = writeln!(text, "  {:8} {duration:18} {purpose}", command.get_name());
        }
        text.push('\n');
    }
    text + "Durations are the usual ones on two processors. `cargo xtask COMMAND --help` says more."
}

/// `Check format and lints [1 min]`: purpose and duration.
fn split(about: &str) -> Option<(&str, &str)> {
    about.strip_suffix(']')?.rsplit_once(" [")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_is_in_one_group_and_says_how_long_it_takes() {
        let listed = listed();
        for command in Command::augment_subcommands(Parser::new("")).get_subcommands() {
            let name = command.get_name();
            let lines: Vec<_> = listed.lines().filter(|line| line.starts_with(&format!("  {name} "))).collect();
            assert_eq!(lines.len(), usize::from(!command.is_hide_set()), "{name}");
            assert!(lines.iter().all(|line| line.len() <= 80), "{lines:?}");
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(command.is_hide_set() || split(&about).is_some(), "{name} has no duration: {about}");
        }
    }
}
