//! `--since` and `--until` of the commands: an empty time range is reported, with exit status 2.

use std::fs;

use memtrace_core::session::filter::Filter;
use memtrace_trace::BlockKind;

use crate::{
    cli::{memtrace, text, write},
    fixture::{Blocks, record},
};

const COMMANDS: [&[&str]; 6] = [
    &["report"],
    &["report", "--json"],
    &["replay", "--lines", "--speed", "max"],
    &["replay", "--json", "--speed", "max"],
    &["compare", "other.mtrc"],
    &["compare", "--json", "other.mtrc"],
];

#[test]
fn a_time_in_which_nothing_lies_is_2_and_shows_nothing() {
    let dir = tempfile::tempdir().unwrap();
    // The recording lasts from 22:13:20 to 22:13:32.
    let recorded = record(3, 12, &[4, 8], &Filter::default(), 0);
    fs::write(dir.path().join("a.mtrc"), recorded.segments.iter().flat_map(Blocks::bytes).collect::<Vec<_>>()).unwrap();
    write(dir.path(), "other.mtrc", &record(4, 12, &[], &Filter::default(), 0).segments[0]);
    for (args, words) in [
        (&["--since", "5s", "--until", "3s"][..], "--until +3s is not after --since +5s"),
        (&["--since", "5s", "--until", "5s"], "--until +5s is not after --since +5s"),
        (&["--since", "22:13:30", "--until", "3s"], "--until +3s (22:13:23) is not after --since 22:13:30"),
        (&["--since", "1h"], "the trace goes from 22:13:20 to 22:13:32, and --since +3600s (23:13:20)"),
        (&["--until", "2023-11-14 22:13:19"], "and --until 2023-11-14 22:13:19"),
        (&["--until", "-12s"], "the trace goes from 22:13:20 to 22:13:32, and --until -12s (22:13:20)"),
    ] {
        for command in COMMANDS {
            let out = memtrace(dir.path(), &[command, &["--utc", "a.mtrc"], args].concat(), None);
            let stderr = text(&out.stderr);
            assert_eq!((out.status.code(), text(&out.stdout)), (Some(2), ""), "{command:?} {args:?}: {stderr}");
            assert!(stderr.contains(words), "{command:?} {args:?}: {stderr}");
        }
    }
    // Between two ticks.
    for command in COMMANDS {
        let args = ["--utc", "--since", "4.6s", "--until", "4.9s", "a.mtrc"];
        let out = memtrace(dir.path(), &[command, &args].concat(), None);
        assert_eq!(out.status.code(), Some(2), "{command:?}: {}", text(&out.stderr));
        let words = "a.mtrc: no interval lies in the time range: ticks are 1.00 s apart (first read 22:13:21, last ";
        assert!(text(&out.stderr).contains(words), "{}", text(&out.stderr));
    }
    // A split outside the recording.
    let out = memtrace(dir.path(), &["compare", "--utc", "--split", "1h", "a.mtrc"], None);
    assert_eq!(out.status.code(), Some(2));
    assert!(text(&out.stderr).contains("--split +3600s (23:13:20) is outside it"), "{}", text(&out.stderr));
    let out = memtrace(dir.path(), &["compare", "--split", "3s", "--since", "5s", "a.mtrc"], None);
    assert_eq!(out.status.code(), Some(2));
    assert!(text(&out.stderr).contains("--split +3s is not after --since +5s"), "{}", text(&out.stderr));
}

#[test]
fn of_several_recordings_those_outside_are_said_and_left_out() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "long.mtrc", &record(3, 12, &[], &Filter::default(), 0).segments[0]);
    write(dir.path(), "short.mtrc", &record(4, 3, &[], &Filter::default(), 0).segments[0]);
    let out = memtrace(dir.path(), &["report", "--json", "--utc", "--since", "5s", "."], None);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    assert_eq!(text(&out.stdout).lines().filter(|line| line.starts_with("{\"type\":\"summary\"")).count(), 1);
    assert!(text(&out.stderr).contains("short.mtrc: no data in the time range"), "{}", text(&out.stderr));
}

/// Times count from the boot, in brackets as in the kernel log, and are null in JSON: never a time of 1970.
#[test]
fn a_trace_that_has_lost_its_clocks_has_no_time_of_day() {
    let dir = tempfile::tempdir().unwrap();
    let recorded = record(3, 12, &[], &Filter::default(), 0);
    let kept = |(kind, _): &&(BlockKind, Vec<u8>)| !matches!(kind, BlockKind::Meta | BlockKind::Clock);
    let blocks = Blocks(recorded.segments[0].0.iter().filter(kept).cloned().collect());
    write(dir.path(), "a.mtrc", &blocks);
    let report = |args: &[&str]| {
        let out = memtrace(dir.path(), &[&["report"], args, &["a.mtrc"]].concat(), None);
        (text(&out.stdout).to_owned(), text(&out.stderr).to_owned())
    };
    let (page, _) = report(&[]);
    assert!(page.contains(" since boot (11.0 s)") && !page.contains("1970"), "{page}");
    let (json, _) = report(&["--json"]);
    assert!(
        json.contains("\"time\":null") && json.contains("\"realtime_ns\":null") && !json.contains("1970"),
        "{json}"
    );
    let (_, refused) = report(&["--since", "13:05"]);
    assert!(refused.contains("the time of day"), "{refused}");
}
