//! Comparisons of real loads: real differences are found, and no others.

#![expect(clippy::expect_used, reason = "a test that cannot run memtrace has failed")]

use std::{
    fs::File,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use memtrace_trace::{Reader, TraceItem};
use serde_json::Value;
use tempfile::TempDir;
use tests::{
    ChildGuard, MemCgroup, bin,
    cgroup::Version,
    load::{alone, cgroup, cold_file, memload, path_of},
    memtrace::may_trace,
    perf::Scratch,
};

const LIMITS_MB: [u64; 2] = [96, 48];
const RUNS: usize = 5;

/// Direction of the difference, if the conclusion of a comparison is firm.
fn firmly(found: &Value) -> Option<&str> {
    let word = found["conclusion"]["word"].as_str().expect("a word");
    (found["conclusion"]["firm"] == true && word != "no_difference_shown").then_some(word)
}

fn limit_file(cgroup: &MemCgroup) -> &'static str {
    if cgroup.version() == Version::V1 { "memory.limit_in_bytes" } else { "memory.max" }
}

/// `memload paced` with its two files.
fn paced(cgroup: &MemCgroup, files: &[Scratch; 2]) -> Command {
    let mut command = memload(cgroup);
    command.arg("paced").arg(&files[0].0).arg(&files[1].0).stdout(Stdio::null());
    command
}

/// Result of an experiment that compares this limit with one of 96 MB.
fn experiment(dir: &Path, cgroup: &MemCgroup, limit_mb: u64, seed: u64) -> Value {
    let name = format!("cgroup:{}:{}", path_of(cgroup.dir()), limit_file(cgroup));
    let out = Command::new(bin("memtrace"))
        .args(["ab", "--json", "--yes", "--block", "5s", "--settle", "1s", "--seed", &seed.to_string()])
        .args(["--set", &format!("{name}={limit_mb}M"), "--against", &format!("{name}=96M")])
        .args(["-f", "-o"])
        .arg(dir.join("ab.mtrc"))
        .output()
        .expect("memtrace");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("JSON")
}

/// A load at its limit of 96 MB, and a directory for its recordings.
struct Loaded {
    // Declared first: the load ends before its cgroup and files are removed.
    _load: ChildGuard,
    cgroup: MemCgroup,
    _files: [Scratch; 2],
    dir: TempDir,
}

impl Loaded {
    fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let (cgroup, files) = (cgroup(96), [cold_file(60), cold_file(64)]);
        let load = ChildGuard::spawn(paced(&cgroup, &files).arg("3600"));
        thread::sleep(Duration::from_secs(2));
        Self { _load: load, cgroup, _files: files, dir }
    }

    fn experiment(&self, limit_mb: u64, seed: u64) -> Value {
        experiment(self.dir.path(), &self.cgroup, limit_mb, seed)
    }
}

#[test]
fn an_experiment_finds_a_limit_that_hurts() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let found = Loaded::start().experiment(48, 7);
    assert_eq!(firmly(&found), Some("worse"), "{found}");
    assert_eq!(found["runs"], serde_json::json!([8, 8]));
}

#[test]
#[ignore = "takes two minutes: cargo xtask test --long"]
fn an_experiment_finds_no_harm_in_the_same_limit() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let loaded = Loaded::start();
    // One in twenty is firm by chance, so two in a row are one in four hundred.
    let same = (0..2).map(|seed| loaded.experiment(96, seed)).find(|found| firmly(found).is_none());
    assert!(same.is_some(), "the same limit was twice said to differ");
}

/// Records runs at each of two limits, in turns, and compares the two directories.
fn five_a_side(files: &[Scratch; 2], limits_mb: [u64; 2], seed: u64) -> Value {
    let dir = tempfile::tempdir().expect("a directory");
    let mut random = fastrand::Rng::with_seed(seed);
    for run in 0..RUNS {
        let mut sides = [0, 1];
        random.shuffle(&mut sides);
        for side in sides {
            let cgroup = cgroup(limits_mb[side]);
            let path = dir.path().join(["before", "after"][side]).join(format!("{run}.mtrc"));
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            let load = paced(&cgroup, files);
            let mut command = Command::new(bin("memtrace"));
            command.arg("record").arg("-o").arg(path).arg("--").arg(load.get_program()).args(load.get_args());
            let out = command.args(["--rounds", "6"]).output().expect("memtrace");
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        }
    }
    let out = Command::new(bin("memtrace"))
        .current_dir(dir.path())
        .args(["compare", "--json", "before=before", "after=after"])
        .output()
        .expect("memtrace");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("JSON")
}

#[test]
fn five_recordings_a_side_find_a_limit_that_hurts() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let found = five_a_side(&[cold_file(60), cold_file(64)], LIMITS_MB, 1);
    assert_eq!(firmly(&found), Some("worse"), "{found}");
}

#[test]
#[ignore = "takes a minute: cargo xtask test --long"]
fn five_recordings_a_side_find_no_harm_in_the_same_limit() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let files = [cold_file(60), cold_file(64)];
    let same = (2..4).map(|seed| five_a_side(&files, [96, 96], seed)).find(|found| firmly(found).is_none());
    assert!(same.is_some(), "the same limit was twice said to differ");
}

#[test]
fn a_recording_is_split_where_a_limit_was_changed() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let loaded = Loaded::start();
    let (cgroup, path) = (&loaded.cgroup, loaded.dir.path().join("a.mtrc"));
    let mut recorder = ChildGuard::spawn(Command::new(bin("memtrace")).args(["record", "-d", "10s", "-o"]).arg(&path));
    thread::sleep(Duration::from_millis(5500));
    cgroup.write(limit_file(cgroup), &(48 << 20).to_string()).expect("a lower limit");
    let changed = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic).tv_sec;
    assert!(recorder.0.wait().expect("it ends").success());
    let out = Command::new(bin("memtrace")).args(["compare", "--json"]).arg(&path).output().expect("memtrace");
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success() && said.contains("was changed"), "{said}");
    let found: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    // memtrace sees the change at a tick, within a second. The part before the change ends at the tick before that one.
    let before_s =
        i64::try_from(found["durations_ns"][0].as_u64().expect("a duration") / 1_000_000_000).expect("short");
    let from_start_s = changed - start_s(&path);
    assert!((from_start_s - 2..=from_start_s + 1).contains(&before_s), "{from_start_s} s: {found}");
    let key = format!("{} {}", path_of(cgroup.dir()), limit_file(cgroup));
    let tuned = found["tuned"].as_array().expect("a list").iter().find(|tuned| tuned["key"] == key.as_str());
    let tuned = tuned.unwrap_or_else(|| panic!("{key} is not there: {}", found["tuned"]));
    assert_eq!(tuned["before"], (96_u64 << 20).to_string());
    assert_eq!(tuned["after"], (48_u64 << 20).to_string());
    assert_eq!(firmly(&found), None, "one recording is no test: {found}");
}

/// Start of a recording, `CLOCK_MONOTONIC` in s.
fn start_s(path: &Path) -> i64 {
    let mut reader = Reader::new(File::open(path).expect("the trace"));
    loop {
        if let TraceItem::Meta(meta) = reader.next_item().expect("a trace").expect("a beginning") {
            return i64::try_from(meta.setup.start_ns / 1_000_000_000).expect("a time");
        }
    }
}
