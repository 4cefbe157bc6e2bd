//! Stalls of a memory cgroup at its limit, one by one, against `perf record` of the same events.

#![expect(clippy::expect_used, reason = "a test that cannot read the summary has failed")]

use std::{collections::BTreeSet, process::Command};

use serde_json::Value;
use tests::{
    MemCgroup,
    load::{alone, cgroup, cold_file, memload, path_of},
    memtrace::{Memtrace, Run, may_trace, number, stalls_of_cgroup, stalls_of_pid},
    perf::{PerfStall, have_perf, printing_its_pid, record, reported_pid},
};

/// A load as memtrace and perf saw it: its pid, the run of memtrace, and its stalls by memtrace and by perf.
struct Seen {
    pid: u32,
    run: Run,
    ours: Vec<Value>,
    theirs: Vec<PerfStall>,
}

/// Number of stalls of other processes from which on a run is repeated.
const FOREIGN: usize = 2000;

/// Runs the load under both tracers. Repeats that, twice at most, while other processes flood the machine with stalls.
fn watch(load: &Command) -> Seen {
    let mut seen = watch_once(load);
    for _ in 0..2 {
        if seen.run.of_type("stall").len() - seen.ours.len() < FOREIGN {
            break;
        }
        seen = watch_once(load);
    }
    seen
}

/// Runs the load under both tracers once. memtrace starts before perf and ends after it.
fn watch_once(load: &Command) -> Seen {
    let memtrace = Memtrace::start(&[]);
    let (output, mut theirs) = record(&printing_its_pid(load));
    let run = memtrace.stop();
    let pid = reported_pid(&String::from_utf8_lossy(&output.stdout));
    theirs.retain(|stall| stall.tid == pid);
    let mut ours = run.of_type("stall");
    ours.retain(|stall| stall["pid"] == pid && stall["kind"] == "memcg");
    Seen { pid, run, ours, theirs }
}

fn median(mut all: Vec<u64>) -> u64 {
    all.sort_unstable();
    all[all.len() / 2]
}

fn words(gfp: &str) -> BTreeSet<&str> {
    gfp.split('|').collect()
}

/// Asserts all that must hold for a load of one thread in this cgroup.
fn check(seen: &Seen, cgroup: &MemCgroup) {
    let Seen { pid, run, ours, theirs } = seen;
    let path = path_of(cgroup.dir());
    assert!(theirs.len() > 20, "no storm: {} stalls", theirs.len());
    assert_eq!(ours.len(), theirs.len());
    for (our, their) in ours.iter().zip(theirs) {
        assert_eq!((&our["kind"], &our["tid"], &our["comm"]), (&"memcg".into(), &(*pid).into(), &"memload".into()));
        assert_eq!(our["cgroup"], path.as_str(), "{our}");
        assert_eq!(our["order"], their.order, "{our} {their:?}");
        assert_eq!(words(our["gfp"].as_str().unwrap_or_default()), words(&their.gfp), "{our}");
        // Both read the same clock at the same event, one after the other. Either may be interrupted there by a busy
        // neighbour.
        assert!(number(our, "/t_ns").abs_diff(their.t_ns) < 50_000_000, "{our} {their:?}");
        let (scanned, reclaimed) = (number(our, "/scanned_pages"), number(our, "/reclaimed_pages"));
        assert!(scanned > 0 || reclaimed == 0, "{our}");
    }
    let our_median = median(ours.iter().map(|stall| number(stall, "/dur_ns")).collect());
    let their_median = median(theirs.iter().map(|stall| stall.dur_ns).collect());
    assert!(our_median.abs_diff(their_median) < 5000, "medians {our_median} and {their_median} ns");

    let summary = run.summary();
    // perf watched one kind. The tables have all kinds, for example compaction on a host with fragmented memory.
    let count = run.of_type("stall").iter().filter(|stall| stall["pid"] == *pid).count() as u64;
    assert_eq!(stalls_of_pid(&summary, *pid), count);
    assert_eq!(stalls_of_cgroup(&summary, &path), count);
    sums_hold(&summary, run);
}

/// Asserts that exact totals, single stalls and both tables agree, whatever other processes stalled meanwhile.
fn sums_hold(summary: &Value, run: &Run) {
    assert_eq!(number(summary, "/loss/ring_stall"), 0);
    assert_eq!(number(summary, "/loss/output"), 0);
    let kinds = summary["stalls"].as_object().expect("stalls by kind");
    let sum = |field: &str| kinds.values().map(|kind| number(kind, field)).sum::<u64>();
    // A stall of another process that ends between the last drain of the ring and the read of the totals is only in the
    // totals.
    let late = number(summary, "/unattributed/count");
    assert!(late == 0 || summary["processes"].as_array().is_some_and(|rows| rows.len() > 1), "{late} unattributed");
    let lines = run.of_type("stall");
    assert_eq!(sum("/count"), lines.len() as u64 + late);
    let reported_ns: u64 = lines.iter().map(|stall| number(stall, "/dur_ns")).sum();
    assert_eq!(sum("/total_ns"), reported_ns + number(summary, "/unattributed/total_ns"));
    for table in ["processes", "cgroups"] {
        let rows = summary[table].as_array().expect("rows");
        assert_eq!(rows.iter().map(|row| number(row, "/stalls")).sum::<u64>(), lines.len() as u64, "{table}");
        assert_eq!(rows.iter().map(|row| number(row, "/total_ns")).sum::<u64>(), reported_ns, "{table}");
    }
    let ticks = run.of_type("tick");
    let ticked: u64 = ticks.iter().map(|tick| number(tick, "/all/count")).sum();
    assert_eq!(ticked, sum("/count"), "the ticks add up to the summary");
}

#[test]
fn each_stall_of_a_reader_is_perfs() {
    let _alone = alone();
    if !may_trace() || !have_perf() {
        return;
    }
    let (cgroup, file) = (cgroup(24), cold_file(64));
    let mut load = memload(&cgroup);
    load.arg("file").arg(&file.0).args(["64", "--passes", "6"]);
    check(&watch(&load), &cgroup);
}

#[test]
fn each_stall_of_a_mapping_is_perfs() {
    let _alone = alone();
    if !may_trace() || !have_perf() {
        return;
    }
    let (cgroup, file) = (cgroup(24), cold_file(64));
    let mut load = memload(&cgroup);
    load.arg("mmapfile").arg(&file.0).args(["64", "--passes", "3"]);
    check(&watch(&load), &cgroup);
}
