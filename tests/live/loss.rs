//! Lost records are counted and the totals stay exact: a ring of one page under a storm, and a reader that sleeps.

use std::{
    io::Read as _,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tests::{
    ChildGuard, bin,
    load::{alone, cgroup, cold_file, flood, memload},
    memtrace::{MEMCG, Memtrace, PATIENCE, Run, may_trace, number, stalls_of_pid, wait_within},
    perf::{Counted, count, have_perf, printing_its_pid, reported_pid},
};

/// Number of attempts. A run is repeated if another process stalled as well.
const TRIES: u32 = 3;

/// True if no other process stalled, according to the counters and the rows.
fn is_quiet(counted: &Counted, summary: &Value, pid: u32) -> bool {
    let rows = summary["processes"].as_array().map_or(0, Vec::len);
    counted.own == counted.all && rows == usize::from(stalls_of_pid(summary, pid) > 0)
}

fn memcg_count(summary: &Value) -> u64 {
    number(summary, "/stalls/memcg/count")
}

/// Sum of a field over all kinds of stall.
fn sum_of_kinds(summary: &Value, field: &str) -> u64 {
    let kinds = summary["stalls"].as_object().into_iter().flatten();
    kinds.map(|(_, kind)| number(kind, field)).sum()
}

/// Asserts that reported and lost stalls add up to the exact total.
fn seen_and_lost_add_up(run: &Run, summary: &Value) {
    let seen = run.of_type("stall").len() as u64;
    let (ring, output) = (number(summary, "/loss/ring_stall"), number(summary, "/loss/output"));
    let unattributed = number(summary, "/unattributed/count");
    let reported: u64 = summary["processes"].as_array().into_iter().flatten().map(|row| number(row, "/stalls")).sum();
    assert_eq!(reported + unattributed, sum_of_kinds(summary, "/count"));
    assert_eq!(output, 0, "nobody was slow to read");
    assert_eq!(seen, reported);
    // A stall of another process that ends between the last drain of the ring and the read of the totals was not lost.
    let foreign = summary["processes"].as_array().is_some_and(|rows| rows.len() > 1);
    assert!(unattributed == ring || (foreign && unattributed > ring), "ring_stall {ring}, unattributed {unattributed}");
}

#[test]
fn a_ring_of_one_page_loses_only_what_is_counted() {
    let _alone = alone();
    let group = match may_trace() && have_perf() {
        true => cgroup(32),
        false => return,
    };
    for attempt in 1..=TRIES {
        let memtrace = Memtrace::start(&["--ring-pages", "1"]);
        // memtrace is stopped for half of the storm, so that one page overflows on any machine, however fast.
        memtrace.signal(Signal::STOP);
        let flood = flood(&group, 20_000);
        let pid = Pid::from_raw(memtrace.pid().cast_signed()).expect("a pid");
        let waker = thread::spawn(move || {
            thread::sleep(Duration::from_millis(250));
            kill_process(pid, Signal::CONT)
        });
        let counted = count(&printing_its_pid(&flood.command));
        waker.join().expect("the waker").expect("it runs");
        let run = memtrace.stop();
        let summary = run.summary();
        let pid = reported_pid(&counted.stdout);
        seen_and_lost_add_up(&run, &summary);
        assert!(number(&summary, "/loss/ring_stall") > 100, "the storm was to overflow one page: {}", summary["loss"]);
        assert!(stalls_of_pid(&summary, pid) > 0);
        assert!(memcg_count(&summary) >= counted.own);
        if is_quiet(&counted, &summary, pid) {
            assert_eq!(memcg_count(&summary), counted.own);
            assert_eq!(number(&summary, "/unattributed/count"), number(&summary, "/loss/ring_stall"));
            // Nothing was lost before the ring.
            for stage in ["inflight_full", "second_begin", "end_without_begin", "lost_end", "decode"] {
                assert_eq!(number(&summary, &format!("/loss/{stage}")), 0, "{stage}");
            }
            return;
        }
        println!("attempt {attempt}: somebody else stalled, {counted:?}");
    }
}

#[test]
fn a_reader_that_sleeps_loses_lines_and_no_totals() {
    let _alone = alone();
    let group = match may_trace() && have_perf() {
        true => cgroup(32),
        false => return,
    };
    let mut command = Command::new(bin("memtrace"));
    command.arg("--json").args(MEMCG).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = ChildGuard::spawn(&mut command);
    let mut stdout = child.0.stdout.take().expect("it is piped");
    let mut raw = vec![0];
    stdout.read_exact(&mut raw).expect("the first byte, once it is attached");
    let flood = flood(&group, 30_000);
    // Nobody reads now. The pipe takes 64 KB, the buffer 64 KB and the queue 8192 items; the rest is lost.
    let (mut pids, mut own) = (Vec::new(), 0);
    for _ in 0..10 {
        let counted = count(&printing_its_pid(&flood.command));
        pids.push(reported_pid(&counted.stdout));
        own += counted.own;
        // A busy machine needs several rounds.
        if own > 20_000 {
            break;
        }
    }
    let reader = thread::spawn(move || stdout.read_to_end(&mut raw).map(|_| raw));
    kill_process(Pid::from_child(&child.0), Signal::TERM).expect("it runs");
    let status = wait_within(&mut child, PATIENCE).expect("memtrace ends");
    let raw = reader.join().expect("the reader").expect("stdout");
    let raw = raw.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
    let run = Run { status, raw, stderr: String::new() };

    let summary = run.summary();
    let (lost, lines) = (number(&summary, "/loss/output"), run.of_type("stall").len() as u64);
    assert!(lost > 0, "the reader was to be too slow: {own} stalls");
    // The tables also count the stalls whose lines were lost.
    let in_ring = number(&summary, "/loss/ring_stall");
    let reported: u64 = pids.iter().map(|&pid| stalls_of_pid(&summary, pid)).sum();
    // Records that the ring lost may belong to any process.
    assert!((own.saturating_sub(in_ring)..=own).contains(&reported), "{reported} of {own}: {}", summary["loss"]);
    assert!(memcg_count(&summary) >= own);
    let (ticks, all) = (run.of_type("tick").len() as u64, sum_of_kinds(&summary, "/count"));
    assert!(lines <= all && lines + ticks + lost >= all - in_ring, "{lines} lines of {all}: {}", summary["loss"]);
}

#[test]
fn a_reader_that_never_reads_cannot_keep_memtrace() {
    let _alone = alone();
    let group = match may_trace() {
        true => cgroup(24),
        false => return,
    };
    let mut command = Command::new(bin("memtrace"));
    command.arg("--json").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = ChildGuard::spawn(&mut command);
    let mut stdout = child.0.stdout.take().expect("it is piped");
    stdout.read_exact(&mut [0]).expect("the first byte, once it is attached");
    let file = cold_file(64);
    // The load writes more than the pipe holds, so the output gets stuck in the middle of a line.
    let load = memload(&group).arg("mmapfile").arg(&file.0).args(["64", "--passes", "3"]).output().expect("memload");
    assert!(load.status.success());
    kill_process(Pid::from_child(&child.0), Signal::TERM).expect("it runs");
    let status = wait_within(&mut child, PATIENCE).expect("memtrace ends");
    let mut said = String::new();
    child.0.stderr.take().expect("it is piped").read_to_string(&mut said).expect("text");
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("writing to stdout"), "{said}");
    drop(stdout);
}
