//! Reasons for which reclaim throttles a task, compared with perf's record of the same events.

use std::ffi::OsString;

use tests::{
    cgroup::Version,
    load::{alone, cgroup, path_of},
    memtrace::{Memtrace, may_trace, number},
    perf::{anatomy::record_throttles, have_perf, scratch},
    skip_here,
};

/// Script that dirties the page cache of a small cgroup faster than the disk can write it.
const DIRTY: &str = "echo $$ > $1/cgroup.procs; dd if=/dev/zero of=$2 bs=1M count=256 2> /dev/null";

#[test]
fn the_reasons_of_throttles_are_perfs() {
    let _alone = alone();
    if !may_trace() || !have_perf() {
        return;
    }
    for ways in [&["--cgroup"][..], &["--classic", "--cgroup"]] {
        let (cgroup, file) = (cgroup(24), scratch("dirty"));
        if cgroup.version() != Version::V1 {
            return skip_here("only a v1 cgroup is throttled for its dirty pages in reclaim");
        }
        let path = path_of(cgroup.dir());
        let mut load: Vec<OsString> = ["sh", "-c", DIRTY, "sh"].map(OsString::from).into();
        load.extend([cgroup.dir().as_os_str().to_owned(), file.0.clone().into_os_string()]);
        let memtrace = Memtrace::start(&[ways, &[path.as_str()]].concat());
        let theirs = record_throttles(&load);
        let run = memtrace.stop();
        let summary = run.summary();

        let writeback_ns = theirs.get("dd", "WRITEBACK");
        assert!(writeback_ns > 0, "not throttled: {theirs:?}");
        for reason in ["writeback", "isolated", "noprogress", "congested"] {
            let want = theirs.get("dd", &reason.to_uppercase());
            assert_eq!(number(&summary, &format!("/stalls/memcg/throttles/{reason}")), want, "{reason}");
            let stalls = run.of_type("stall");
            let reported: u64 = stalls.iter().map(|stall| number(stall, &format!("/throttles/{reason}"))).sum();
            assert_eq!(reported, want, "{reason}, stall by stall");
        }
        let slowest = number(&summary, "/stalls/memcg/p99_throttles/writeback");
        assert!(slowest > 0 && slowest <= writeback_ns, "{slowest} of {writeback_ns}");
    }
}
