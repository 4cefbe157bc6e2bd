//! Inputs that are no regular files: each is read once, and gives what the file gives.

use std::{
    fs,
    os::unix::net::UnixListener,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
};

use memtrace::session::filter::Filter;

use crate::{
    cli::{memtrace, text},
    fixture::{Blocks, record},
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
            // Opened for both, a FIFO that nobody reads does not block its writer's opening.
            scope.spawn(move || {
                fs::OpenOptions::new()
                    .write(true)
                    .open(path)
                    .and_then(|mut fifo| std::io::Write::write_all(&mut fifo, bytes))
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
        assert!(text(&out.stderr).contains("/dev/zero is no trace"), "{}", text(&out.stderr));
    }
    for args in [&["report", "-", "-"][..], &["report", "-", "/dev/stdin"], &["compare", "x=-", "y=-"]] {
        let out = memtrace(dir.path(), args, Some(&bytes(1)));
        assert_eq!(out.status.code(), Some(2), "{args:?}: {}", text(&out.stderr));
        assert!(text(&out.stderr).contains("a pipe can be read only once"), "{}", text(&out.stderr));
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
    for (limit, why) in [("trap '' XFSZ; ulimit -f 4", "File too large"), ("export TMPDIR=/nowhere", "No such file")] {
        let (status, stderr, stdout) = run(&format!("{limit}; cat a.mtrc | \"$MEMTRACE\" report -"));
        assert_eq!((status, stdout.as_str()), (Some(1), ""), "{stderr}");
        assert!(stderr.contains(why) && stderr.contains("set TMPDIR"), "{stderr}");
    }
    let (status, stderr, stdout) = run("export TMPDIR=$PWD; \"$MEMTRACE\" report --json --since -3s <(cat a.mtrc); ls");
    assert_eq!(status, Some(0), "{stderr}");
    // Nothing is left of it.
    assert!(stdout.contains("\"duration_ns\":3000000000") && stdout.ends_with("\na.mtrc\n"), "{stdout}");
    let (status, stderr, _) = run("exec <a.mtrc; \"$MEMTRACE\" report --json --since -3s -");
    assert_eq!(status, Some(0), "{stderr}");
}
