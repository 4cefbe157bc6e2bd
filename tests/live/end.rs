//! The end of memtrace: by signal, closed or stuck output, duration or command. Nothing stays attached.

#![expect(clippy::expect_used, reason = "a test that cannot run memtrace has failed")]

use std::{
    collections::BTreeSet,
    fs,
    io::{self, BufRead as _, BufReader, PipeReader, PipeWriter, Read as _, Write as _},
    os::fd::AsFd as _,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use aya::programs::ProgramError;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, Signal, kill_process, test_kill_process},
};
use tests::{
    ChildGuard, bin,
    lag::{Lag, within},
    memtrace::{Memtrace, PATIENCE, may_trace, wait_within},
};

/// Ids of the BPF programs that a process holds open, from `/proc/PID/fdinfo`.
fn programs_of(pid: u32) -> BTreeSet<u32> {
    let infos = fs::read_dir(format!("/proc/{pid}/fdinfo")).expect("it runs").flatten();
    let texts = infos.filter_map(|info| fs::read_to_string(info.path()).ok());
    let ids = texts.flat_map(|text| {
        let ids = text.lines().filter_map(|line| line.strip_prefix("prog_id:")?.trim().parse().ok());
        ids.collect::<Vec<u32>>()
    });
    ids.collect()
}

/// The `ids` that are still loaded, whichever process holds them.
fn still_loaded(ids: &BTreeSet<u32>) -> BTreeSet<u32> {
    // Other processes load and unload programs meanwhile: a listed one may be gone before it is queried.
    let loaded = aya::programs::loaded_programs().filter_map(|program| match program {
        Ok(program) => Some(program.id()),
        Err(ProgramError::SyscallError(e)) if e.io_error.kind() == io::ErrorKind::NotFound => None,
        Err(e) => panic!("the loaded programs cannot be listed: {e}"),
    });
    loaded.filter(|id| ids.contains(id)).collect()
}

/// Waits until the kernel has freed the programs: one grace period after the last user is gone. False on timeout.
fn are_gone(ids: &BTreeSet<u32>) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if still_loaded(ids).is_empty() {
            return true;
        }
        thread::sleep(Duration::from_millis(20));
    }
    false
}

#[test]
fn nothing_stays_attached_after_sigkill_or_the_end() {
    if !may_trace() {
        return;
    }
    for signal in [Signal::KILL, Signal::TERM] {
        let memtrace = Memtrace::start(&[]);
        let programs = programs_of(memtrace.pid());
        assert!(programs.len() > 8, "its programs: {programs:?}");
        assert_eq!(still_loaded(&programs), programs);
        memtrace.signal(signal);
        let run = memtrace.wait();
        assert_eq!(run.status.success(), signal == Signal::TERM);
        assert!(are_gone(&programs), "after {signal:?}: {:?}", still_loaded(&programs));
    }
}

#[test]
fn sigint_and_sigterm_end_with_the_summary_at_once() {
    if !may_trace() {
        return;
    }
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let memtrace = Memtrace::start(&[]);
        let run = within(Duration::from_secs(1), || memtrace.stop_with(signal));
        assert!(run.summary()["duration_ns"].is_u64());
    }
}

/// A full pipe: the next write blocks.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = io::pipe().expect("a pipe");
    let free = |writer: &PipeWriter| {
        let mut polled = [PollFd::from_borrowed_fd(writer.as_fd(), PollFlags::OUT)];
        poll(&mut polled, Some(&Timespec::default())).expect("poll") == 1
    };
    // A writable pipe takes a page without waiting.
    while free(&writer) {
        writer.write_all(&[b'\n'; 4096]).expect("room for a page");
    }
    (reader, writer)
}

/// Starts a memtrace whose output is stuck from the first byte. It is attached once its writer thread exists.
fn stuck() -> (PipeReader, ChildGuard) {
    let (reader, writer) = full_pipe();
    let mut command = Command::new(bin("memtrace"));
    command.arg("--json").stdin(Stdio::null()).stdout(writer).stderr(Stdio::null());
    let child = ChildGuard::spawn(&mut command);
    let deadline = Instant::now() + PATIENCE;
    while !thread_names(child.0.id()).any(|name| name == "output\n") {
        assert!(Instant::now() < deadline, "no writing thread");
        thread::sleep(Duration::from_millis(5));
    }
    (reader, child)
}

fn thread_names(pid: u32) -> impl Iterator<Item = String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok())
}

