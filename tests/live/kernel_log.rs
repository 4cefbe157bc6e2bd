//! `memtrace check --kernel-log` and `--verifier-log` on the real kernel.

#![expect(clippy::expect_used, reason = "a test that cannot run memtrace has failed")]

use std::process::{Command, Output, Stdio};

use tests::{
    bin,
    load::{alone, cgroup, cold_file, memload},
    memtrace::{Memtrace, may_trace},
};

fn check(args: &[&str]) -> Output {
    Command::new(bin("memtrace")).arg("check").args(args).stdin(Stdio::null()).output().expect("memtrace")
}

#[test]
fn ends_without_a_begin_are_logged_with_kind_and_thread() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let (cgroup, file) = (cgroup(24), cold_file(48));
    let mut load = memload(&cgroup);
    load.arg("file").arg(&file.0).args(["48", "--passes", "40"]);
    // The load runs for longer than memtrace takes to attach. Without the begin hook, each reclaim at the limit ends
    // without a begin.
    let mut log = Command::new(bin("memtrace"));
    log.args(["check", "--kernel-log", "-d", "1h", "--without", "mm_vmscan_memcg_reclaim_begin"]);
    let load = std::thread::spawn(move || load.output());
    // The first line comes from the log: stdout has nothing else.
    let log = Memtrace::start_command(log);
    assert!(load.join().expect("the load").expect("memload").status.success());
    let run = log.stop();
    let lines: Vec<_> = run.raw.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    let is_entry = |line: &String| line.starts_with("end_without_begin at vmscan:mm_vmscan_memcg_reclaim_end, thread ");
    assert!(lines.iter().any(is_entry), "{lines:?} {}", run.stderr);
}

#[test]
fn each_program_of_a_hook_is_tried() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let both = check(&["--verifier-log", "mm_vmscan_direct_reclaim_begin"]);
    let text = String::from_utf8_lossy(&both.stdout).into_owned();
    assert_eq!(both.status.code(), Some(0), "{text}");
    for method in ["raw tracepoint", "tracepoint"] {
        let head = format!("vmscan:mm_vmscan_direct_reclaim_begin by {method}, program ");
        let line = text.lines().find(|line| line.starts_with(&head)).unwrap_or_else(|| panic!("{head}: {text}"));
        assert!(line.contains(": accepted"), "{line}");
    }
    // A hook on a function is either loaded, or refused with the reason.
    let function = check(&["--verifier-log", "swap_read_folio"]);
    let text = String::from_utf8_lossy(&function.stdout).into_owned();
    assert!(text.lines().filter(|line| line.starts_with("swap_read")).count() >= 3, "{text}");
    let unknown = check(&["--verifier-log", "no_such_hook"]);
    assert_eq!(unknown.status.code(), Some(2));
}
