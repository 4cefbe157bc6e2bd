//! Refaults as memtrace reports them, and as its witnesses do: `memory.stat` and `/proc/vmstat`.

#![expect(clippy::expect_used, reason = "a test that cannot hear its witness has failed")]

use std::{
    fs,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::{MemCgroup, cgroup::Version, memtrace::Run, skip_here};

/// Counter of refaulted file pages, in `memory.stat` and in `/proc/vmstat`.
pub const FILE: &str = "workingset_refault_file";
/// Counter of refaulted anonymous pages.
pub const ANON: &str = "workingset_refault_anon";

/// True if this run read refaults. Otherwise the test is reported as skipped, with memtrace's reason for the missing
/// hook.
#[must_use]
pub fn reads_refaults(run: &Run) -> bool {
    let meta = run.of_type("meta");
    let hooks = meta[0]["hooks"].as_array().expect("hooks");
    if !run.summary()["refaults"]["source"].is_null() {
        return true;
    }
    let hook = hooks.iter().find(|hook| hook["name"] == "workingset_refault").expect("the hook, with its reason");
    skip_here(&format!("refaults cannot be read on this kernel: {}", hook["reason"].as_str().expect("a reason")));
    false
}

/// The row of a process in a summary.
#[must_use]
pub fn process(summary: &Value, pid: u32) -> Option<&Value> {
    summary["processes"].as_array()?.iter().find(|row| row["pid"] == pid)
}

/// The row of a cgroup in a summary.
#[must_use]
pub fn cgroup<'a>(summary: &'a Value, path: &str) -> Option<&'a Value> {
    summary["cgroups"].as_array()?.iter().find(|row| row["cgroup"] == path)
}

/// The sum of a count over all rows of a table, that of `other` included.
#[must_use]
pub fn sum(summary: &Value, table: &str, field: &str) -> u64 {
    summary[table].as_array().into_iter().flatten().filter_map(|row| row[field].as_u64()).sum()
}

/// Value of `key` in `memory.stat` since the cgroup was made, once it no longer changes. The kernel collects it from
/// the CPUs every two seconds, and on a read only if enough has changed.
///
/// # Panics
/// When this kernel has no such counter.
#[must_use]
pub fn counted(group: &MemCgroup, key: &str) -> u64 {
    let read = || {
        let own = group.stat(key);
        // Before 5.12, and later again, v1 has some of them only for the whole tree. Our cgroup has no children.
        let own =
            if group.version() == Version::V1 { own.or_else(|_| group.stat(&format!("total_{key}"))) } else { own };
        own.unwrap_or_else(|e| panic!("{e:#}"))
    };
    let mut last = read();
    for _ in 0..5 {
        thread::sleep(Duration::from_millis(500));
        let now = read();
        if now == last && last > 0 {
            break;
        }
        last = now;
    }
    last
}

/// A counter of `/proc/vmstat`, after the kernel has collected it from the CPUs.
///
/// # Panics
/// When this kernel has no such counter.
#[must_use]
pub fn vmstat(key: &str) -> u64 {
    // The write only collects the counters. Without the right to write, the kernel still does that each second.
    let _ = fs::write("/proc/sys/vm/stat_refresh", "1");
    let text = fs::read_to_string("/proc/vmstat").expect("/proc");
    let value = text.lines().filter_map(|line| line.split_once(' ')).find(|(name, _)| *name == key);
    value.and_then(|(_, value)| value.parse().ok()).unwrap_or_else(|| panic!("/proc/vmstat has no {key}"))
}

/// Asserts that memtrace's own coverage of file refaults agrees with the kernel's count.
///
/// # Panics
/// When it does not agree.
pub fn coverage_holds(summary: &Value) {
    let row = &summary["coverage"][FILE];
    assert!(["exact", "close"].iter().any(|verdict| row["verdict"] == *verdict), "{row}");
}

/// True if two counts differ by 1 % at most, or by the few pages that the kernel has not yet collected.
#[must_use]
pub fn agree(ours: u64, theirs: u64) -> bool {
    ours.abs_diff(theirs) <= (theirs / 100).max(128)
}

/// A count in the row `other`, which holds what the table had no room for. It is 0 except under a storm of short tasks.
#[must_use]
pub fn rest(summary: &Value, table: &str, field: &str) -> u64 {
    let rows = summary[table].as_array().into_iter().flatten();
    rows.filter(|row| row["other"] == true).filter_map(|row| row[field].as_u64()).sum()
}

/// [`agree`] for a row of which a part may be in the row `other`.
#[must_use]
pub fn agree_with_rest(ours: u64, rest: u64, theirs: u64) -> bool {
    agree(ours.max(theirs.min(ours + rest)), theirs)
}

/// A load that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// Process id.
    pub pid: u32,
    /// Number of major faults that the load itself reported (`--faults`).
    pub major_faults: u64,
}

/// Starts a `memload` that prints its major faults at its end.
///
/// # Panics
/// When it cannot be started.
#[must_use]
pub fn begin(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("memload")
}

/// Waits for the end of a load.
///
/// # Panics
/// When the load failed.
#[must_use]
pub fn end(child: Child) -> Ended {
    let pid = child.id();
    let output = child.wait_with_output().expect("memload");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let reported = text.lines().find_map(|line| line.strip_prefix("major faults: ")?.parse().ok());
    Ended { pid, major_faults: reported.unwrap_or_else(|| panic!("no faults in {text:?}")) }
}
