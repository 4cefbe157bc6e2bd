//! Inputs that are no regular files: each is read once, and gives the same result as a file.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixListener,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
};

use memtrace_core::session::filter::Filter;
use memtrace_trace::BlockKind;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{
    cli::{memtrace, text},
    fixture::{Blocks, record},
    json,
    overlap::incident,
};

fn bytes(seed: u64) -> Vec<u8> {
    record(seed, 12, &[4, 8], &Filter::default(), 0).segments.iter().flat_map(Blocks::bytes).collect()
}

/// Runs with FIFOs of these names, each written once.
fn with_fifos(dir: &Path, fifos: &[(&str, &[u8])], args: &[&str]) -> Output {
    thread::scope(|scope| {
        for (name, bytes) in fifos {
            let path = dir.join(name);
            assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
            // Opening a FIFO for writing blocks until it is opened for reading: each one has a thread.
            scope.spawn(move || {
                fs::OpenOptions::new().write(true).open(path).and_then(|mut fifo| fifo.write_all(bytes))
            });
        }
        let out = memtrace(dir, args, None);
        fifos.iter().for_each(|(name, _)| fs::remove_file(dir.join(name)).unwrap());
        out
    })
}

#[test]
fn a_pipe_gives_what_its_file_gives() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (bytes(1), bytes(2));
    fs::write(dir.path().join("a.mtrc"), &a).unwrap();
    fs::write(dir.path().join("b.mtrc"), &b).unwrap();
    for args in [
        &["report", "--json", "--since", "-3s"][..],
        &["report", "--json", "--until", "5s"],
        &["replay", "--json", "--speed", "max", "--since", "-3s"],
        &["compare", "--json", "--split", "6s"],
    ] {
        let want = memtrace(dir.path(), &[args, &["a.mtrc"]].concat(), None);
        assert_eq!(want.status.code(), Some(0), "{}", text(&want.stderr));
        for name in ["-", "/dev/stdin", "/dev/fd/0"] {
            let out = memtrace(dir.path(), &[args, &[name]].concat(), Some(&a));
            assert_eq!(out.status.code(), Some(0), "{args:?} {name}: {}", text(&out.stderr));
            assert_eq!(text(&out.stdout), text(&want.stdout), "{args:?} {name}");
        }
        let out = with_fifos(dir.path(), &[("pipe", &a)], &[args, &["pipe"]].concat());
        assert_eq!((out.status.code(), text(&out.stdout)), (Some(0), text(&want.stdout)), "{args:?}");
    }
    let want = memtrace(dir.path(), &["compare", "--json", "a.mtrc", "b.mtrc"], None);
    let out = with_fifos(dir.path(), &[("x", &a), ("y", &b)], &["compare", "--json", "x", "y"]);
    assert_eq!((out.status.code(), text(&out.stdout)), (Some(0), text(&want.stdout)), "{}", text(&out.stderr));
}

#[test]
fn salvage_reads_a_pipe() {
    let dir = tempfile::tempdir().unwrap();
    let mut damaged = bytes(1);
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(dir.path().join("bad.mtrc"), &damaged).unwrap();
    let out = memtrace(dir.path(), &["salvage", "bad.mtrc", "-o", "want.mtrc"], None);
    assert_eq!(out.status.code(), Some(5), "{}", text(&out.stderr));
    let want = fs::read(dir.path().join("want.mtrc")).unwrap();
    for name in ["-", "/dev/stdin"] {
        let out = memtrace(dir.path(), &["salvage", name, "-f", "-o", "out.mtrc"], Some(&damaged));
        assert_eq!(out.status.code(), Some(5), "{}", text(&out.stderr));
        assert_eq!(fs::read(dir.path().join("out.mtrc")).unwrap(), want, "{name}");
    }
    let out = memtrace(dir.path(), &["report", "-"], Some(&damaged));
    let hint = "stdin is damaged; what could be read was read. `memtrace salvage - -o salvaged.mtrc`";
    assert!(out.status.code() == Some(5) && text(&out.stderr).contains(hint), "{}", text(&out.stderr));
    let out = with_fifos(dir.path(), &[("pipe", &damaged)], &["salvage", "pipe", "fifo.mtrc"]);
    assert_eq!(out.status.code(), Some(5), "{}", text(&out.stderr));
    assert_eq!(fs::read(dir.path().join("fifo.mtrc")).unwrap(), want);
    let out = memtrace(dir.path(), &["salvage", ".", "x.mtrc"], None);
    assert_eq!(out.status.code(), Some(5));
    assert!(text(&out.stderr).contains(". is a directory, not a trace"), "{}", text(&out.stderr));
}

