//! Every attach method sees the same storm. Without the capabilities memtrace names those it lacks and how to get them.

#![expect(clippy::expect_used, reason = "a test that cannot run memtrace has failed")]

use std::{
    ffi::OsString,
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::PathBuf,
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
    time::Duration,
};

use rustix::{
    process::Pid,
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};
use serde_json::Value;
use tests::{
    MemCgroup, bin,
    load::{alone, cgroup, cold_file, flood, memload, path_of},
    memtrace::{MEMCG, Memtrace, Run, may_trace, number, stalls_of_cgroup, stalls_of_pid},
    perf::{Counted, count, have_perf, printing_its_pid, reported_pid},
    skip_here,
};

/// User id of nobody, on every Linux.
const NOBODY: u32 = 65534;

/// A cgroup for the load; `None` if the test is skipped.
fn arena() -> Option<MemCgroup> {
    if !may_trace() || !have_perf() {
        return None;
    }
    Some(cgroup(32))
}

/// Asserts that a run saw each stall of the load in the row of its process, and lost none.
fn saw_all(run: &Run, counted: &Counted) {
    let summary = run.summary();
    let pid = reported_pid(&counted.stdout);
    // This also proves that memtrace hides nothing from perf. A classic tracepoint program that returns 0 would.
    assert!(counted.own > 200, "no flood: {counted:?}");
    assert_eq!(number(&summary, "/loss/ring_stall"), 0, "{}", summary["loss"]);
    assert_eq!(stalls_of_pid(&summary, pid), counted.own, "{}", summary["loss"]);
}

/// Attach methods of the events of a run. All events must be attached. Functions and their substitutes are left out.
fn ways(run: &Run) -> Vec<String> {
    let meta = run.of_type("meta");
    let mut hooks = meta[0]["hooks"].as_array().expect("hooks").clone();
    let is_event = |hook: &Value| {
        let name = hook["name"].as_str().unwrap_or_default();
        ["sched:", "vmscan:", "oom:"].iter().any(|group| name.starts_with(group))
    };
    hooks.retain(is_event);
    assert!(hooks.len() >= 14, "{hooks:?}");
    let way = |hook: &Value| hook["attached"].as_str().map(str::to_owned);
    let ways: Vec<String> = hooks.iter().filter_map(way).collect();
    assert_eq!(ways.len(), hooks.len(), "{hooks:?}\n{}", run.stderr);
    ways
}

#[test]
fn both_ways_to_attach_count_the_same() {
    let _alone = alone();
    let Some(group) = arena() else { return };
    let typed: &[&str] = &["raw tracepoint", "btf tracepoint"];
    for (args, expected) in [(MEMCG, typed), (&[MEMCG[0], MEMCG[1], "--classic"], &["tracepoint"])] {
        let memtrace = Memtrace::start(args);
        let flood = flood(&group, 8000);
        let counted = count(&printing_its_pid(&flood.command));
        let run = memtrace.stop();
        assert!(ways(&run).iter().all(|way| expected.contains(&way.as_str())), "{:?}", ways(&run));
        saw_all(&run, &counted);
        let stalls = run.of_type("stall");
        let pid = reported_pid(&counted.stdout);
        let stall = stalls.iter().find(|stall| stall["pid"] == pid).expect("its stalls");
        // Both attach methods read every field.
        for field in ["comm", "cgroup", "order", "gfp", "scanned_pages", "reclaimed_pages", "throttled_ns"] {
            assert!(!stall[field].is_null(), "{expected:?}: {field} of {stall}");
        }
        assert_eq!((&stall["comm"], &stall["order"]), (&"memload".into(), &0.into()));
    }
}

#[test]
fn two_ways_at_once_count_the_same() {
    let _alone = alone();
    let Some(group) = arena() else { return };
    let (one, other) = (Memtrace::start(MEMCG), Memtrace::start(&[MEMCG[0], MEMCG[1], "--classic"]));
    let flood = flood(&group, 8000);
    let counted = count(&printing_its_pid(&flood.command));
    let (one, other) = (one.stop(), other.stop());
    saw_all(&one, &counted);
    saw_all(&other, &counted);
}

