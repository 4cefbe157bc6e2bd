//! Exactness under stress: a memtrace that is stopped for seconds, two at once, cgroups that come and go.

#![expect(clippy::expect_used, reason = "a test that cannot read the summary has failed")]

use std::{
    collections::BTreeMap,
    fs::File,
    path::Path,
    process::Child,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rustix::{
    fs::{Advice, fadvise},
    process::{Pid, Signal, kill_process},
};
use serde_json::Value;
use tests::{
    MemCgroup,
    load::{alone, cgroup, cold_file, flood, memload, path_of},
    memtrace::{Memtrace, may_trace, number, stalls_of_cgroup},
    perf::{count, have_perf, printing_its_pid, reported_pid},
    refaults::{self, FILE, agree, agree_with_rest, begin, counted, end, reads_refaults, rest},
};

/// xorshift64 with a new seed for each run. The seed is printed, for a test that fails.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_nanos());
        let seed = u64::try_from(now).unwrap_or(1) | 1;
        println!("seed {seed}");
        Self(seed)
    }

    /// A random time between two bounds in ms.
    fn millis(&mut self, low: u64, high: u64) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_millis(low + self.0 % (high - low))
    }
}

/// Stops and continues a process at random until `over` is set. Returns the number of stops and their total time.
fn stop_and_go(pid: Pid, over: &AtomicBool) -> (u32, Duration) {
    let (mut random, mut stops, mut stopped) = (Random::new(), 0, Duration::ZERO);
    while !over.load(Ordering::Relaxed) {
        thread::sleep(random.millis(20, 400));
        kill_process(pid, Signal::STOP).expect("it runs");
        let start = Instant::now();
        thread::sleep(random.millis(100, 2000));
        kill_process(pid, Signal::CONT).expect("it is there");
        stopped += start.elapsed();
        stops += 1;
    }
    (stops, stopped)
}

/// Starts a page-cache load.
fn reader(group: &MemCgroup, file: &Path, args: &[&str]) -> Child {
    begin(memload(group).arg("mmapfile").arg(file).args(args))
}

#[test]
fn a_tracer_stopped_at_random_loses_no_total() {
    let _alone = alone();
    if !may_trace() || !have_perf() {
        return;
    }
    let (flooded, cached, file) = (cgroup(32), cgroup(24), cold_file(64));
    // No lines of single stalls: they would overflow the output queue, and ticks would be lost with them
    // (`loss.output`).
    let memtrace = Memtrace::start(&["-i", "200ms", "--min-stall", "1h"]);
    let pid = Pid::from_raw(memtrace.pid().cast_signed()).expect("a pid");
    let over = AtomicBool::new(false);
    let (counted_stalls, (stops, stopped)) = thread::scope(|scope| {
        let stopper = scope.spawn(|| stop_and_go(pid, &over));
        let reading = reader(&cached, &file.0, &["64", "5"]);
        let counted = count(&printing_its_pid(&flood(&flooded, 250_000).command));
        let _ = end(reading);
        over.store(true, Ordering::Relaxed);
        (counted, stopper.join().expect("the stopper"))
    });
    let run = memtrace.stop();
    let summary = run.summary();

    // The totals are exact. They are at least what perf saw during the flood: the reader and others ran before and
    // after.
    let kinds = summary["stalls"].as_object().expect("stalls by kind");
    let total: u64 = kinds.values().map(|kind| number(kind, "/count")).sum();
    let memcg = number(&summary, "/stalls/memcg/count");
    assert!(memcg >= counted_stalls.all.max(counted_stalls.own), "{memcg} of {counted_stalls:?}");
    // Reported and unattributed stalls add up to the total, and the ledger of loss has the unattributed ones.
    let reported = refaults::sum(&summary, "processes", "stalls");
    let (unattributed, lost) = (number(&summary, "/unattributed/count"), number(&summary, "/loss/ring_stall"));
    println!(
        "{stops} stops of {stopped:?}; perf {} own, {} in all; memtrace {memcg}: reported {reported}, lost {lost}",
        counted_stalls.own, counted_stalls.all
    );
    assert!(stops >= 2 && counted_stalls.own > 20_000, "no storm: {stops} stops, {counted_stalls:?}");
    assert_eq!(reported + unattributed, total);
    // The only others ended between the last drain of the ring and the read of the totals.
    assert!(unattributed >= lost && unattributed - lost <= total / 100 + 16, "{unattributed} in no row, {lost} lost");
    // The row of the flood has all of its stalls but the lost ones.
    let row = refaults::process(&summary, reported_pid(&counted_stalls.stdout)).map_or(0, |row| number(row, "/stalls"));
    let folded = rest(&summary, "processes", "stalls");
    assert!(row <= counted_stalls.own, "{row} of {counted_stalls:?}");
    assert!(row + lost + folded >= counted_stalls.own, "{row}, {lost} lost, {folded} folded of {counted_stalls:?}");
    assert_eq!(number(&summary, "/loss/output"), 0);
    let ticked: u64 = run.of_type("tick").iter().map(|tick| number(tick, "/all/count")).sum();
    assert_eq!(ticked, total, "the ticks, long ones after a stop, add up to the summary");
    let ticks = run.of_type("tick");
    let passed_ns: u64 = ticks.iter().map(|tick| number(tick, "/all/stalled_ns")).sum();
    let open_ns = ticks.last().map_or(0, |tick| number(tick, "/all/open_ns"));
    let total_ns: u64 = kinds.values().map(|kind| number(kind, "/total_ns")).sum();
    assert_eq!(passed_ns, total_ns + open_ns, "no stalled time is in two intervals, or in none");

    // Refaults are counted in the kernel: none can be lost.
    if !reads_refaults(&run) {
        return;
    }
    let kernel = counted(&cached, FILE);
    let row = refaults::cgroup(&summary, &path_of(cached.dir())).expect("a row of the reader's cgroup");
    let pages = number(row, "/refaults_file");
    println!("{kernel} refaults in memory.stat, {pages} in memtrace");
    assert!(kernel > 20_000 && agree(pages, kernel), "{pages}, the kernel has {kernel}: {row}");
    refaults::coverage_holds(&summary);
    let all = number(&summary, "/refaults/file_pages");
    assert_eq!(refaults::sum(&summary, "processes", "refaults_file"), all);
    let ticked: u64 = run.of_type("tick").iter().map(|tick| number(tick, "/refaults/file_pages")).sum();
    assert_eq!(ticked, all, "the ticks add up to the summary");
}

