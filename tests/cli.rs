//! The command line of the built binary, and the commands in the README. Needs no rights.

#![expect(clippy::expect_used, reason = "a test that cannot run memtrace has failed")]

use std::{
    fs,
    process::{Command, Output, Stdio},
};

use clap::Parser as _;
use memtrace::cli::Cli;
use tests::bin;

fn memtrace(args: &[&str]) -> Output {
    Command::new(bin("memtrace")).args(args).stdin(Stdio::null()).output().expect("memtrace")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn a_slip_ends_with_2_and_says_what_is_expected() {
    for (args, needle) in [
        (["--duration", "5x"].as_slice(), "is not a duration"),
        (&["--kind", "slow"], "possible values: direct"),
        (&["-i", "1ms"], "at least 100ms"),
        (&["--lines", "--json"], "cannot be used with"),
        (&["chekc"], "unexpected argument"),
        (&["completions", "tcsh"], "possible values: bash"),
    ] {
        let out = memtrace(args);
        assert_eq!((out.status.code(), out.stdout.is_empty()), (Some(2), true), "{args:?}");
        assert!(text(&out.stderr).contains(needle), "{args:?}: {}", text(&out.stderr));
    }
}

#[test]
fn help_describes_every_option() {
    for flag in ["-h", "--help"] {
        let out = memtrace(&[flag]);
        assert_eq!((out.status.code(), out.stderr.is_empty()), (Some(0), true));
        let help = text(&out.stdout);
        for option in [
            "--lines",
            "--json",
            "--top",
            "--utc",
            "--no-color",
            "--verbose",
            "--duration",
            "--interval",
            "--pid",
            "--comm",
            "--cgroup",
            "--kind",
            "--min-stall",
            "check",
            "completions",
            "man",
        ] {
            assert!(help.contains(option), "{flag}: {option}");
        }
        assert!(!help.contains("--ring-pages") && !help.contains("--classic"), "those are for tests");
    }
}

#[test]
fn completions_and_the_manual_come_on_stdout() {
    let out = memtrace(&["completions", "bash"]);
    assert!(out.status.success() && text(&out.stdout).contains("complete -F _memtrace"));
    let out = memtrace(&["man"]);
    assert!(out.status.success() && text(&out.stdout).contains(".TH memtrace"));
}

/// Words of a shell line, without comments and redirections. A quoted string is one word.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (at, part) in line.split('\'').enumerate() {
        if at % 2 == 1 {
            words.extend([part.to_owned(), String::new()]);
            continue;
        }
        let command = part.split(['#', '>']).next().unwrap_or_default();
        words.extend(command.split_whitespace().map(str::to_owned));
        if command.len() < part.len() {
            break;
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn what_the_readme_shows_is_understood() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = fs::read_to_string(path).expect("the README");
    let prompts = readme.lines().filter_map(|line| line.strip_prefix("$ "));
    let lines: Vec<&str> = prompts.map(|line| line.trim_start_matches("sudo ")).collect();
    let ours: Vec<&&str> = lines.iter().filter(|line| line.starts_with("memtrace")).collect();
    assert!(ours.len() >= 5, "{lines:?}");
    for line in ours {
        if let Err(e) = Cli::try_parse_from(words(line)) {
            panic!("{line}: {e}");
        }
    }
}