#[test]
fn a_thread_that_migrates_loses_no_pair() {
    let _alone = alone();
    let Some(group) = arena() else { return };
    let allowed = sched_getaffinity(None).expect("our CPUs");
    let cpus: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu)).collect();
    if cpus.len() < 2 {
        skip_here("there is one CPU: nothing can migrate");
        return;
    }
    let pid_file = group.dir().join("cgroup.procs");
    let over = AtomicBool::new(false);
    let memtrace = Memtrace::start(MEMCG);
    // A page-cache loop: its reclaims do not all fail at once, and the thread is in reclaim most of the time.
    let file = cold_file(64);
    let mut load = memload(&group);
    load.arg("mmapfile").arg(&file.0).args(["64", "1"]);
    let (counted, moves) = thread::scope(|scope| {
        let mover = scope.spawn(|| {
            let mut moves = 0_usize;
            while !over.load(Ordering::Relaxed) {
                let procs = fs::read_to_string(&pid_file).unwrap_or_default();
                for pid in procs.lines().filter_map(|pid| pid.parse().ok()).filter_map(Pid::from_raw) {
                    let mut one = CpuSet::new();
                    one.set(cpus[moves % cpus.len()]);
                    moves += usize::from(sched_setaffinity(Some(pid), &one).is_ok());
                }
                thread::sleep(Duration::from_micros(300));
            }
            moves
        });
        let counted = count(&printing_its_pid(&load));
        over.store(true, Ordering::Relaxed);
        (counted, mover.join().expect("the mover"))
    });
    let run = memtrace.stop();
    assert!(moves > 100, "{moves} moves");
    saw_all(&run, &counted);
    let summary = run.summary();
    assert_eq!(number(&summary, "/loss/second_begin"), 0);
    // A foreign task may have been in reclaim at attach time, or have exited in it. Without other tasks there is none.
    if counted.own == counted.all && summary["processes"].as_array().is_some_and(|rows| rows.len() == 1) {
        assert_eq!(number(&summary, "/loss/end_without_begin"), 0);
        assert_eq!(number(&summary, "/loss/lost_end"), 0);
    }
}

#[test]
fn short_lived_tasks_are_all_counted() {
    let _alone = alone();
    let Some(group) = arena() else { return };
    // Each load is larger than the limit, so it stalls. It exits before the next tick.
    let file = cold_file(48);
    let script = r#"for i in $(seq 25); do "$@" || exit 1; done"#;
    let mut words: Vec<OsString> = ["sh", "-c", script, "sh"].map(OsString::from).into();
    let mut load = memload(&group);
    load.arg("file").arg(&file.0).args(["48", "--passes", "1"]);
    words.push(load.get_program().into());
    words.extend(load.get_args().map(OsString::from));
    let memtrace = Memtrace::start(MEMCG);
    let counted = count(&words);
    let run = memtrace.stop();
    let summary = run.summary();
    assert!(counted.own > 100, "no stalls: {counted:?}");
    let path = path_of(group.dir());
    assert_eq!(stalls_of_cgroup(&summary, &path), counted.own, "{}", summary["loss"]);
    let rows = summary["processes"].as_array().expect("rows");
    let ours: Vec<&Value> = rows.iter().filter(|row| row["cgroup"] == path.as_str()).collect();
    assert_eq!(ours.len(), 25);
    assert!(ours.iter().all(|row| row["comm"] == "memload"));
    assert_eq!(number(&summary, "/loss/second_begin"), 0);
}

/// A directory with a copy of memtrace that the user nobody may run: the target folder may be closed to other users.
struct Copy(PathBuf);

impl Copy {
    fn new() -> Self {
        static N: AtomicU32 = AtomicU32::new(0);
        let n = N.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("memtrace-test-{}-{n}", std::process::id()));
        fs::create_dir(&dir).expect("a directory of our own");
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).expect("it is ours");
        let copy = dir.join("memtrace");
        fs::copy(bin("memtrace"), &copy).expect("room for a copy");
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).expect("it is ours");
        Self(dir)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("it is ours");
    }
}

/// Runs `memtrace ARGS` as nobody.
fn as_nobody(args: &[&str]) -> Output {
    let copy = Copy::new();
    let mut command = Command::new(copy.0.join("memtrace"));
    // For root the standard library drops the supplementary groups, too.
    command.args(args).uid(NOBODY).gid(NOBODY).stdin(Stdio::null()).output().expect("memtrace")
}

