use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{CgroupNames, memory_hierarchy};

/// A memory cgroup that exists for the length of a test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Option<Self> {
        let mount = memory_hierarchy().ok()?.mount()?.to_owned();
        let path = mount.join(format!("memtrace-test-{}-{name}", std::process::id()));
        fs::create_dir(&path).ok().map(|()| Self(path))
    }

    fn name(&self) -> Vec<u8> {
        format!("/{}", self.0.file_name().unwrap().to_str().unwrap()).into_bytes()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

fn resolves_and_remembers(mut names: CgroupNames, tag: &str, wait: bool) {
    let Some(scratch) = Scratch::new(tag) else {
        eprintln!("skipped: no memory cgroup can be made here (not root, or no hierarchy mounted)");
        return;
    };
    let id = names.id_of(&scratch.name()).unwrap();
    if wait {
        std::thread::sleep(super::WALK_INTERVAL);
    }
    assert_eq!(names.resolve(id).as_deref(), Some(&scratch.name()[..]));
    drop(scratch);
    assert!(names.resolve(id).is_some(), "a removed cgroup keeps its name");
    assert_eq!(names.resolve(u64::MAX), None);
    let root = names.id_of(b"/").unwrap();
    assert_eq!(names.resolve(root).as_deref(), Some(&b"/"[..]));
}

#[test]
fn by_handle() {
    let names = CgroupNames::new();
    if names.is_immediate() {
        resolves_and_remembers(names, "handle \x1b[1m", false);
    } else {
        eprintln!("skipped: handles cannot be opened here (no CAP_DAC_READ_SEARCH, or no hierarchy mounted)");
    }
}

#[test]
fn by_walk() {
    let mut names = CgroupNames::new();
    names.by_handle = None;
    resolves_and_remembers(names, "walk", true);
}

#[test]
fn without_a_hierarchy_nothing_is_resolved() {
    let mut names = CgroupNames::under(None);
    assert_eq!(names.resolve(1), None);
    assert!(names.id_of(b"/").is_err() && !names.is_immediate());
    let mut names = CgroupNames::under(Some(Path::new("/nonexistent").to_owned()));
    assert_eq!(names.resolve(1), None);
}
