//! A storm of tasks that live for less than a millisecond: memory stays flat, and no page is lost or counted twice.

#![expect(clippy::expect_used, reason = "a test that cannot read the summary has failed")]

use std::{env, fs::File, path::Path, process::Command};

use memtrace_trace::{Reader, TraceItem};
use serde_json::Value;
use tests::{
    load::{alone, cgroup, cold_file, memload, path_of},
    memtrace::{Memtrace, Run, may_trace, number},
    perf::scratch,
    refaults::{self, FILE, agree, begin, counted, end, reads_refaults},
};

/// Number of tasks, unless `MEMTRACE_FORKS` is set. Two processes fork half of them each.
const TASKS: u64 = 100_000;
/// Size in MB of the file of which each task touches one page. The limit of the cgroup, `LIMIT_MB`, also covers the
/// memory that the kernel keeps for a moment after a task has died.
const FILE_MB: u64 = 80;
const LIMIT_MB: u64 = 64;
/// Maximum resident size while recording, in bytes. The ring buffer is mapped twice and counts twice.
const RESIDENT: u64 = 48 << 20;
/// Maximum growth of memtrace's resident size in bytes: in all, and in the second half of the storm.
const GROWTH: u64 = 6 << 20;
const LATE_GROWTH: u64 = 1 << 20;

fn tasks() -> u64 {
    let wanted = env::var("MEMTRACE_FORKS").ok();
    wanted.map_or(TASKS, |text| text.parse().unwrap_or_else(|e| panic!("MEMTRACE_FORKS={text}: {e}")))
}

/// Asserts that the rows, the rest and the unattributed stalls add up to the exact totals.
fn sums_hold(summary: &Value) {
    for (field, total) in
        [("refaults_file", "file_pages"), ("refaults_anon", "anon_pages"), ("refault_events", "events")]
    {
        let total = number(summary, &format!("/refaults/{total}"));
        for table in ["processes", "cgroups"] {
            assert_eq!(refaults::sum(summary, table, field), total, "{field} of {table}");
        }
    }
    let kinds = summary["stalls"].as_object().expect("stalls by kind");
    for (of_row, of_kind) in [("stalls", "count"), ("total_ns", "total_ns")] {
        let total: u64 = kinds.values().map(|kind| number(kind, &format!("/{of_kind}"))).sum();
        let unattributed = number(summary, &format!("/unattributed/{of_kind}"));
        for table in ["processes", "cgroups"] {
            assert_eq!(refaults::sum(summary, table, of_row) + unattributed, total, "{of_row} of {table}");
        }
    }
}

/// Resident size at each tick, in bytes.
fn resident(run: &Run) -> Vec<u64> {
    run.of_type("tick").iter().map(|tick| number(tick, "/self/rss_bytes")).collect()
}

#[test]
fn a_storm_leaves_memory_flat_and_sums_whole() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let half = tasks() / 2;
    let storms = [(cgroup(LIMIT_MB), cold_file(FILE_MB)), (cgroup(LIMIT_MB), cold_file(FILE_MB))];
    let late = (cgroup(24), cold_file(64));
    let trace = scratch("trace");
    let trace = trace.0.to_str().expect("a name of our own").to_owned();
    let mut memtrace = Memtrace::start(&["-i", "500ms", "--record", &trace]);
    // One tick before the storm, as the reference.
    assert!(memtrace.wait_for_ticks(1));
    let forking = storms.each_ref().map(|(group, file)| {
        let mut load: Command = memload(group);
        begin(load.arg("forks").arg(&file.0).args([&FILE_MB.to_string(), &half.to_string()]))
    });
    for child in forking {
        let _ = end(child);
    }
    // Rows of exited processes are freed two ticks later. Then a new process must get a row.
    assert!(memtrace.wait_for_ticks(3));
    let mut after = memload(&late.0);
    let ended = end(begin(after.arg("mmapfile").arg(&late.1.0).args(["64", "--passes", "6"])));
    let run = memtrace.stop();
    if !reads_refaults(&run) {
        return;
    }

    let summary = run.summary();
    sums_hold(&summary);
    // There are more tasks than rows in any table: the rest must be reported.
    let rows = summary["processes"].as_array().expect("rows");
    let rest = rows.iter().find(|row| row["other"] == true).map_or(0, |row| number(row, "/refaults_file"));
    println!("{} rows; {rest} refaults in the rest", rows.len());
    assert!(rest > 0 || tasks() < 2 * rows.len() as u64, "{rest} refaults in the rest of {} rows", rows.len());
    for (group, _) in &storms {
        let (path, kernel) = (path_of(group.dir()), counted(group, FILE));
        let row = refaults::cgroup(&summary, &path).unwrap_or_else(|| panic!("no row of {path}"));
        let pages = number(row, "/refaults_file");
        println!("{half} tasks: {kernel} refaults in memory.stat, {pages} in memtrace, {} stalls", row["stalls"]);
        assert!(agree(pages, kernel), "{pages}, the kernel has {kernel}: {row}");
    }
    let kernel = counted(&late.0, FILE);
    let row = refaults::process(&summary, ended.pid).expect("room for a row after the storm");
    // The rest is not added here: the storm is over, and the tables have room again.
    assert!(agree(number(row, "/refaults_file"), kernel), "the kernel has {kernel}: {row}");

    let sizes = resident(&run);
    let (first, most) = (sizes[0], sizes.iter().copied().max().expect("ticks"));
    println!("resident {} KiB at first, {} KiB at most, of {} ticks", first >> 10, most >> 10, sizes.len());
    assert!(most - first < GROWTH, "it grew from {first} to {most} bytes: {sizes:?}");
    // By this tick the second half of the storm has begun, on a slow machine, too.
    let late = sizes[sizes.len() * 2 / 3];
    assert!(most.saturating_sub(late) < LATE_GROWTH, "it goes on growing: {sizes:?}");
    assert!(most < RESIDENT, "{most} bytes resident while recording");

    let recorded = refaults_recorded(Path::new(&trace));
    let reported: u64 = rows.iter().filter(|row| row["other"] != true).map(|row| number(row, "/refaults_file")).sum();
    println!("{recorded} refaults of processes in the trace, {reported} in rows, {rest} in the rest");
    assert!(recorded >= reported && recorded <= reported + rest, "{recorded} of {reported} and {rest}");
    let _ = std::fs::remove_file(trace);
}

/// File refaults of processes in the ticks of a trace, in pages.
fn refaults_recorded(trace: &Path) -> u64 {
    let mut reader = Reader::new(File::open(trace).expect("the trace"));
    let mut pages = 0;
    while let Some(item) = reader.next_item().expect("a trace") {
        match item {
            TraceItem::Tick(tick) => {
                pages += tick.input.faults.processes.iter().map(|row| row.faults.refaults.file_pages).sum::<u64>();
            }
            TraceItem::Damage(damage) => panic!("{damage:?}"),
            _ => {}
        }
    }
    pages
}