#[test]
fn a_second_signal_ends_a_stuck_memtrace() {
    if !may_trace() {
        return;
    }
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let (_reader, mut child) = stuck();
        let pid = Pid::from_child(&child.0);
        kill_process(pid, signal).expect("it runs");
        // Signals in quick succession count as one: timeout(1) and a terminal send theirs twice.
        kill_process(pid, signal).expect("it runs");
        assert_eq!(wait_within(&mut child, Duration::from_millis(500)), None, "the first waits for the output");
        let status = within(Duration::from_millis(500), || {
            kill_process(pid, signal).expect("it runs");
            wait_within(&mut child, PATIENCE).expect("its end")
        });
        assert_eq!(status.code(), Some(code), "{status}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    if !may_trace() {
        return;
    }
    for format in ["--lines", "--json"] {
        let mut command = Command::new(bin("memtrace"));
        command.args([format, "-i", "100ms"]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = ChildGuard::spawn(&mut command);
        let mut line = String::new();
        let mut out = BufReader::new(child.0.stdout.take().expect("it is piped"));
        out.read_line(&mut line).expect("a line");
        drop(out);
        let status = wait_within(&mut child, Duration::from_secs(2)).expect("its end");
        let mut said = String::new();
        child.0.stderr.take().expect("it is piped").read_to_string(&mut said).expect("text");
        assert_eq!(status.code(), Some(0), "{said}");
        assert!(!said.to_lowercase().contains("pipe"), "{said}");
    }
}

/// Runs `memtrace --json -- CMD`. Returns the status of memtrace, and stdout and stderr of both.
fn with_command(command: &[&str]) -> (Option<i32>, String, String) {
    let mut memtrace = Command::new(bin("memtrace"));
    let out = memtrace.arg("--json").arg("--").args(command).stdin(Stdio::null()).output().expect("memtrace");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (out.status.code(), text(&out.stdout), text(&out.stderr))
}

#[test]
fn the_status_is_that_of_the_command() {
    if !may_trace() {
        return;
    }
    for (command, code) in [
        (["true"].as_slice(), 0),
        (&["sh", "-c", "exit 7"], 7),
        (&["sh", "-c", "kill -KILL $$"], 128 + 9),
        (&["/etc/passwd"], 126),
        (&["no-such-command-anywhere"], 127),
    ] {
        let (status, out, said) = with_command(command);
        assert_eq!(status, Some(code), "{command:?}: {said}");
        // Without a started command there is nothing to trace. Otherwise the output ends with the summary.
        let summary = out.lines().last().is_some_and(|line| line.starts_with(r#"{"type":"summary""#));
        assert_eq!(summary, !(126..=127).contains(&code), "{out}");
        // The whole word: other messages may contain `sh`.
        let named = format!("memtrace: {}: ", command[0]);
        assert_eq!(said.contains(&named), (126..=127).contains(&code), "{said}");
    }
}

#[test]
fn the_command_has_the_oom_score_of_before() {
    if !may_trace() {
        return;
    }
    // A process may always raise its own value. With the capability memtrace lowers its own again.
    let script = "echo 250 > /proc/self/oom_score_adj && exec \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).arg(bin("memtrace")).args(["--json", "--"]);
    command.args(["sh", "-c", "cat /proc/$PPID/oom_score_adj /proc/$$/oom_score_adj"]).stdin(Stdio::null());
    let out = command.output().expect("memtrace");
    let (text, said) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    let scores: Vec<&str> = text.lines().filter(|line| !line.starts_with('{')).collect();
    // Without CAP_SYS_RESOURCE it cannot, and reports that.
    let own = if said.contains("could not lower oom_score_adj") { "250" } else { "-900" };
    assert_eq!(scores, [own, "250"], "{text}\n{said}");
}

#[test]
fn a_duration_ends_in_time() {
    if !may_trace() {
        return;
    }
    let memtrace = Memtrace::start(&["-d", "700ms"]);
    let lag = Lag::measure();
    // The duration begins once all hooks are attached.
    let run = within(Duration::from_millis(1200), || memtrace.wait());
    let duration = Duration::from_nanos(run.summary()["duration_ns"].as_u64().expect("a time"));
    let (wanted, late) = (Duration::from_millis(700), lag.worst());
    assert!(
        (wanted..wanted + Duration::from_millis(500) + 2 * late).contains(&duration),
        "{duration:?}, {late:?} late"
    );
}

#[test]
fn a_duration_leaves_the_command_running_and_says_so() {
    if !may_trace() {
        return;
    }
    let mut command = Command::new(bin("memtrace"));
    command.args(["-d", "1", "--", "sleep", "3600"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = ChildGuard::spawn(&mut command);
    let status = wait_within(&mut child, PATIENCE).expect("its end");
    let stderr = BufReader::new(child.0.stderr.take().expect("it is piped"));
    let note = stderr.lines().map_while(Result::ok).find(|line| line.contains("keeps running without memtrace"));
    let note = note.expect("a note");
    let pid = note.split("pid ").nth(1).and_then(|rest| rest.split(')').next()).and_then(|pid| pid.parse().ok());
    let pid = pid.and_then(Pid::from_raw).unwrap_or_else(|| panic!("no pid in {note:?}"));
    let runs = test_kill_process(pid).is_ok();
    let _ = kill_process(pid, Signal::KILL);
    assert!(runs, "{note}");
    assert_eq!(status.code(), Some(0));
}
