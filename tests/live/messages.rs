//! Unreadable stderr while memtrace traces: recordings stay complete, and the exit status does not change.

#![expect(clippy::expect_used, reason = "a test that cannot read its trace has failed")]

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use serde_json::Value;
use tests::{
    bin,
    load::alone,
    memtrace::may_trace,
    stderr::{Outcome, Stderr, memtrace},
};

/// All states of stderr. The first one works and is the reference.
const ALL: [Stderr; 6] = [Stderr::Read, Stderr::Closed, Stderr::Full, Stderr::Gone, Stderr::Leaves, Stderr::Unread];

/// Runs memtrace with each state of stderr in parallel, each in a directory of its own.
fn with_each(dir: &Path, args: &[&str]) -> Vec<(Stderr, PathBuf, Outcome)> {
    thread::scope(|scope| {
        let start = |stderr: Stderr| {
            let own = dir.join(format!("{stderr:?}"));
            fs::create_dir_all(&own).expect("a directory");
            scope.spawn(move || {
                let outcome = memtrace(stderr, &own, args);
                (stderr, own, outcome)
            })
        };
        let running: Vec<_> = ALL.map(start).into();
        running.into_iter().map(|run| run.join().expect("a run")).collect()
    })
}

/// Asserts that each state of stderr gives this exit status, and that messages exist if stderr is read.
fn same_status(dir: &Path, args: &[&str], status: i32) -> Vec<(Stderr, PathBuf, Outcome)> {
    let runs = with_each(dir, args);
    for (stderr, _, outcome) in &runs {
        assert_eq!(outcome.status, Some(status), "{args:?}, {stderr:?}: {}", runs[0].2.stderr);
    }
    assert!(!runs[0].2.stderr.is_empty(), "{args:?} says nothing: this test cannot fail");
    runs
}

/// Summary of a recording. Asserts that the recording is complete and undamaged.
fn summary(recording: &Path) -> Value {
    let mut command = Command::new(bin("memtrace"));
    let out = command.args(["report", "--json"]).arg(recording).env("TZ", "UTC").output().expect("memtrace report");
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!((out.status.code(), said.as_ref()), (Some(0), ""), "{}", recording.display());
    let text = String::from_utf8(out.stdout).expect("UTF-8");
    serde_json::from_str(text.lines().last().expect("a summary")).expect("an object")
}

#[test]
fn lost_messages_are_counted_in_a_whole_recording() {
    if !may_trace() {
        return;
    }
    let _alone = alone();
    let dir = tempfile::tempdir().expect("a directory");
    for (stderr, own, _) in same_status(dir.path(), &["record", "-o", "a.mtrc", "-d", "2"], 0) {
        let loss = &summary(&own.join("a.mtrc"))["loss"];
        let lost = loss["messages"].as_u64();
        match stderr {
            // memtrace replaces a stderr that is closed at the start by /dev/null.
            Stderr::Read | Stderr::Closed => assert_eq!(lost, None, "{stderr:?}"),
            Stderr::Full | Stderr::Gone | Stderr::Unread => assert!(lost > Some(0), "{stderr:?}: {loss}"),
            Stderr::Leaves => {}
        }
    }
    // The text names the lost messages, and not as lost events.
    let out = Command::new(bin("memtrace")).arg("report").arg(dir.path().join("Full/a.mtrc")).output().expect("report");
    let text = String::from_utf8(out.stdout).expect("UTF-8");
    assert!(text.contains("not written: stderr was full") && !text.contains("(messages)"), "{text}");
}

#[test]
fn lost_messages_keep_no_flight_recorder_from_its_incident() {
    if !may_trace() {
        return;
    }
    let _alone = alone();
    let dir = tempfile::tempdir().expect("a directory");
    let args = ["record", "--dir", "ring", "--keep", "10s", "--on", "stall.rate >= 0", "--after", "1s", "-d", "3"];
    for (stderr, own, _) in same_status(dir.path(), &args, 0) {
        let names = fs::read_dir(own.join("ring")).expect("the ring").flatten().map(|entry| entry.path());
        let is_incident = |path: &PathBuf| path.to_string_lossy().ends_with("-stall.rate.mtrc");
        let incidents: Vec<_> = names.filter(is_incident).collect();
        assert!(!incidents.is_empty(), "{stderr:?}");
        let out = Command::new(bin("memtrace")).args(["report", "ring"]).current_dir(&own).output().expect("report");
        assert_eq!(out.status.code(), Some(0), "{stderr:?}: {}", String::from_utf8_lossy(&out.stderr));
    }
}

#[test]
fn lost_messages_leave_the_status_of_a_command() {
    if !may_trace() {
        return;
    }
    let _alone = alone();
    let dir = tempfile::tempdir().expect("a directory");
    let args = ["record", "-o", "r.mtrc", "--runs", "2", "--", "sh", "-c", "exit 3"];
    for (_, own, _) in same_status(dir.path(), &args, 3) {
        for name in ["r-1.mtrc", "r-2.mtrc"] {
            summary(&own.join(name));
        }
    }
    same_status(dir.path(), &["record", "-o", "n.mtrc", "--", "/nonexistent"], 127);
}

