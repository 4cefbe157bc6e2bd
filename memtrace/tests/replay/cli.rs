//! The commands themselves: files, directories, stdin, exit codes. They need no rights.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
};

use memtrace_core::session::filter::Filter;

use crate::{
    fixture::{Blocks, Recording, record},
    json,
};

pub(crate) fn memtrace(dir: &Path, args: &[&str], stdin: Option<&[u8]>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memtrace"));
    command.current_dir(dir).args(args).env("TZ", "UTC");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    thread::scope(|scope| {
        // The child may write before it has read all of its stdin.
        scope.spawn(move || {
            if let Some(bytes) = stdin {
                // The write fails when the child ends first.
                let _ = input.write_all(bytes);
            }
        });
        child.wait_with_output().unwrap()
    })
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn last_line(out: &Output) -> String {
    format!("{}\n", text(&out.stdout).lines().last().unwrap_or_default())
}

fn recorded() -> Recording {
    record(3, 12, &[4, 8], &Filter::default(), 0)
}

pub(crate) fn write(dir: &Path, name: &str, blocks: &Blocks) {
    fs::write(dir.join(name), blocks.bytes()).unwrap();
}

fn whole(recorded: &Recording) -> Vec<u8> {
    recorded.segments.iter().flat_map(Blocks::bytes).collect()
}

#[test]
fn all_ways_to_name_a_trace_come_to_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let recorded = recorded();
    let want = json(&recorded.summary, &recorded.paths);
    // The names sort against the order of the segments. One file is later named twice.
    for (name, segment) in [("c.mtrc", 0), ("b.mtrc", 1), ("a.mtrc", 2)] {
        write(dir.path(), name, &recorded.segments[segment]);
    }
    let bytes = whole(&recorded);
    for args in [&["report", "--json", "."][..], &["report", "--json", "a.mtrc", "c.mtrc", "b.mtrc"]] {
        let out = memtrace(dir.path(), args, None);
        assert_eq!((out.status.code(), text(&out.stderr)), (Some(0), ""), "{args:?}");
        assert_eq!(last_line(&out), want, "{args:?}");
    }
    let out = memtrace(dir.path(), &["report", "--json", "-"], Some(&bytes));
    assert_eq!((out.status.code(), last_line(&out)), (Some(0), want.clone()));
    let out = memtrace(dir.path(), &["replay", "--speed", "max", "--json", "-"], Some(&bytes));
    assert_eq!((out.status.code(), last_line(&out)), (Some(0), want.clone()));
    assert!(text(&out.stdout).starts_with("{\"type\":\"meta\""));
    let out = memtrace(dir.path(), &["report", "--json", ".", "b.mtrc"], None);
    assert!(text(&out.stderr).contains("segment 1 is in the inputs more than once"), "{}", text(&out.stderr));
    assert_eq!(last_line(&out), want);
}

#[test]
fn the_newest_here_is_read_when_nothing_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let out = memtrace(dir.path(), &["report"], None);
    assert_eq!(out.status.code(), Some(1));
    assert!(text(&out.stderr).contains("`sudo memtrace record` makes one"), "{}", text(&out.stderr));
    fs::write(dir.path().join("one.mtrc"), whole(&recorded())).unwrap();
    let out = memtrace(dir.path(), &["report", "--by", "kind,order", "--utc"], None);
    assert_eq!((out.status.code(), text(&out.stderr)), (Some(0), ""));
    assert!(text(&out.stdout).contains("by kind") && text(&out.stdout).contains("latency over time"));
}

#[test]
fn a_gap_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let recorded = recorded();
    write(dir.path(), "a.mtrc", &recorded.segments[0]);
    write(dir.path(), "b.mtrc", &recorded.segments[2]);
    let out = memtrace(dir.path(), &["report", "."], None);
    assert_eq!(out.status.code(), Some(0));
    assert!(text(&out.stderr).contains("segment 1 is missing"), "{}", text(&out.stderr));
}

#[test]
fn recordings_that_are_not_the_same_have_a_report_each() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = whole(&recorded());
    fs::write(dir.path().join("a.mtrc"), &bytes).unwrap();
    let mut other = record(5, 3, &[], &Filter::default(), 0).segments.remove(0);
    let mut meta = crate::fixture::meta();
    meta.recording = 78;
    let mut blocks = Blocks::default();
    memtrace_trace::Encoder::new(0).begin(&meta, &mut blocks).unwrap();
    other.0[0] = blocks.0.remove(0);
    write(dir.path(), "b.mtrc", &other);
    let out = memtrace(dir.path(), &["report", "--json", "."], None);
    let summaries = text(&out.stdout).lines().filter(|line| line.starts_with("{\"type\":\"summary\"")).count();
    assert_eq!((out.status.code(), summaries), (Some(0), 2), "{}", text(&out.stderr));
    // Both recordings in one stream.
    let out = memtrace(dir.path(), &["report", "--json", "-"], Some(&[bytes, other.bytes()].concat()));
    let summaries = text(&out.stdout).lines().filter(|line| line.starts_with("{\"type\":\"summary\"")).count();
    assert_eq!((out.status.code(), summaries), (Some(0), 2), "{}", text(&out.stderr));
}

