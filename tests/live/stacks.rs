//! Stacks of stalls, compared with those of `perf record -g` at the same event, live and in a recording.

#![expect(clippy::expect_used, reason = "a test that cannot read the summary has failed")]

use std::{collections::HashMap, path::Path, process::Command};

use serde_json::Value;
use tests::{
    bin,
    load::{alone, cgroup, cold_file, memload, path_of},
    memtrace::{MEMCG, Memtrace, may_trace, number, stalls_of_pid},
    perf::{have_perf, printing_its_pid, record_stacks, reported_pid, scratch},
};

/// The rows of a process.
fn rows(summary: &Value, pid: u32) -> Vec<&Value> {
    let rows = summary["stacks"]["rows"].as_array().expect("rows of stacks");
    rows.iter().filter(|row| row["pid"] == pid).collect()
}

/// The functions of a row, of the kernel or of the process.
fn functions(row: &Value, kernel: bool) -> Vec<String> {
    let frames = row["frames"].as_array().expect("frames");
    let frames = frames.iter().filter(|frame| frame["kernel"] == kernel);
    frames.map(|frame| frame["function"].as_str().unwrap_or("-").to_owned()).collect()
}

#[test]
fn the_stacks_of_a_load_are_those_of_perf() {
    let _alone = alone();
    if !may_trace() || !have_perf() {
        return;
    }
    let (cgroup, file) = (cgroup(24), cold_file(64));
    let mut load = memload(&cgroup);
    load.arg("file").arg(&file.0).args(["64", "--passes", "6"]);
    let memtrace = Memtrace::start(&["--stacks", MEMCG[0], MEMCG[1]]);
    let (output, theirs) = record_stacks(&printing_its_pid(&load));
    let summary = memtrace.stop().summary();
    let pid = reported_pid(&String::from_utf8_lossy(&output.stdout));

    let mut ours: HashMap<Vec<String>, u64> = HashMap::new();
    for row in rows(&summary, pid) {
        assert_eq!((&row["kind"], &row["comm"]), (&"memcg".into(), &"memload".into()), "{row}");
        assert_eq!(row["cgroup"], path_of(cgroup.dir()).as_str(), "{row}");
        *ours.entry(functions(row, true)).or_default() += number(row, "/count");
    }
    let theirs: HashMap<Vec<String>, u64> =
        theirs.into_iter().filter(|((tid, _), _)| *tid == pid).map(|((_, names), n)| (names, n)).collect();
    assert!(theirs.values().sum::<u64>() > 20, "no storm: {theirs:?}");
    assert_eq!(ours, theirs);
    // Nothing is lost on the way, and the stacks have as many stalls as the table of processes.
    assert_eq!((number(&summary, "/loss/stack"), number(&summary, "/stacks/other/count")), (0, 0));
    assert_eq!(ours.values().sum::<u64>(), stalls_of_pid(&summary, pid));
    // The program is not stripped: its own functions have names, and files have build ids.
    let most = rows(&summary, pid)[0];
    assert!(functions(most, false).iter().any(|name| name.contains("read")), "{most}");
    let of_memload =
        |frame: &&Value| frame["module"].as_str().is_some_and(|file| file == path(bin("memload").as_ref()));
    let frame = most["frames"].as_array().expect("frames").iter().find(of_memload).expect("a frame of memload");
    assert!(frame["build_id"].as_str().is_some_and(|id| id.len() == 40), "{frame}");
}

fn path(path: &Path) -> String {
    path.canonicalize().expect("a file").display().to_string()
}

#[test]
fn a_recording_holds_the_stacks_with_their_names() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let (cgroup, file, trace) = (cgroup(24), cold_file(64), scratch("stacks.mtrc"));
    let mut load = memload(&cgroup);
    load.arg("file").arg(&file.0).args(["64", "--passes", "6"]);
    let mut record = Command::new(bin("memtrace"));
    record.args(["record", "--stacks", "-o"]).arg(&trace.0).arg("--").arg(load.get_program()).args(load.get_args());
    let out = record.output().expect("memtrace record");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));

    let report = |args: &[&str]| {
        let out =
            Command::new(bin("memtrace")).arg("report").args(args).arg(&trace.0).output().expect("memtrace report");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    let json = report(&["--json"]);
    let summary: Value = serde_json::from_str(json.lines().last().expect("a summary")).expect("JSON");
    let stalls: u64 = summary["stacks"]["rows"].as_array().expect("rows").iter().map(|row| number(row, "/count")).sum();
    assert!(stalls > 20, "{stalls}");
    // Each stall is in one line.
    let folded = report(&["--folded=count"]);
    let count = |line: &str| line.rsplit_once(' ').and_then(|(_, n)| n.parse::<u64>().ok()).expect("a number");
    assert_eq!(folded.lines().map(count).sum::<u64>(), stalls);
    let most = folded.lines().filter(|line| line.starts_with("memload;")).max_by_key(|line| count(line));
    let most = most.expect("a line of the load");
    let (stack, _) = most.rsplit_once(' ').expect("a stack");
    assert!(stack.ends_with("_[k]") && stack.contains(";entry_SYSCALL_64"), "{most}");
}
