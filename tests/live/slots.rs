//! Threads whose ids share a slot in the map of open spans: the stalls of both, compared with `perf record` of the same
//! events.

use std::{ffi::OsString, fs::OpenOptions};

use tests::{
    load::{alone, cgroup, cold_file, memload},
    memtrace::{MEMCG, Memtrace, may_trace, number, stalls_of_pid},
    perf::{have_perf, record},
    skip_here,
};

/// Last process id that the kernel gave out. The next process gets the id after it.
const LAST_PID: &str = "/proc/sys/kernel/ns_last_pid";

/// Runs the same load twice, with process ids that differ by a multiple of the number of slots. The owner of the slot
/// ends long before the other. Prints both ids.
const SCRIPT: &str = r#"
passes=$1; shift
begin() { echo $(($1 - 1)) > /proc/sys/kernel/ns_last_pid; shift; "$@" > /dev/null & }
begin 12000 "$@" --passes 2; first=$!
try=0
while :; do
    begin $((first + 4096)) "$@" --passes "$passes"; second=$!
    [ $(((second - first) % 4096)) -ne 0 ] || break
    kill $second
    try=$((try + 1)); [ $try -lt 50 ] || exit 3
done
wait
echo $first $second
"#;

#[test]
fn threads_of_one_place_keep_their_stalls_apart() {
    let _alone = alone();
    if !may_trace() || !have_perf() {
        return;
    }
    if OpenOptions::new().write(true).open(LAST_PID).is_err() {
        return skip_here("the ids of new processes cannot be chosen here (kernel.ns_last_pid)");
    }
    let (cgroup, file) = (cgroup(24), cold_file(64));
    let mut load = memload(&cgroup);
    load.arg("file").arg(&file.0).arg("64");
    let mut command: Vec<OsString> = ["sh", "-c", SCRIPT, "sh", "8"].map(OsString::from).into();
    command.push(load.get_program().to_owned());
    command.extend(load.get_args().map(ToOwned::to_owned));

    let memtrace = Memtrace::start(MEMCG);
    let (output, theirs) = record(&command);
    let run = memtrace.stop();
    let reported = String::from_utf8(output.stdout).expect("numbers");
    let pids: Vec<u32> = reported.split_whitespace().filter_map(|pid| pid.parse().ok()).collect();
    let [first, second] = pids[..] else { panic!("two ids: {reported}") };
    assert_eq!((first.abs_diff(second)) % 4096, 0, "{first} and {second}");

    let summary = run.summary();
    for pid in [first, second] {
        let count = theirs.iter().filter(|stall| stall.tid == pid).count() as u64;
        assert!(count > 20, "no storm: {count} stalls of {pid}");
        assert_eq!(stalls_of_pid(&summary, pid), count, "of {pid}");
    }
    for loss in ["inflight_full", "second_begin"] {
        assert_eq!(number(&summary, &format!("/loss/{loss}")), 0, "{loss}");
    }
}