#[test]
fn damage_is_5_and_a_kill_is_0() {
    let dir = tempfile::tempdir().unwrap();
    let recorded = record(3, 12, &[], &Filter::default(), 0);
    let bytes = whole(&recorded);
    fs::write(dir.path().join("cut.mtrc"), &bytes[..bytes.len() - 10]).unwrap();
    let out = memtrace(dir.path(), &["report", "--json", "cut.mtrc"], None);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    assert!(text(&out.stderr).contains("recording ended abnormally"), "{}", text(&out.stderr));

    let mut damaged = recorded.segments[0].clone();
    let at = damaged.0.iter().position(|(kind, _)| *kind == memtrace_trace::BlockKind::Events).unwrap();
    let last = damaged.0[at].1.len() - 1;
    damaged.0[at].1[last] ^= 1;
    write(dir.path(), "bad.mtrc", &damaged);
    let out = memtrace(dir.path(), &["report", "bad.mtrc"], None);
    assert_eq!(out.status.code(), Some(5));
    let hint = "`memtrace salvage bad.mtrc -o bad-salvaged.mtrc`";
    assert!(text(&out.stderr).contains(hint) && text(&out.stdout).contains("summary of"), "{}", text(&out.stderr));

    let out = memtrace(dir.path(), &["salvage", "bad.mtrc", "-o", "good.mtrc"], None);
    assert_eq!(out.status.code(), Some(5), "{}", text(&out.stderr));
    assert!(text(&out.stderr).contains("1 EVENTS block, bytes"), "{}", text(&out.stderr));
    let out = memtrace(dir.path(), &["report", "--json", "good.mtrc"], None);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let out = memtrace(dir.path(), &["salvage", "bad.mtrc", "good.mtrc"], None);
    assert_eq!(out.status.code(), Some(1), "it is not replaced without --force");
    let out = memtrace(dir.path(), &["salvage", "--force", "bad.mtrc", "good.mtrc"], None);
    assert_eq!(out.status.code(), Some(5));
}

#[test]
fn what_is_no_trace_says_so() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("x.mtrc"), b"{\"type\":\"meta\"}\n").unwrap();
    for command in ["report", "replay"] {
        let out = memtrace(dir.path(), &[command, "x.mtrc"], None);
        assert_eq!(out.status.code(), Some(5), "{}", text(&out.stderr));
        assert!(text(&out.stderr).contains("x.mtrc is not a memtrace trace"), "{}", text(&out.stderr));
    }
    let out = memtrace(dir.path(), &["salvage", "x.mtrc", "-o", "y.mtrc"], None);
    assert_eq!((out.status.code(), dir.path().join("y.mtrc").exists()), (Some(5), false));
    let out = memtrace(dir.path(), &["report", "none.mtrc"], None);
    assert_eq!(out.status.code(), Some(1));
    for args in [
        &["report", "--since", "yesterday", "x.mtrc"][..],
        &["replay"],
        &["replay", "--speed", "0", "x"],
        &["salvage", "x"],
    ] {
        assert_eq!(memtrace(dir.path(), args, None).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn a_part_of_a_trace() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.mtrc"), whole(&recorded())).unwrap();
    let duration_s = |args: &[&str]| {
        let out = memtrace(dir.path(), &[&["report", "--json", "--utc", "a.mtrc"], args].concat(), None);
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        let value: serde_json::Value = serde_json::from_str(&last_line(&out)).unwrap();
        value["duration_ns"].as_u64().unwrap() / 1_000_000_000
    };
    // The recording begins at 22:13:20.
    assert_eq!(duration_s(&["--since", "22:13:25"]), 7);
    assert_eq!(duration_s(&["--since", "5s", "--until", "+9s"]), 4);
    assert_eq!(duration_s(&["--since", "-3s"]), 3);
    assert_eq!(duration_s(&["--until", "2023-11-14 22:13:30"]), 10);
    let out = memtrace(dir.path(), &["report", "--since", "-3s", "-"], Some(b""));
    assert!(out.status.code() != Some(2));
}

#[test]
fn a_replay_shows_lines_and_keeps_pace() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.mtrc"), whole(&recorded())).unwrap();
    let began = std::time::Instant::now();
    let out = memtrace(dir.path(), &["replay", "--speed", "12", "--min-stall", "100ms", "a.mtrc"], None);
    let took = began.elapsed().as_secs_f64();
    assert_eq!((out.status.code(), text(&out.stderr)), (Some(0), ""));
    assert!((0.8..5.0).contains(&took), "{took}");
    let shown = text(&out.stdout);
    assert!(
        shown.contains("stalls kind") && shown.contains("OOM KILL") && shown.contains("summary of 12.0 s"),
        "{shown}"
    );
}

#[test]
fn control_characters_of_arguments_reach_no_terminal() {
    let dir = tempfile::tempdir().unwrap();
    for args in [
        &["\x1b[31mx"][..],
        &["--container", "\x1b"],
        &["-d", "5\nx"],
        &["report", "--since", "\x1b]0;x\x07", "a.mtrc"],
        &["compare", "--fail-if", "\x1b > 1"],
    ] {
        let out = memtrace(dir.path(), args, None);
        let stderr = text(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(!stderr.chars().any(|c| c.is_control() && c != '\n'), "{args:?}: {stderr:?}");
        assert!(["\\x1b", "5\\x0ax", "'?'"].iter().any(|shown| stderr.contains(shown)), "{args:?}: {stderr}");
    }
}
