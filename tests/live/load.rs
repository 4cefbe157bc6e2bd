//! The loads have the effects on a memory cgroup that the other live tests rely on.

use std::{fs, os::unix::process::ExitStatusExt as _, path::PathBuf, process::Command};

use tests::{MemCgroup, bin, cgroup::Version, is_root, skip_here};

/// A new cgroup with a limit of 32 MB. `None` without root; the test is then reported as skipped.
fn small_cgroup(test: &str) -> Option<MemCgroup> {
    if !is_root() {
        skip_here("making a memory cgroup needs root, and there is no sudo");
        return None;
    }
    let name = format!("memtrace-test-{test}-{}", std::process::id());
    Some(MemCgroup::create(&name, 32 << 20).unwrap_or_else(|e| panic!("{e:#}")))
}

fn memload(cgroup: &MemCgroup) -> Command {
    let mut command = Command::new(bin("memload"));
    command.arg("--die-with-parent").arg("--cgroup").arg(cgroup.dir());
    command
}

#[test]
fn reading_a_file_larger_than_the_limit_meets_the_limit() {
    let Some(cgroup) = small_cgroup("file") else { return };
    let data: PathBuf = bin("memload").with_file_name(format!("memload-test-{}", std::process::id()));
    let made = Command::new(bin("memload")).arg("mkfile").arg(&data).arg("64").status();
    let read = memload(&cgroup).arg("file").arg(&data).args(["64", "--passes", "3"]).output();
    fs::remove_file(&data).expect("mkfile made it");
    assert!(made.expect("memload").success());
    let said = String::from_utf8(read.expect("memload").stdout).expect("text");
    assert!(said.starts_with("file: read 64 MB 3 times"), "{said}");
    assert!(cgroup.limit_hits().expect("a counter") > 0);
}

#[test]
fn a_hog_is_killed_by_the_kernel_and_counted() {
    let Some(cgroup) = small_cgroup("hog") else { return };
    let status = memload(&cgroup).arg("hog").status().expect("memload");
    assert_eq!(status.signal(), Some(9), "{status}");
    assert_eq!(cgroup.oom_kills().expect("a counter"), 1);
}

#[test]
fn a_storm_writes_and_fails_to_empty_the_cgroup() {
    let Some(cgroup) = small_cgroup("storm") else { return };
    if cgroup.version() == Version::V2 {
        return skip_here("the memory controller is on cgroup v2: no memory.force_empty");
    }
    let storm =
        Command::new(bin("memload")).arg("storm").arg(cgroup.dir()).args(["--writes", "20"]).output().expect("memload");
    let said = String::from_utf8(storm.stdout).expect("text");
    let writes = said.strip_prefix("storm: ").and_then(|s| s.split(' ').next()).and_then(|n| n.parse::<u64>().ok());
    assert_eq!(writes, Some(20), "{said}");
}

#[test]
fn a_dropped_cgroup_takes_its_processes_with_it() {
    let Some(cgroup) = small_cgroup("drop") else { return };
    let dir = cgroup.dir().to_owned();
    let mut child = memload(&cgroup).args(["anon", "4", "60", "--hold"]).spawn().expect("memload");
    while fs::read_to_string(dir.join("cgroup.procs")).expect("procs").is_empty() {
        std::thread::yield_now();
    }
    drop(cgroup);
    assert!(!dir.exists());
    assert_eq!(child.wait().expect("its end").signal(), Some(9));
}

#[test]
fn a_steady_load_meets_the_limit_as_often_in_each_new_cgroup() {
    let data: PathBuf = bin("memload").with_file_name(format!("memload-holes-{}", std::process::id()));
    fs::File::create_new(&data).and_then(|file| file.set_len(64 << 20)).expect("a file of holes");
    let hits = ["steady-1", "steady-2"].map(|name| {
        let cgroup = small_cgroup(name)?;
        let read = memload(&cgroup).arg("steady").arg(&data).args(["64", "40000"]).output().expect("memload");
        let said = String::from_utf8(read.stdout).expect("text");
        assert!(said.starts_with("steady: read 40000 pages"), "{said}");
        Some(cgroup.limit_hits().expect("a counter"))
    });
    fs::remove_file(&data).expect("made above");
    let [Some(first), Some(second)] = hits else { return };
    assert!(first > 0 && first.abs_diff(second) <= first / 20, "{first} and then {second}");
}