#[test]
fn what_cannot_be_a_trace_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let _listening = UnixListener::bind(dir.path().join("sock")).unwrap();
    fs::write(dir.path().join("a.mtrc"), bytes(1)).unwrap();
    for command in ["report", "replay", "compare"] {
        let other: &[&str] = if command == "compare" { &["a.mtrc"] } else { &[] };
        let run = |name: &str| memtrace(dir.path(), &[&[command], other, &[name]].concat(), Some(b""));
        let out = run("sock");
        assert_eq!(out.status.code(), Some(5), "{}", text(&out.stderr));
        assert!(text(&out.stderr).contains("sock is a socket, not a trace"), "{}", text(&out.stderr));
        for name in ["/dev/null", "-"] {
            let out = run(name);
            assert_eq!(out.status.code(), Some(5), "{}", text(&out.stderr));
            assert!(text(&out.stderr).contains("it is empty"), "{}", text(&out.stderr));
        }
        // A device without an end.
        let out = run("/dev/zero");
        assert_eq!(out.status.code(), Some(5), "{}", text(&out.stderr));
        assert!(text(&out.stderr).contains("/dev/zero is not a memtrace trace"), "{}", text(&out.stderr));
    }
    for args in [&["report", "-", "-"][..], &["report", "-", "/dev/stdin"], &["compare", "x=-", "y=-"]] {
        let out = memtrace(dir.path(), args, Some(&bytes(1)));
        assert_eq!(out.status.code(), Some(2), "{args:?}: {}", text(&out.stderr));
        assert!(text(&out.stderr).contains("can be read only once"), "{}", text(&out.stderr));
    }
    // The mistake is reported before stdin is read: it may be a terminal or a pipe that never ends.
    for command in ["report", "compare"] {
        let out = memtrace(dir.path(), &[command, "-", "-"], Some(b""));
        assert_eq!(text(&out.stderr), "memtrace: stdin is named twice, and can be read only once\n");
    }
}

#[test]
fn a_pipe_that_finds_no_room_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let run = |script: &str| {
        let mut command = Command::new("bash");
        command.args(["-c", script]).env("MEMTRACE", env!("CARGO_BIN_EXE_memtrace")).current_dir(dir.path());
        let out = command.stdin(Stdio::null()).output().unwrap();
        (out.status.code(), text(&out.stderr).to_owned(), text(&out.stdout).to_owned())
    };
    fs::write(dir.path().join("a.mtrc"), bytes(1)).unwrap();
    // A file of 4 KiB at most, in place of a full disk.
    for (limit, why, what_to_do) in
        [("ulimit -f 4", "File too large", "Raise the limit"), ("export TMPDIR=/nowhere", "No such file", "Set TMPDIR")]
    {
        let (status, stderr, stdout) = run(&format!("{limit}; cat a.mtrc | \"$MEMTRACE\" report -"));
        assert_eq!((status, stdout.as_str()), (Some(1), ""), "{stderr}");
        assert!(stderr.contains(why) && stderr.contains(what_to_do), "{stderr}");
    }
    let (status, stderr, stdout) = run("export TMPDIR=$PWD; \"$MEMTRACE\" report --json --since -3s <(cat a.mtrc); ls");
    assert_eq!(status, Some(0), "{stderr}");
    // No temporary file is left.
    assert!(stdout.contains("\"duration_ns\":3000000000") && stdout.ends_with("\na.mtrc\n"), "{stdout}");
    let (status, stderr, _) = run("exec <a.mtrc; \"$MEMTRACE\" report --json --since -3s -");
    assert_eq!(status, Some(0), "{stderr}");
}

