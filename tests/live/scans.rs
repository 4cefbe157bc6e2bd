//! Time that stalls spend in scans, compared with perf's record of the same events.

use tests::{
    load::{alone, cgroup, cold_file, memload, names, path_of},
    memtrace::{Memtrace, may_trace, number},
    perf::{anatomy::record_scans, have_perf, printing_its_pid, reported_pid},
};

#[test]
fn the_time_in_scans_is_perfs() {
    let _alone = alone();
    if !may_trace() || !have_perf() {
        return;
    }
    for ways in [&["--cgroup"][..], &["--classic", "--cgroup"]] {
        let (cgroup, file) = (cgroup(16), cold_file(64));
        let path = path_of(cgroup.dir());
        // The second load fills the cgroup with objects that shrinkers free, besides pages that scans free.
        let mut load = memload(&cgroup);
        load.arg("file").arg(&file.0).args(["64", "4"]);
        let names = names(&cgroup, 600_000);
        // One pass of the shrinkers frees many names, so the number of stalls differs tenfold from run to run.
        for (load, fewest) in [(load, 20), (names, 5)] {
            let memtrace = Memtrace::start(&[ways, &[path.as_str()]].concat());
            let (output, theirs) = record_scans(&printing_its_pid(&load));
            let run = memtrace.stop();
            let pid = reported_pid(&String::from_utf8_lossy(&output.stdout));

            let theirs = theirs.get(&pid).copied().unwrap_or_default();
            let ours = run.of_type("stall").into_iter().filter(|stall| stall["pid"] == pid).collect::<Vec<_>>();
            assert!(theirs.stalls >= fewest, "no storm: {theirs:?}");
            assert_eq!(ours.len() as u64, theirs.stalls);
            // perf and memtrace see each event one after the other. Interrupts may fall in between.
            let sum = |part: &str| ours.iter().map(|stall| number(stall, part)).sum::<u64>();
            let near = (theirs.scan_ns + theirs.rest_ns) / 20 + (theirs.stalls + 2 * theirs.shrinkers) * 3_000;
            for (part, want) in [("/parts/scan", theirs.scan_ns), ("/parts/rest", theirs.rest_ns)] {
                assert!(sum(part).abs_diff(want) <= near, "{part} {}, {theirs:?}", sum(part));
            }
            for stall in &ours {
                let reported =
                    ["scan", "shrinkers", "throttle", "rest"].map(|part| number(stall, &format!("/parts/{part}")));
                assert_eq!(reported.iter().sum::<u64>(), number(stall, "/dur_ns"), "{stall}");
                assert!(number(stall, "/scanned_pages") == 0 || reported[0] > 0, "{stall}");
            }
            let summary = run.summary();
            assert!(number(&summary, "/stalls/memcg/parts/scan") >= sum("/parts/scan"), "{summary}");
        }
    }
}
