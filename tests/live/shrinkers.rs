//! Shrinkers in stalls, compared with perf, live and in a recording.

#![expect(clippy::expect_used, reason = "a test that cannot read the summary has failed")]

use std::process::Command;

use serde_json::Value;
use tests::{
    bin,
    load::{alone, cgroup, names, path_of},
    memtrace::{Memtrace, may_trace, number},
    perf::{anatomy::record_shrinkers, have_perf, printing_its_pid, reported_pid, scratch},
};

/// The shrinkers of the memcg stalls of a summary: name and time.
fn shrinkers(summary: &Value, which: &str) -> Vec<(String, u64)> {
    let rows = summary["stalls"]["memcg"][which].as_array().expect("shrinkers");
    rows.iter().map(|row| (row["name"].as_str().expect("a name").to_owned(), number(row, "/total_ns"))).collect()
}

#[test]
fn the_time_in_a_shrinker_is_perfs() {
    let _alone = alone();
    if !may_trace() || !have_perf() {
        return;
    }
    for ways in [&["--cgroup"][..], &["--classic", "--cgroup"]] {
        let cgroup = cgroup(16);
        let path = path_of(cgroup.dir());
        let load = names(&cgroup, 300_000);
        let memtrace = Memtrace::start(&[ways, &[path.as_str()]].concat());
        let (output, theirs) = record_shrinkers(&printing_its_pid(&load));
        let summary = memtrace.stop().summary();
        let pid = reported_pid(&String::from_utf8_lossy(&output.stdout));

        let theirs = theirs.get(&(pid, "super_cache_scan".to_owned())).copied().unwrap_or_default();
        assert!(theirs.calls > 20, "no storm: {theirs:?}");
        let ours = shrinkers(&summary, "shrinkers");
        let all = number(&summary, "/stalls/memcg/parts/shrinkers");
        // Nobody else reclaims, so the sums of the host are those of the load. perf and memtrace see each call one
        // after the other. Interrupts may fall in between.
        assert_eq!(ours[0].0, "super_cache_scan", "{ours:?}");
        let apart = ours[0].1.abs_diff(theirs.total_ns);
        assert!(apart <= theirs.total_ns / 20 + theirs.calls * 5_000, "{ours:?} {theirs:?} {summary}");
        assert!(ours.iter().map(|(_, ns)| ns).sum::<u64>() <= all, "{ours:?} of {all}");
        let slowest = shrinkers(&summary, "p99_shrinkers");
        assert_eq!(slowest[0].0, "super_cache_scan", "{slowest:?}");
        assert!(slowest[0].1 <= number(&summary, "/stalls/memcg/p99_parts/shrinkers"), "{summary}");
        assert_eq!(number(&summary, "/loss/shrinker"), 0);
    }
}

#[test]
fn a_recording_holds_the_shrinkers_with_their_names() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let (cgroup, trace) = (cgroup(16), scratch("shrinkers.mtrc"));
    let load = names(&cgroup, 300_000);
    let mut record = Command::new(bin("memtrace"));
    record.args(["record", "-o"]).arg(&trace.0).arg("--").arg(load.get_program()).args(load.get_args());
    let out = record.output().expect("memtrace record");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let report = |args: &[&str]| {
        let out =
            Command::new(bin("memtrace")).arg("report").args(args).arg(&trace.0).output().expect("memtrace report");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    let json = report(&["--json"]);
    let summary: Value = serde_json::from_str(json.lines().last().expect("a summary")).expect("JSON");
    let (all, slowest) = (shrinkers(&summary, "shrinkers"), shrinkers(&summary, "p99_shrinkers"));
    assert_eq!((all[0].0.as_str(), slowest[0].0.as_str()), ("super_cache_scan", "super_cache_scan"));
    let text = report(&[]);
    let line = text.lines().find(|line| line.contains("memcg time:")).expect("what the time was spent on");
    assert!(line.contains("(super_cache_scan "), "{line}");
}