/// A speed at which nothing waits, and a pipe is not read to its end first.
const AT_ONCE: [&str; 4] = ["replay", "--json", "--speed", "1e6"];

#[test]
fn replay_shows_a_pipe_as_it_comes() {
    let recorded = record(1, 12, &[4, 8], &Filter::default(), 0);
    let want = json(&recorded.summary, &recorded.paths);
    let mut command = Command::new(env!("CARGO_BIN_EXE_memtrace"));
    command.args(AT_ONCE).arg("-").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(recorded.segments.len(), 3);
    for (kind, bytes) in recorded.segments.iter().flat_map(|segment| &segment.0) {
        pipe.write_all(bytes).unwrap();
        if *kind == BlockKind::Tick {
            // The tick is shown while the pipe is open.
            lines.find(|line| line.starts_with("{\"type\":\"tick\"")).unwrap();
        }
    }
    drop(pipe);
    assert_eq!(lines.last().unwrap() + "\n", want);
    let out = child.wait_with_output().unwrap();
    assert_eq!((out.status.code(), text(&out.stderr)), (Some(0), ""));
}

#[test]
fn what_comes_again_in_a_pipe_counts_once() {
    let dir = tempfile::tempdir().unwrap();
    let recorded = record(1, 12, &[4, 8], &Filter::default(), 0);
    let want: Value = serde_json::from_str(&json(&recorded.summary, &recorded.paths)).unwrap();
    // Exit status, true when the summary is complete, and stderr.
    let replay = |parts: &[&[u8]]| {
        let out = memtrace(dir.path(), &[&AT_ONCE[..], &["-"]].concat(), Some(&parts.concat()));
        let mut last: Value = serde_json::from_str(text(&out.stdout).lines().last().unwrap()).unwrap();
        let is_incomplete = !last["incomplete"].take().is_null();
        assert_eq!(is_incomplete, out.status.code() == Some(5), "{}", text(&out.stderr));
        (out.status.code(), last == want, text(&out.stderr).to_owned())
    };
    let whole: Vec<_> = recorded.segments.iter().map(Blocks::bytes).collect();
    let [first, second, third] = whole.as_slice() else { panic!("three segments") };
    let incident = incident(&recorded).bytes();
    let cut = &second[..second.len() * 2 / 3];
    for (parts, status, said) in [
        (&[first.as_slice(), second, third][..], 0, ""),
        (&[&incident, first, second, third], 0, "segments 0 to 1 are in the inputs more than once"),
        (&[first, first, second, second, third, third], 0, "segments 0 to 2 are in the inputs more than once"),
        (&[first, second, third, &incident], 0, "segments 0 to 1 are in the inputs more than once"),
        // A block that was cut damages what follows it, too.
        (&[first, cut, second, third], 5, "stdin is damaged"),
    ] {
        let (code, is_whole, stderr) = replay(parts);
        assert!(code == Some(status) && is_whole && stderr.contains(said), "{said}: {code:?} {is_whole} {stderr}");
        assert_eq!(stderr.is_empty(), said.is_empty(), "{stderr}");
    }
    // Output that was shown cannot be changed.
    let too_late = "stdin: parts of a recording came after later ones, too late to be shown";
    let (code, is_whole, stderr) = replay(&[first, third, second]);
    assert!(code == Some(5) && !is_whole && stderr.contains("segment 1 is missing"), "{code:?}: {stderr}");
    assert!(stderr.contains(too_late) && !stderr.contains("salvage"), "{stderr}");
}

/// Parts that belong between blocks already shown, and a recording that goes on after another one.
#[test]
fn what_comes_too_late_in_a_pipe_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (record(1, 12, &[4, 8], &Filter::default(), 0), record(2, 5, &[], &Filter::default(), 0));
    let whole: Vec<_> = a.segments.iter().map(Blocks::bytes).collect();
    let [first, second, third] = whole.as_slice() else { panic!("three segments") };
    let other = b.segments[0].bytes();
    let tick = a.segments[0].0.iter().position(|(kind, _)| *kind == BlockKind::Tick).unwrap();
    let mut without_a_tick = a.segments[0].clone();
    without_a_tick.0.remove(tick);
    let without_a_tick = without_a_tick.bytes();
    for (parts, summaries) in [
        (&[&without_a_tick, first, second, third][..], 1),
        (&[first, &other, second, third], 2),
        (&[first, second, third, &other, first], 2),
    ] {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_slice()).collect();
        let out = memtrace(dir.path(), &[&AT_ONCE[..], &["-"]].concat(), Some(&parts.concat()));
        let stderr = text(&out.stderr);
        assert!(out.status.code() == Some(5) && stderr.contains("too late to be shown"), "{stderr}");
        assert!(!stderr.contains("damaged"), "{stderr}");
        assert_eq!(text(&out.stdout).matches("{\"type\":\"summary\"").count(), summaries, "{stderr}");
    }
}