#[test]
fn two_tracers_at_once_agree_on_refaults() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let (group, file) = (cgroup(24), cold_file(64));
    // The two have different ticks and must have the same counts.
    let (one, other) = (Memtrace::start(&["-i", "150ms"]), Memtrace::start(&[]));
    let ended = end(reader(&group, &file.0, &["64", "--passes", "6"]));
    let (one, other) = (one.stop(), other.stop());
    if !reads_refaults(&one) || !reads_refaults(&other) {
        return;
    }
    let path = path_of(group.dir());
    let counts = [one, other].map(|run| {
        let summary = run.summary();
        let in_cgroup = refaults::cgroup(&summary, &path).expect("a row of the cgroup");
        let in_process = refaults::process(&summary, ended.pid).expect("a row of the process");
        let (pages, of_process) = (number(in_cgroup, "/refaults_file"), number(in_process, "/refaults_file"));
        assert!(number(&summary, "/refaults/file_pages") >= pages);
        let folded = rest(&summary, "processes", "refaults_file");
        assert!(agree_with_rest(of_process, folded, pages), "{of_process} of {pages}, {folded} in the rest");
        (pages, number(in_cgroup, "/refault_events"), number(in_cgroup, "/stalls"))
    });
    println!("pages, events and stalls: {counts:?}");
    assert_eq!(counts[0], counts[1]);
    assert!(agree(counts[0].0, counted(&group, FILE)));
}

#[test]
fn cgroups_that_come_and_go_keep_their_names() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let memtrace = Memtrace::start(&["-i", "200ms"]);
    let mut gone: BTreeMap<String, u32> = BTreeMap::new();
    let file = cold_file(32);
    for _ in 0..20 {
        let group = cgroup(16);
        // Cache left by the previous cgroup belongs to the root now, and would charge no cgroup.
        let cache = File::open(&file.0).expect("it is ours");
        fadvise(&cache, 0, None, Advice::DontNeed).expect("the cache drops it");
        let ended = end(reader(&group, &file.0, &["32", "--passes", "2"]));
        // memtrace reads the name of the cgroup before it is removed: at a stall or at a tick.
        thread::sleep(Duration::from_millis(100));
        gone.insert(path_of(group.dir()), ended.pid);
    }
    let run = memtrace.stop();
    let summary = run.summary();
    let rows = summary["cgroups"].as_array().expect("rows");
    for (path, pid) in &gone {
        let row = refaults::cgroup(&summary, path).unwrap_or_else(|| panic!("no row of {path}: {rows:?}"));
        assert!(stalls_of_cgroup(&summary, path) > 0, "{row}");
        assert_eq!(rows.iter().filter(|row| row["cgroup"] == path.as_str()).count(), 1, "one row of {path}");
        // A storm of short tasks elsewhere may have folded the process into the rest.
        match refaults::process(&summary, *pid) {
            Some(process) => assert_eq!(process["cgroup"], path.as_str(), "{process}"),
            None => assert!(rest(&summary, "processes", "stalls") > 0, "no row of {pid}"),
        }
    }
    let nameless = |row: &&Value| row["other"] == false && row["cgroup"].is_null() && !row["cgroup_id"].is_null();
    let nameless: Vec<_> = rows.iter().filter(nameless).collect();
    // Cgroups of others may be gone before their name can be read. Those of this test have their names, as asserted
    // above.
    println!("{} cgroups came and went, {} rows have no name: {nameless:?}", gone.len(), nameless.len());
}

#[test]
fn times_are_of_the_clock_that_nobody_sets() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let (group, file) = (cgroup(24), cold_file(64));
    let memtrace = Memtrace::start(&["-i", "200ms"]);
    let _ = end(reader(&group, &file.0, &["64", "--passes", "3"]));
    let run = memtrace.stop();
    let (meta, ticks, summary) = (run.of_type("meta"), run.of_type("tick"), run.summary());
    // One pair of clock readings is taken at the start. Every other time of day follows from it and the monotonic
    // clock.
    let pair = &meta[0]["clock"];
    let (mono, real) = (number(pair, "/monotonic_ns"), number(pair, "/realtime_ns"));
    let lengths: u64 = ticks.iter().map(|tick| number(tick, "/elapsed_ns")).sum();
    assert!(number(&summary, "/duration_ns").abs_diff(lengths) < 200_000_000, "{lengths} ns of ticks");
    for object in ticks.iter().chain(&run.of_type("stall")).chain([&summary]) {
        let time = object["time"].as_str().expect("a time of day");
        let at = real + number(object, "/t_ns") - mono;
        let second = at / 1_000_000_000 % 60;
        assert_eq!(time.get(17..19), Some(format!("{second:02}").as_str()), "{time} is {at} ns");
    }
}
