//! Off-CPU time of stalled tasks, measured and estimated, compared with perf's record of the context switches.

#![expect(clippy::expect_used, reason = "a test that cannot read its witness has failed")]

use std::{fs, process::Command};

use tests::{
    load::{alone, cgroup, cold_file, memload},
    memtrace::{Memtrace, Run, may_trace, number, stalls_of_pid},
    perf::{
        anatomy::{PerfOffCpu, record_off_cpu},
        have_perf, printing_its_pid, reported_pid,
    },
};

/// Runs a load on one CPU beside `others` busy loops, so that it is preempted inside stalls. Returns memtrace's run,
/// the pid of the load, and its stalls as perf saw them.
fn on_a_shared_cpu(args: &[&str], others: u32, passes: &str) -> (Run, u32, Vec<PerfOffCpu>) {
    let (cgroup, file) = (cgroup(24), cold_file(64));
    let mut load = memload(&cgroup);
    load.arg("file").arg(&file.0).args(["64", "--passes", passes]);
    let spin = "while :; do :; done & spinners=\"$spinners $!\"; ".repeat(others as usize);
    let script = format!("{spin} echo $$; trap 'kill $spinners' EXIT; \"$@\"");
    let mut shared = Command::new("taskset");
    shared.args(["-c", "0", "sh", "-c", &script, "sh"]).args(printing_its_pid(&load));
    let memtrace = Memtrace::start(args);
    let command: Vec<_> = [shared.get_program()].into_iter().chain(shared.get_args()).map(Into::into).collect();
    let (output, mut theirs) = record_off_cpu(&command);
    let run = memtrace.stop();
    let reported = String::from_utf8_lossy(&output.stdout).into_owned();
    // The first line is the pid of the shell.
    let pid = reported_pid(reported.split_once('\n').map_or("", |(_, load)| load));
    (run, pid, theirs.remove(&pid).unwrap_or_default())
}

#[test]
fn the_time_is_perfs() {
    let _alone = alone();
    if !may_trace() || !have_perf() {
        return;
    }
    for ways in [&["--off-cpu", "--kind", "memcg"][..], &["--off-cpu", "--classic", "--kind", "memcg"]] {
        measured(ways);
    }
}

fn measured(args: &[&str]) {
    let before_ns = stolen_ns();
    let (run, pid, theirs) = on_a_shared_cpu(args, 1, "40");
    // memtrace and perf read the clock one after the other. Time stolen by the hypervisor in between makes them differ.
    let stolen_ns = stolen_ns() - before_ns;
    let summary = run.summary();
    let sum = |of: fn(&PerfOffCpu) -> u64| theirs.iter().map(of).sum::<u64>();
    let (count, total_ns, their_ns) = (theirs.len() as u64, sum(|stall| stall.dur_ns), sum(|stall| stall.off_cpu_ns));
    assert!(count > 50 && their_ns > 1_000_000, "never off CPU: {count} stalls, {their_ns} ns");
    assert_eq!(stalls_of_pid(&summary, pid), count);
    let stalls = run.of_type("stall");
    let ours = stalls.iter().filter(|stall| stall["pid"] == pid);
    let (dur_ns, off_cpu_ns) = ours.fold((0, 0), |sum, stall| {
        let (dur_ns, off_cpu_ns) = (number(stall, "/dur_ns"), number(stall, "/off_cpu_ns"));
        assert!(off_cpu_ns <= dur_ns && stall["off_cpu_estimated_ns"].is_null(), "{stall}");
        (sum.0 + dur_ns, sum.1 + off_cpu_ns)
    });
    let unseen_ns = sum(|stall| stall.unseen_ns);
    println!(
        "{off_cpu_ns} of {dur_ns} ns off CPU; by perf {their_ns} of {total_ns} ns, and {unseen_ns} ns it cannot say; \
         {stolen_ns} ns stolen"
    );
    let near = |a: u64, b: u64, unseen: u64| {
        let inexact = b / 50 + count * 2000 + stolen_ns;
        (b.saturating_sub(inexact)..=b + unseen + inexact).contains(&a)
    };
    assert!(near(off_cpu_ns, their_ns, unseen_ns) && near(dur_ns, total_ns, 0));
    // The totals cover all tasks. No other task is at a limit, so they equal those of the load.
    assert_eq!(
        number(&summary, "/stalls/memcg/off_cpu_ns"),
        stalls.iter().map(|s| number(s, "/off_cpu_ns")).sum::<u64>()
    );
    assert!(number(&summary, "/stalls/memcg/p99_off_cpu_ns") > 0, "{summary}");
}

/// Minimum length of a stall with an estimate, in ns.
const LONG_NS: u64 = 20_000_000;
/// Longest scheduler tick (100 Hz), in ns: the maximum error at either end of a stall.
const TICK_NS: u64 = 10_000_000;

/// Steal time of the load's CPU since boot, in ns (`/proc/stat`). The scheduler does not count it as run time of the
/// task, and no context switch shows it.
fn stolen_ns() -> u64 {
    let stat = fs::read_to_string("/proc/stat").expect("/proc/stat");
    let line = stat.lines().find(|line| line.starts_with("cpu0 ")).expect("a line of CPU 0");
    let ticks: u64 = line.split_whitespace().nth(8).and_then(|steal| steal.parse().ok()).expect("a number");
    ticks * 1_000_000_000 / rustix::param::clock_ticks_per_second()
}

#[test]
fn long_stalls_have_an_estimate_without_the_option() {
    let _alone = alone();
    if !may_trace() || !have_perf() {
        return;
    }
    let stolen_ns = stolen_ns();
    let (run, pid, theirs) = on_a_shared_cpu(&["--kind", "memcg"], 12, "200");
    let stolen_ns = self::stolen_ns() - stolen_ns;
    let stalls = run.of_type("stall");
    let ours: Vec<_> = stalls.iter().filter(|stall| stall["pid"] == pid).collect();
    assert_eq!(ours.len(), theirs.len());
    let (mut long, mut beyond_ns) = (0, 0);
    for (ours, theirs) in ours.iter().zip(&theirs) {
        let dur_ns = number(ours, "/dur_ns");
        assert!(ours["off_cpu_ns"].is_null(), "{ours}");
        if dur_ns < LONG_NS {
            assert!(ours["off_cpu_estimated_ns"].is_null(), "{ours}");
            continue;
        }
        let estimated_ns = number(ours, "/off_cpu_estimated_ns");
        println!("{estimated_ns} of {dur_ns} ns off CPU estimated; by perf {theirs:?}");
        assert!(estimated_ns <= dur_ns, "{ours}");
        assert!(estimated_ns + TICK_NS >= theirs.off_cpu_ns, "{ours} {theirs:?}");
        beyond_ns += estimated_ns.saturating_sub(theirs.off_cpu_ns + theirs.unseen_ns + TICK_NS);
        long += u32::from(theirs.unseen_ns == 0);
    }
    println!("{beyond_ns} ns more than perf can explain; the hypervisor took {stolen_ns} ns");
    // Steal time is rounded to a tick.
    assert!(beyond_ns <= stolen_ns + TICK_NS, "{beyond_ns} ns, stolen {stolen_ns} ns");
    assert!(long > 0, "of {} stalls none was long and seen as a whole by perf", theirs.len());
}

#[test]
fn nothing_is_measured_without_the_option() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    // Nothing is measured either if the hook is not attached.
    for args in [&[][..], &["--off-cpu", "--without", "sched_switch"]] {
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
