//! The budget: a storm of refaults is sampled if only a costly event counts them. The estimates are compared with
//! `memory.stat` and `/proc/vmstat`.

use std::{cell::Cell, path::Path, process::Command};

use serde_json::Value;
use tests::{
    MemCgroup,
    load::{alone, cgroup, cold_file, memload, path_of},
    memtrace::{Memtrace, may_trace, number},
    refaults::{self, FILE, begin, counted, end, reads_refaults, vmstat},
    skip_here,
};

/// Event of all memory cgroup counters. It counts refaults where their function cannot be traced.
const DEAR: &str = "memcg:mod_memcg_lruvec_state";

fn load(group: &MemCgroup, file: &Path, passes: &str) -> Command {
    let mut command = memload(group);
    command.arg("mmapfile").arg(file).args(["64", "--passes", passes]);
    command
}

#[test]
fn a_storm_is_sampled_and_all_is_counted_again_after_it() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let (one, two) = ((cgroup(24), cold_file(64)), (cgroup(32), cold_file(64)));
    let before = vmstat(FILE);
    let mut memtrace = Memtrace::start(&["--budget", "1%", "-i", "500ms"]);
    let loads = [(&one, "40"), (&two, "12")].map(|((group, file), passes)| begin(&mut load(group, &file.0, passes)));
    for load in loads {
        let _ = end(load);
    }
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let ended_ns = now.tv_sec * 1_000_000_000 + now.tv_nsec;
    // A storm is over after five seconds without a pause. Other processes on the host may start another one meanwhile.
    let whole = Cell::new(0);
    let is_calm = |line: &[u8]| {
        let tick: Value = serde_json::from_slice(line).unwrap_or_default();
        if tick["type"] == "tick" && tick["t_ns"].as_i64() > Some(ended_ns) {
            whole.set(if tick["refaults"]["sampled"].is_null() { whole.get() + 1 } else { 0 });
        }
        whole.get() >= 13
    };
    assert!(memtrace.wait_for(is_calm), "it is sampled for ever");
    let run = memtrace.stop();
    if !reads_refaults(&run) {
        return;
    }
    let summary = run.summary();
    if summary["refaults"]["source"] != DEAR {
        return skip_here(&format!(
            "refaults are counted by {} here: that needs no windows",
            summary["refaults"]["source"]
        ));
    }
    let (sampled, all) = (&summary["refaults"]["sampled"], number(&summary, "/refaults/file_pages"));
    println!("{all} file refaults, {sampled}");
    assert!(number(sampled, "/windows") > 1, "{sampled}");
    assert!(number(sampled, "/counted_ns") < number(sampled, "/of_ns"), "{sampled}");
    // The kernel skips a run when an interrupt changes the same counters on the CPU of one: a disk that writes does so.
    let skipped = number(&summary, "/loss/skipped_runs");
    assert!(skipped <= all / 1000, "{skipped} runs were skipped");
    let theirs = vmstat(FILE) - before;
    assert!(all.abs_diff(theirs) <= theirs / 100 + 500, "{all} of the host, vmstat has {theirs}");
    let error = sampled["error"].as_f64().unwrap_or(0.5);
    for (group, _) in [&one, &two] {
        let kernel = counted(group, FILE);
        let row = refaults::cgroup(&summary, &path_of(group.dir()));
        let pages = row.map_or(0, |row| number(row, "/refaults_file"));
        let apart = pages.abs_diff(kernel) as f64 / all as f64;
        println!("{kernel} file refaults in memory.stat, {pages} by windows: {apart:.3} of all apart");
        assert!(apart <= 2.0 * error, "{row:?}");
    }
    let rows = refaults::sum(&summary, "cgroups", "refaults_file");
    assert!(rows.abs_diff(all) <= all / 100 + 500, "{rows} in all rows, {all} of the host");
    let said = ["refaults are sampled now", "all refaults are counted again"].map(|words| run.stderr.find(words));
    assert!(said[0].is_some() && said[0] < said[1], "{}", run.stderr);
}
