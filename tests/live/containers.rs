//! Stalls in memory cgroups with the names that container runtimes use: reported and filtered by container, and still
//! named when the cgroup is gone.

#![expect(clippy::expect_used, reason = "a test that cannot make its cgroups has failed")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use tests::{
    MemCgroup, bin,
    cgroup::{Version, remove},
    load::{alone, cgroup, cold_file},
    memtrace::{Memtrace, may_trace},
};

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const POD: &str = "8f0c1d2e-3a4b-5c6d-7e8f-90a1b2c3d4e5";

/// Makes a cgroup below one with a limit. Its tasks are charged to the new cgroup.
fn below(parent: &MemCgroup, path: &str) -> PathBuf {
    let mut dir = parent.dir().to_owned();
    for component in Path::new(path) {
        if parent.version() == Version::V2 {
            fs::write(dir.join("cgroup.subtree_control"), "+memory").expect("memory for those below");
        }
        dir.push(component);
        if !dir.exists() {
            fs::create_dir(&dir).expect("a cgroup below");
        }
    }
    dir
}

/// Reads a file of 48 MB under a limit of 16 MB.
fn load(dir: &Path, file: &Path) {
    let mut memload = Command::new(bin("memload"));
    memload.arg("--cgroup").arg(dir).arg("mmapfile").arg(file).args(["48", "1"]);
    let done = memload.output().expect("memload");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn containers(objects: &[Value]) -> Vec<Value> {
    let mut all: Vec<_> = objects.iter().map(|object| object["container"].clone()).collect();
    all.sort_by_key(Value::to_string);
    all.dedup();
    all
}

#[test]
fn stalls_are_reported_and_filtered_by_container() {
    if !may_trace() {
        return;
    }
    let _alone = alone();
    let group = cgroup(16);
    let file = cold_file(48);
    let docker = below(&group, &format!("docker/{ID}"));
    let pod = below(&group, &format!("kubepods/burstable/pod{POD}/{ID}"));

    let all = Memtrace::start(&["--comm", "memload"]);
    let one = Memtrace::start(&["--container", &POD[..13]]);
    load(&docker, &file.0);
    load(&pod, &file.0);
    // Names survive the removal of the cgroups.
    for dir in [&docker, &pod] {
        remove(dir).expect("removing a cgroup without tasks");
    }
    let (all, one) = (all.stop(), one.stop());

    let in_docker = json!({"runtime": "docker", "id": ID, "pod": null, "unit": null});
    let in_pod = json!({"runtime": null, "id": ID, "pod": POD, "unit": null});
    let mut both = [in_docker, in_pod.clone()];
    both.sort_by_key(Value::to_string);
    assert_eq!(containers(&all.of_type("stall")), both);
    let rows = all.summary()["cgroups"].as_array().cloned().unwrap_or_default();
    assert_eq!(containers(&rows), both, "{rows:?}");

    assert_eq!(containers(&one.of_type("stall")), std::slice::from_ref(&in_pod));
    let rows = one.summary()["cgroups"].as_array().cloned().unwrap_or_default();
    assert_eq!(containers(&rows), [in_pod], "{rows:?}");
}
