//! The time in which stalled tasks do not run against perf's record of the context switches.

use std::process::Command;

use tests::{
    load::{alone, cgroup, cold_file, memload},
    memtrace::{Memtrace, may_trace, number, stalls_of_pid},
    perf::{have_perf, record_off_cpu, telling_its_pid, told_pid},
};

#[test]
fn the_time_off_cpu_is_perfs() {
    let _alone = alone();
    if !may_trace() || !have_perf() {
        return;
    }
    let (cgroup, file) = (cgroup(24), cold_file(64));
    let mut load = memload(&cgroup);
    load.arg("file").arg(&file.0).args(["64", "--passes", "20"]);
    // On one CPU with somebody who never sleeps, it is taken off in the middle of its stalls.
    let mut shared = Command::new("taskset");
    shared.args(["-c", "0", "sh", "-c", "while :; do :; done & echo $$; trap 'kill $!' EXIT; \"$@\"", "sh"]);
    shared.args(telling_its_pid(&load));
    let memtrace = Memtrace::start(&["--off-cpu", "--kind", "memcg"]);
    let command: Vec<_> = [shared.get_program()].into_iter().chain(shared.get_args()).map(Into::into).collect();
    let (output, theirs) = record_off_cpu(&command);
    let run = memtrace.stop();
    let summary = run.summary();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let pid = told_pid(told.split_once('\n').expect("two lines").1);

    let theirs = theirs.get(&pid).copied().unwrap_or_default();
    assert!(theirs.stalls > 50 && theirs.off_cpu_ns > 1_000_000, "never off CPU: {theirs:?} {told}");
    assert_eq!(stalls_of_pid(&summary, pid), theirs.stalls);
    let stalls = run.of_type("stall");
    let ours = stalls.iter().filter(|stall| stall["pid"] == pid);
    let (dur_ns, off_cpu_ns) = ours.fold((0, 0), |sum, stall| {
        let (dur_ns, off_cpu_ns) = (number(stall, "/dur_ns"), number(stall, "/off_cpu_ns"));
        assert!(off_cpu_ns <= dur_ns, "{stall}");
        (sum.0 + dur_ns, sum.1 + off_cpu_ns)
    });
    let near = |a: u64, b: u64| a.abs_diff(b) <= b / 50 + theirs.stalls * 2000;
    assert!(near(off_cpu_ns, theirs.off_cpu_ns) && near(dur_ns, theirs.total_ns), "{dur_ns} {off_cpu_ns} {theirs:?}");
    // The totals are those of all; with nobody else at a limit they are the load's.
    assert_eq!(
        number(&summary, "/stalls/memcg/off_cpu_ns"),
        stalls.iter().map(|s| number(s, "/off_cpu_ns")).sum::<u64>()
    );
    assert!(number(&summary, "/stalls/memcg/p99_off_cpu_ns") > 0, "{summary}");
}

#[test]
fn without_being_asked_it_is_not_measured() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    // Nor where the hook cannot be attached.
    for args in [&[][..], &["--off-cpu", "--classic"]] {
        let (cgroup, file) = (cgroup(24), cold_file(48));
        let memtrace = Memtrace::start(args);
        let mut load = memload(&cgroup);
        load.arg("file").arg(&file.0).args(["48", "--passes", "2"]);
        assert!(load.output().expect("memload").status.success());
        let run = memtrace.stop();
        let (stalls, summary) = (run.of_type("stall"), run.summary());
        assert!(!stalls.is_empty() && stalls.iter().all(|stall| stall["off_cpu_ns"].is_null()), "{stalls:?}");
        assert!(summary["stalls"]["memcg"]["off_cpu_ns"].is_null(), "{summary}");
    }
}
