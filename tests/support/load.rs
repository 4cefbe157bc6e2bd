//! The loads of the live tests: `memload` inside memory cgroups of their own.

#![expect(clippy::expect_used, reason = "a test that cannot make its load has failed")]

use std::{
    path::Path,
    process::Command,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::{
    MemCgroup, bin,
    cgroup::Version,
    perf::{Scratch, scratch},
};

/// Lock for tests that count what the whole machine does. It makes those of one process run one after the other.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    // A poisoned lock is fine: the test that failed with it has reported its failure.
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A memory cgroup with this limit that only this test has.
///
/// # Panics
/// When it cannot be made.
#[must_use]
pub fn cgroup(limit_mb: u64) -> MemCgroup {
    static N: AtomicU32 = AtomicU32::new(0);
    let n = N.fetch_add(1, Ordering::Relaxed);
    let name = format!("memtrace-test-{}-{n}", std::process::id());
    MemCgroup::create(&name, limit_mb << 20).unwrap_or_else(|e| panic!("{e:#}"))
}

/// Path of a cgroup below the root of its hierarchy, as memtrace reports it.
///
/// # Panics
/// When it is not below the root.
#[must_use]
pub fn path_of(dir: &Path) -> String {
    let root = crate::cgroup::Hierarchy::find().expect("a hierarchy").root;
    format!("/{}", dir.strip_prefix(root).expect("a cgroup below the root").display())
}

/// A file of `mb` MB outside the page cache, made outside any small cgroup: the cache is charged to its first reader.
///
/// # Panics
/// When it cannot be made.
#[must_use]
pub fn cold_file(mb: u64) -> Scratch {
    let file = scratch("data");
    let made = Command::new(bin("memload")).arg("mkfile").arg(&file.0).arg(mb.to_string()).output().expect("memload");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    file
}

/// `memload` in this cgroup. The caller adds the load.
#[must_use]
pub fn memload(cgroup: &MemCgroup) -> Command {
    let mut command = Command::new(bin("memload"));
    command.arg("--faults").arg("--cgroup").arg(cgroup.dir());
    command
}

/// A load of one process that stalls very often.
#[derive(Debug)]
pub struct Flood {
    /// The load.
    pub command: Command,
    _file: Option<Scratch>,
}

/// A load of shrinkers: `memload names` in a cgroup. On a busy host the kernel frees the memory of names so late that a
/// cgroup can be full of names that are already freed. In a v1 cgroup the load is then refused memory and goes on,
/// instead of being killed.
///
/// # Panics
/// When the cgroup takes no setting.
#[must_use]
pub fn names(cgroup: &MemCgroup, names: u32) -> Command {
    if cgroup.version() == Version::V1 {
        cgroup.write("memory.oom_control", "1").expect("no OOM killer in the cgroup");
    }
    let mut load = memload(cgroup);
    load.arg("names").arg(names.to_string());
    load
}

/// About `stalls` stalls of one process, as fast as this machine's cgroups allow.
///
/// # Panics
/// When its file cannot be made.
#[must_use]
pub fn flood(cgroup: &MemCgroup, stalls: u32) -> Flood {
    if cgroup.version() == Version::V1 {
        // The stalls are those of the writer, which is not in the cgroup.
        let mut command = Command::new(bin("memload"));
        command.arg("storm").arg(cgroup.dir()).arg(format!("{:.2}", f64::from(stalls) / 50_000.0));
        return Flood { command, _file: None };
    }
    // Without memory.force_empty only the page cache is left, at a tenth of the rate.
    let file = cold_file(96);
    let mut command = memload(cgroup);
    command.arg("mmapfile").arg(&file.0).args(["96", &format!("{:.2}", f64::from(stalls) / 4000.0)]);
    Flood { command, _file: Some(file) }
}
