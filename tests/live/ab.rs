//! `memtrace ab` on the real kernel: it restores all settings, however it ends.

#![expect(clippy::expect_used, reason = "a test that cannot run memtrace has failed")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tests::{
    ChildGuard, MemCgroup, bin,
    cgroup::Version,
    load::{alone, cgroup, path_of},
    memtrace::{PATIENCE, may_trace, wait_within},
};

const PAGE_CLUSTER: &str = "/proc/sys/vm/page-cluster";

/// Restores `vm.page-cluster` on drop, also after a failed test.
struct Sysctl(String);

impl Drop for Sysctl {
    fn drop(&mut self) {
        // If the write fails, the next test reports it.
        let _ = fs::write(PAGE_CLUSTER, &self.0);
    }
}

fn page_cluster() -> String {
    fs::read_to_string(PAGE_CLUSTER).expect("vm.page-cluster").trim().to_owned()
}

/// Limit of a cgroup in its file, and its name as a setting of an experiment.
fn limit(cgroup: &MemCgroup) -> (String, String) {
    let file = if cgroup.version() == Version::V1 { "memory.limit_in_bytes" } else { "memory.max" };
    let value = cgroup.read(file).expect("a limit").trim().to_owned();
    (value, format!("cgroup:{}:{file}", path_of(cgroup.dir())))
}

