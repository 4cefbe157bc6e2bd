//! Unreadable stderr, a stdout that nobody reads, and an invalid time zone. Needs no rights.

#![expect(clippy::expect_used, reason = "a test that cannot run memtrace has failed")]

use std::{
    fs::{self, File},
    io::pipe,
    path::Path,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;
use tests::{
    bin,
    stderr::{Stderr, memtrace},
};

/// A trace that memtrace 0.1.0 recorded.
const V1: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/traces/v1.mtrc");

/// A directory with traces: whole, damaged, cut, and none at all.
fn traces() -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let whole = fs::read(V1).expect("the trace");
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    let files = [
        ("whole.mtrc", whole.as_slice()),
        ("damaged.mtrc", &damaged),
        ("cut.mtrc", &whole[..whole.len() * 2 / 3]),
        ("none.mtrc", b"no trace\n"),
    ];
    for (name, bytes) in files {
        fs::write(dir.path().join(name), bytes).expect("a file");
    }
    dir
}

/// Commands that need no rights, their exit status, and true if they write to stderr.
const COMMANDS: &[(&[&str], i32, bool)] = &[
    (&["report", "whole.mtrc"], 0, false),
    (&["report", "--json", "cut.mtrc"], 0, true),
    (&["report", "damaged.mtrc"], 5, true),
    (&["report", "none.mtrc"], 5, true),
    (&["report", "missing.mtrc"], 1, true),
    (&["replay", "--lines", "--speed", "max", "damaged.mtrc"], 5, true),
    (&["replay", "--json", "--speed", "max", "cut.mtrc"], 0, true),
    (&["replay", "--tui", "whole.mtrc"], 2, true),
    (&["compare", "--split", "3s", "whole.mtrc"], 0, false),
    (&["compare", "--json", "--split", "3s", "damaged.mtrc"], 5, true),
    (&["compare", "--split", "3s", "whole.mtrc", "--fail-if", "stall.p99 > 20%"], 6, true),
    (&["compare", "whole.mtrc"], 2, true),
    (&["salvage", "damaged.mtrc", "-o", "out.mtrc"], 5, true),
    (&["salvage", "none.mtrc", "-o", "out.mtrc"], 5, true),
    (&["ab", "--set", "vm.nonsense=1", "--dry-run"], 2, true),
    (&["ab", "--set", "vm.laptop_mode=7", "--dry-run", "--seed", "1"], 0, false),
    (&["--nonsense"], 2, true),
    (&["--help"], 0, false),
    (&["--version"], 0, false),
    (&["completions", "bash"], 0, false),
    (&["man"], 0, false),
];

#[test]
fn a_message_that_cannot_be_written_changes_nothing_else() {
    for (args, status, says) in COMMANDS {
        let dir = traces();
        let read = memtrace(Stderr::Read, dir.path(), args);
        assert_eq!((read.status, read.stderr.is_empty()), (Some(*status), !says), "{args:?}: {}", read.stderr);
        let made = fs::read(dir.path().join("out.mtrc")).ok();
        for stderr in Stderr::FAILING {
            let dir = traces();
            let lost = memtrace(stderr, dir.path(), args);
            assert_eq!(lost.status, read.status, "{args:?}, {stderr:?}");
            assert!(lost.stdout == read.stdout, "{args:?}, {stderr:?}: stdout differs");
            assert!(fs::read(dir.path().join("out.mtrc")).ok() == made, "{args:?}, {stderr:?}: the new file differs");
        }
    }
}

/// Commands that write a result to stdout.
const RESULTS: &[&[&str]] = &[
    &["--help"],
    &["-h"],
    &["--version"],
    &["compare", "--help"],
    &["help", "record"],
    &["completions", "bash"],
    &["man"],
    &["report", "whole.mtrc"],
    &["report", "--json", "whole.mtrc"],
    &["replay", "--lines", "--speed", "max", "whole.mtrc"],
    &["replay", "--json", "--speed", "max", "whole.mtrc"],
    &["compare", "--split", "3s", "whole.mtrc"],
    &["compare", "--json", "--split", "3s", "whole.mtrc"],
    &["ab", "--set", "vm.laptop_mode=7", "--dry-run"],
];

fn with_stdout(stdout: impl Into<Stdio>, dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(bin("memtrace"));
    command.args(args).current_dir(dir).env("TZ", "UTC").stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped());
    command.spawn().and_then(std::process::Child::wait_with_output).expect("memtrace")
}

#[test]
fn a_result_that_cannot_be_written_is_a_failure_that_is_said() {
    let dir = traces();
    for args in RESULTS {
        let full = File::options().write(true).open("/dev/full").expect("/dev/full");
        let out = with_stdout(full, dir.path(), args);
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(1), "{args:?}: {said}");
        assert!(said.contains("writing to stdout") && said.contains("No space left"), "{args:?}: {said}");
    }
}

#[test]
fn a_result_that_nobody_reads_is_no_failure() {
    let dir = traces();
    for args in RESULTS {
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        let out = with_stdout(writer, dir.path(), args);
        assert_eq!((out.status.code(), String::from_utf8_lossy(&out.stderr).as_ref()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn a_time_zone_that_is_none_is_said_once_and_utc_is_shown() {
    let dir = traces();
    let run = |zone: Option<&str>, args: &[&str]| {
        let mut command = Command::new(bin("memtrace"));
        command.args(args).current_dir(dir.path()).stdin(Stdio::null()).env_remove("TZ");
        if let Some(zone) = zone {
            command.env("TZ", zone);
        }
        let out = command.output().expect("memtrace");
        assert_eq!(out.status.code(), Some(0), "{args:?}");
        (out.stdout, String::from_utf8_lossy(&out.stderr).into_owned())
    };
    for args in [
        &["report", "whole.mtrc"][..],
        &["report", "whole.mtrc", "whole.mtrc"],
        &["replay", "--lines", "--speed", "max", "whole.mtrc"],
        &["compare", "--split", "3s", "whole.mtrc"],
    ] {
        let (utc, nothing) = run(Some("UTC"), args);
        assert_eq!(nothing.matches("TZ=").count(), 0, "{args:?}: {nothing}");
        for zone in ["Nowhere/Bad", "\u{1b}[2J"] {
            let (shown, said) = run(Some(zone), args);
            assert!(shown == utc, "{args:?}: stdout is not that of UTC");
            let name = zone.replace('\u{1b}', "\\x1b");
            let wanted = format!("memtrace: TZ={name} is not a time zone known on this host: times are UTC.");
            assert_eq!(said.matches(&wanted).count(), 1, "{args:?}: {said}");
            assert!(said.contains("Europe/Berlin") && said.contains("--utc") && !said.contains('\u{1b}'), "{said}");
            assert_eq!(said.matches("TZ=").count(), 1, "{args:?}: {said}");
        }
        // POSIX allows zones without a name, and an empty one is UTC.
        for zone in [None, Some(""), Some("CET-1CEST,M3.5.0,M10.5.0/3")] {
            assert!(!run(zone, args).1.contains("TZ="), "{args:?}: {zone:?}");
        }
        let asked = [args, &["--utc"]].concat();
        assert!(run(Some("Nowhere/Bad"), &asked) == run(Some("UTC"), &asked), "{args:?}: nobody sees a zone");
    }
}