#[test]
fn missing_rights_are_named_with_both_remedies() {
    if !may_trace() {
        return;
    }
    let out = as_nobody(&["-d", "1"]);
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(4), "{said}");
    assert!(out.stdout.is_empty());
    assert!(said.contains("CAP_BPF") && said.contains("CAP_PERFMON"), "{said}");
    let lines: Vec<&str> = said.lines().map(str::trim_start).collect();
    assert!(lines.iter().any(|line| line.starts_with("sudo ") && line.ends_with("memtrace")), "{said}");
    assert!(lines.iter().any(|line| line.starts_with("sudo setcap ") && line.contains("cap_bpf")), "{said}");
    // With a command the status is that of memtrace's own failures, and the command does not run.
    let out = as_nobody(&["--", "echo", "ran"]);
    assert_eq!((out.status.code(), out.stdout.as_slice()), (Some(125), b"".as_slice()));
}

/// Runs `memtrace ARGS` as nobody with the two capabilities that tracing needs, as in a container that has only those.
/// `None` without setpriv.
fn with_two_rights(args: &[&str]) -> Option<Output> {
    let copy = Copy::new();
    let only = |kind: &str| format!("--{kind}=-all,+bpf,+perfmon");
    let mut command = Command::new("setpriv");
    command.args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".to_owned()]);
    command.args([only("bounding-set"), only("inh-caps"), only("ambient-caps")]);
    match command.arg(copy.0.join("memtrace")).args(args).stdin(Stdio::null()).output() {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            skip_here("setpriv, which takes rights away, is not installed (Debian: util-linux)");
            None
        }
        output => Some(output.expect("setpriv")),
    }
}

#[test]
fn two_rights_are_enough_and_missing_ones_are_named() {
    if !may_trace() {
        return;
    }
    let Some(out) = with_two_rights(&["--json", "--stacks", "-d", "1"]) else { return };
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(0), "{said}");
    let lines = String::from_utf8_lossy(&out.stdout);
    let summary: Value = serde_json::from_str(lines.lines().last().expect("a summary")).expect("JSON");
    assert_eq!(summary["type"], "summary");
    assert!(summary["stalls"]["memcg"]["count"].is_u64(), "{summary}");
    for missing in ["CAP_IPC_LOCK", "CAP_SYS_RESOURCE"] {
        assert_eq!(said.matches(missing).count(), 1, "{missing} in {said}");
    }
}

fn check(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

#[test]
fn check_is_right_with_and_without_rights() {
    if !may_trace() {
        return;
    }
    let root = Command::new(bin("memtrace")).args(["check", "--json"]).output().expect("memtrace");
    let nobody = as_nobody(&["check", "--json"]);
    assert_eq!((root.status.code(), nobody.status.code()), (Some(0), Some(4)));
    let (root, nobody) = (check(&root), check(&nobody));
    assert_eq!((&root["can_trace"], &nobody["can_trace"]), (&true.into(), &false.into()));
    for object in [&root, &nobody] {
        assert_eq!((&object["type"], &object["schema"]), (&"check".into(), &1.into()));
        assert_eq!(object["facts"]["kernel"], nobody["facts"]["kernel"]);
        assert!(object["hooks"].is_array() && object["findings"].is_array());
    }
    assert_eq!((&root["facts"]["uid"], &nobody["facts"]["uid"]), (&0.into(), &NOBODY.into()));
    let hooks = root["hooks"].as_array().expect("hooks");
    for hook in ["vmscan:mm_vmscan_memcg_reclaim_begin", "vmscan:mm_vmscan_memcg_reclaim_end", "oom:mark_victim"] {
        let hook = hooks.iter().find(|h| h["name"] == hook).unwrap_or_else(|| panic!("{hook} is not listed"));
        assert!(hook["attached"].is_string() && hook["reason"].is_null(), "{hook}");
    }
    let fatal = |object: &Value| {
        let findings = object["findings"].as_array().expect("findings");
        findings.iter().filter(|finding| finding["severity"] == "fatal").count()
    };
    assert_eq!(fatal(&root), 0);
    assert!(fatal(&nobody) > 0);
}