/// `memtrace ab` with short blocks, run in `dir`.
fn ab(dir: &Path, settings: &[String]) -> Command {
    let mut command = Command::new(bin("memtrace"));
    command.current_dir(dir).arg("ab");
    for setting in settings {
        command.arg("--set").arg(setting);
    }
    command.args(["--block", "2s", "--settle", "200ms", "--blocks", "12", "--yes", "-o", "a.mtrc"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Waits until `value` equals `wanted`.
fn becomes(wanted: &str, value: impl Fn() -> String) {
    let deadline = Instant::now() + PATIENCE;
    while value() != wanted {
        assert!(Instant::now() < deadline, "it is {} and does not become {wanted}", value());
        thread::sleep(Duration::from_millis(20));
    }
}

fn run(command: &mut Command) -> Output {
    command.output().expect("memtrace runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Waits for the end of an experiment. Returns the exit status and stderr.
fn end(mut child: ChildGuard) -> (Option<i32>, String) {
    let status = wait_within(&mut child, PATIENCE).expect("it ends");
    let stderr = child.0.stderr.take().expect("it is piped");
    let said: Vec<String> = BufReader::new(stderr).lines().map_while(Result::ok).collect();
    (status.code(), said.join("\n"))
}

#[test]
fn a_killed_experiment_is_put_back_by_the_next() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let first = Sysctl(page_cluster());
    let other = if first.0 == "1" { "2" } else { "1" };
    let (dir, cgroup) = (tempfile::tempdir().expect("a directory"), cgroup(96));
    let (bytes, name) = limit(&cgroup);
    let settings = [format!("vm.page-cluster={other}"), format!("{name}=48M")];
    let experiment = ChildGuard::spawn(&mut ab(dir.path(), &settings));
    becomes(other, page_cluster);
    becomes(&(48 << 20).to_string(), || limit(&cgroup).0);
    kill_process(Pid::from_child(&experiment.0), Signal::KILL).expect("it runs");
    drop(experiment);
    assert_eq!((page_cluster().as_str(), limit(&cgroup).0), (other, (48 << 20).to_string()), "nobody put it back");

    // The next tracer reports it, and another experiment does not start on top of it.
    let traced = run(Command::new(bin("memtrace")).args(["--lines", "-d", "100ms"]));
    assert!(text(&traced.stderr).contains("memtrace ab --restore"), "{}", text(&traced.stderr));
    let asked = run(Command::new(bin("memtrace")).args(["ab", "--set", "vm.swappiness=33"]).stdin(Stdio::null()));
    assert_eq!(asked.status.code(), Some(2), "{}", text(&asked.stderr));
    assert!(text(&asked.stderr).contains("left 2 settings changed"), "{}", text(&asked.stderr));

    let restored = run(Command::new(bin("memtrace")).args(["ab", "--restore"]));
    assert!(restored.status.success(), "{}", text(&restored.stderr));
    assert!(text(&restored.stderr).contains("restored 2 settings"), "{}", text(&restored.stderr));
    assert_eq!((page_cluster(), limit(&cgroup).0), (first.0.clone(), bytes));
    let again = run(Command::new(bin("memtrace")).args(["ab", "--restore"]));
    assert!(text(&again.stderr).contains("nothing to restore"), "{}", text(&again.stderr));
    // The recording is readable up to the kill.
    let report = run(Command::new(bin("memtrace")).arg("report").arg(dir.path().join("a.mtrc")));
    assert!(report.status.success(), "{}", text(&report.stderr));
}

#[test]
fn signals_restore_settings_and_show_the_results_so_far() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let first = Sysctl(page_cluster());
    let other = if first.0 == "1" { "2" } else { "1" };
    for (signal, code) in [(Signal::INT, 6), (Signal::QUIT, 6), (Signal::USR2, 6)] {
        let dir = tempfile::tempdir().expect("a directory");
        let experiment = ChildGuard::spawn(&mut ab(dir.path(), &[format!("vm.page-cluster={other}")]));
        becomes(other, page_cluster);
        // A second signal during the restore must not disturb it.
        kill_process(Pid::from_child(&experiment.0), signal).expect("it runs");
        let _ = kill_process(Pid::from_child(&experiment.0), signal);
        let (status, said) = end(experiment);
        assert_eq!(status, Some(code), "{said}");
        assert_eq!(page_cluster(), first.0, "{said}");
        assert!(said.contains("of 12 blocks"), "{said}");
        assert!(!Path::new("/run/memtrace/ab.journal").exists());
    }
}

#[test]
fn a_condition_stops_it_and_a_foreign_setting_stays() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let first = Sysctl(page_cluster());
    let other = if first.0 == "1" { "2" } else { "1" };
    let dir = tempfile::tempdir().expect("a directory");
    let setting = [format!("vm.page-cluster={other}")];
    let stopped = run(ab(dir.path(), &setting).args(["--stop-if", "stall.rate >= 0"]));
    assert_eq!(stopped.status.code(), Some(3), "{}", text(&stopped.stderr));
    assert!(text(&stopped.stderr).contains("stall.rate >= 0"), "{}", text(&stopped.stderr));
    assert_eq!(page_cluster(), first.0);

    let foreign = ["0", "3", "4"].into_iter().find(|value| *value != first.0).expect("another value");
    let experiment = ChildGuard::spawn(ab(dir.path(), &setting).arg("-f"));
    becomes(other, page_cluster);
    fs::write(PAGE_CLUSTER, foreign).expect("it can be written");
    let (status, said) = end(experiment);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("It was") && said.matches("it is left as it is").count() == 1, "{said}");
    assert_eq!(page_cluster(), foreign, "{said}");
}

#[test]
fn nothing_is_written_that_is_not_asked_for() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let first = Sysctl(page_cluster());
    let other = if first.0 == "1" { "2" } else { "1" };
    let set = format!("vm.page-cluster={other}");
    for (args, code, words) in [
        (vec!["--set", &set, "--dry-run"], 0, "12.0 s"),
        (vec!["--set", &set], 2, "--yes"),
        (vec!["--set", "vm.drop_caches=3", "--yes"], 2, "not among"),
        (vec!["--set", "kernel.panic=1", "--yes"], 2, "not a setting"),
        (vec!["--set", "vm.page-cluster=9", "--yes"], 2, "--allow-risky"),
        (vec!["--set", "cgroup:/../x:memory.high=1G", "--yes"], 2, "not the path"),
        (vec!["--set", &set, "--blocks", "10", "--yes"], 2, "too few"),
        (vec![], 2, "--set"),
    ] {
        let mut command = Command::new(bin("memtrace"));
        command.args(["ab", "--block", "10s", "--settle", "2s"]).args(&args).stdin(Stdio::null());
        let out = run(&mut command);
        let said = text(&out.stdout) + &text(&out.stderr);
        assert_eq!(out.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains(words) || code == 0, "{args:?}: {said}");
        assert_eq!(page_cluster(), first.0, "{args:?}");
    }
    assert!(!Path::new("/run/memtrace/ab.journal").exists());
}