#[test]
fn lost_messages_leave_every_output_whole() {
    if !may_trace() {
        return;
    }
    let _alone = alone();
    let dir = tempfile::tempdir().expect("a directory");
    for (stderr, own, outcome) in same_status(dir.path(), &["record", "-o", "-", "-d", "1"], 0) {
        let file = own.join("stdout.mtrc");
        fs::write(&file, &outcome.stdout).expect("a file");
        assert_eq!(summary(&file)["type"], "summary", "{stderr:?}");
    }
    for (stderr, _, outcome) in same_status(dir.path(), &["--lines", "-d", "1"], 0) {
        let text = String::from_utf8(outcome.stdout).expect("UTF-8");
        assert!(text.contains("\nloss:"), "{stderr:?}: {text}");
    }
    for (stderr, own, outcome) in same_status(dir.path(), &["--json", "-d", "1", "--record", "j.mtrc"], 0) {
        let text = String::from_utf8(outcome.stdout).expect("UTF-8");
        let last = text.lines().last().unwrap_or_default();
        assert!(last.starts_with(r#"{"type":"summary""#), "{stderr:?}: {last}");
        summary(&own.join("j.mtrc"));
    }
    for (stderr, _, outcome) in same_status(dir.path(), &["--once", "-d", "1"], 0) {
        assert!(!outcome.stdout.is_empty(), "{stderr:?}");
    }
}

#[test]
fn lost_messages_leave_an_experiment_whole_and_its_setting_restored() {
    const SETTING: &str = "/proc/sys/vm/laptop_mode";
    const RUN: [&str; 15] = [
        "ab",
        "--yes",
        "--force",
        "-o",
        "ab.mtrc",
        "--set",
        "vm.laptop_mode=7",
        "--blocks",
        "12",
        "--block",
        "2s",
        "--settle",
        "200ms",
        "--stop-if",
        "stall.rate >= 0",
    ];
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let before = fs::read_to_string(SETTING).expect("the setting");
    for stderr in [Stderr::Read, Stderr::Full, Stderr::Gone] {
        let outcome = memtrace(stderr, dir.path(), &RUN);
        assert_eq!(outcome.status, Some(3), "{stderr:?}: {}", outcome.stderr);
        assert_eq!(fs::read_to_string(SETTING).expect("the setting"), before, "{stderr:?}");
        let report = Command::new(bin("memtrace")).args(["report", "ab.mtrc"]).current_dir(dir.path()).output();
        let report = report.expect("memtrace report");
        let said = String::from_utf8_lossy(&report.stderr).into_owned();
        assert!(report.status.success() && !said.contains("abnormally"), "{stderr:?}: {said}");
    }
}

#[test]
fn lost_messages_leave_a_bad_experiment_refused() {
    if !may_trace() {
        return;
    }
    let _alone = alone();
    let dir = tempfile::tempdir().expect("a directory");
    // The lock of `ab` admits one experiment at a time, so these run in sequence.
    for stderr in Stderr::FAILING {
        let outcome = memtrace(stderr, dir.path(), &["ab", "--set", "vm.laptop_mode=7"]);
        assert_eq!(outcome.status, Some(2), "{stderr:?}");
    }
}

#[test]
fn a_full_stdout_is_a_failure_with_a_message() {
    if !may_trace() {
        return;
    }
    let _alone = alone();
    for args in [&["--lines", "-d", "20"][..], &["--json", "-d", "20"], &["--once", "-d", "1"], &["check"]] {
        let full = File::options().write(true).open("/dev/full").expect("/dev/full");
        let mut command = Command::new(bin("memtrace"));
        let out = command.args(args).stdin(Stdio::null()).stdout(full).stderr(Stdio::piped()).spawn();
        let out = out.and_then(std::process::Child::wait_with_output).expect("memtrace");
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(1), "{args:?}: {said}");
        assert!(said.contains("writing to stdout") && said.contains("No space left"), "{args:?}: {said}");
    }
}

#[test]
fn a_reader_of_the_first_message_costs_no_recording() {
    if !may_trace() {
        return;
    }
    let _alone = alone();
    let dir = tempfile::tempdir().expect("a directory");
    let line = format!("{} record -o a.mtrc -d 2 2>&1 | head -1", bin("memtrace").display());
    let out = Command::new("sh").arg("-c").arg(line).current_dir(dir.path()).output().expect("sh");
    assert!(out.stdout.starts_with(b"memtrace: "), "{}", String::from_utf8_lossy(&out.stdout));
    summary(&dir.path().join("a.mtrc"));
}

#[test]
fn an_unknown_time_zone_is_named() {
    if !may_trace() {
        return;
    }
    let _alone = alone();
    let dir = tempfile::tempdir().expect("a directory");
    for (args, says) in [
        (&["--lines", "-d", "1"][..], true),
        (&["--once", "-d", "1"], true),
        (&["--lines", "-d", "1", "--utc"], false),
        (&["--json", "-d", "1"], false),
        (&["record", "-o", "a.mtrc", "-d", "1"], false),
        // The default file name has the local time.
        (&["record", "-d", "1"], true),
    ] {
        let mut command = Command::new(bin("memtrace"));
        let out = command.args(args).current_dir(dir.path()).env("TZ", "Nowhere/Bad").output().expect("memtrace");
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{args:?}: {said}");
        assert_eq!(said.matches("TZ=Nowhere/Bad").count(), usize::from(says), "{args:?}: {said}");
    }
}