/// Replays a pipe that stays open: the exit status, stdout and stderr.
fn of_an_open_pipe(args: &[&str], bytes: &[u8], signal: bool) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memtrace"));
    command.args(["replay", "--json", "--speed", "1e6"]).args(args).arg("-");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(bytes).unwrap();
    if signal {
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut shown = String::new();
        while !shown.ends_with("\n") || !shown.lines().last().unwrap().starts_with("{\"type\":\"tick\"") {
            out.read_line(&mut shown).unwrap();
        }
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        out.read_to_string(&mut shown).unwrap();
        let ended = child.wait_with_output().unwrap();
        return (ended.status.code(), shown, text(&ended.stderr).to_owned());
    }
    let out = child.wait_with_output().unwrap();
    drop(pipe);
    (out.status.code(), text(&out.stdout).to_owned(), text(&out.stderr).to_owned())
}

#[test]
fn a_signal_and_the_end_of_the_time_asked_for_end_an_open_pipe() {
    let first = record(1, 12, &[4, 8], &Filter::default(), 0).segments[0].bytes();
    let (code, stdout, stderr) = of_an_open_pipe(&[], &first, true);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.lines().last().unwrap().starts_with("{\"type\":\"summary\""), "{stdout}");
    let (code, stdout, stderr) = of_an_open_pipe(&["--until", "2s"], &first, false);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.lines().last().unwrap().contains("\"duration_ns\":2000000000"), "{stdout}");
    for args in [&["--until", "0s"][..], &["--until", "2020-01-01T00:00:00Z"]] {
        let dir = tempfile::tempdir().unwrap();
        let out = memtrace(dir.path(), &[&AT_ONCE[..], args, &["-"]].concat(), Some(&first));
        let stderr = text(&out.stderr);
        assert_eq!((out.status.code(), text(&out.stdout)), (Some(2), ""), "{stderr}");
        assert!(stderr.contains("no data in the time range: the trace begins at"), "{stderr}");
    }
    let dir = tempfile::tempdir().unwrap();
    let out = memtrace(dir.path(), &[&AT_ONCE[..], &["--since", "1h", "-"]].concat(), Some(&first));
    assert_eq!(out.status.code(), Some(2), "{}", text(&out.stderr));
    assert!(!text(&out.stdout).contains("summary"), "{}", text(&out.stdout));
}

#[test]
fn recordings_that_follow_each_other_in_a_pipe_are_shown_one_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (record(1, 12, &[4, 8], &Filter::default(), 0), record(2, 5, &[], &Filter::default(), 0));
    let want = [&a, &b].map(|recorded| json(&recorded.summary, &recorded.paths));
    let all: Vec<u8> = a.segments.iter().chain(&b.segments).flat_map(Blocks::bytes).collect();
    let replay = |args: &[&str]| {
        let out = memtrace(dir.path(), &[&AT_ONCE[..], args, &["-"]].concat(), Some(&all));
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        let summaries = text(&out.stdout).lines().filter(|line| line.starts_with("{\"type\":\"summary\""));
        (summaries.map(|line| format!("{line}\n")).collect::<Vec<_>>(), text(&out.stderr).to_owned())
    };
    assert_eq!(replay(&[]), (want.to_vec(), String::new()));
    // The second recording ends before 8 s.
    let (summaries, stderr) = replay(&["--since", "8s"]);
    assert!(summaries.len() == 1 && stderr.contains("stdin: no interval lies in"), "{summaries:?} {stderr}");
}
