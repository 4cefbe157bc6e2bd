//! Evictors of refaulted pages, compared with the kernel's own counts and with the file system's data on the files.

use std::{os::unix::fs::MetadataExt as _, path::Path, process::Command};

use serde_json::Value;
use tests::{
    MemCgroup,
    load::{alone, cgroup, cold_file, memload},
    memtrace::{Memtrace, may_trace, number},
    refaults::{FILE, begin, counted, end},
};

/// Allowed error in percent. The sample has some hundred pages, each of which stands for many: the real error is far
/// smaller.
const NEAR_PERCENT: u64 = 15;

fn load(group: &MemCgroup, file: &Path, passes: &str) -> Command {
    let mut command = memload(group);
    command.arg("file").arg(file).args(["64", "--passes", passes]);
    command
}

/// Pages of the (evictor, refaulter) pairs that `holds` accepts by their pids.
fn pages(evictors: &Value, holds: impl Fn(u64, u64) -> bool) -> u64 {
    let of = |pair: &&Value| holds(number(pair, "/evictor/pid"), number(pair, "/refaulter/pid"));
    evictors["pairs"].as_array().into_iter().flatten().filter(of).map(|pair| number(pair, "/pages")).sum()
}

/// True if our estimate is not below the kernel's refault count and not above the reclaimed pages, within the error. It
/// may exceed the kernel's count, which misses pages whose shadow entries were reclaimed (`workingset_nodereclaim`).
fn holds(ours: u64, kernel: u64, summary: &Value) -> bool {
    let reclaimed = number(summary, "/reclaimed_pages");
    println!("{kernel} refaults in memory.stat, {ours} estimated, {reclaimed} pages reclaimed");
    kernel > 100_000 && ours * 100 >= kernel * (100 - NEAR_PERCENT) && ours * 100 <= reclaimed * (100 + NEAR_PERCENT)
}

#[test]
fn process_file_and_time_away_of_a_page_are_known() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let (group, file) = (cgroup(24), cold_file(64));
    let memtrace = Memtrace::start(&["--evictors"]);
    let ended = end(begin(&mut load(&group, &file.0, "20")));
    let run = memtrace.stop();
    let summary = run.summary();
    let evictors = &summary["evictors"];
    let kernel = counted(&group, FILE);
    let of_load = pages(evictors, |by, of| by == u64::from(ended.pid) && of == u64::from(ended.pid));
    assert!(holds(of_load, kernel, &summary), "{evictors}");

    let on_disk = std::fs::metadata(&file.0).expect("the file");
    let row = evictors["files"].as_array().expect("files").iter().find(|row| row["ino"] == on_disk.ino());
    let row = row.unwrap_or_else(|| panic!("no row of inode {}: {evictors}", on_disk.ino()));
    let device = (rustix::fs::major(on_disk.dev()), rustix::fs::minor(on_disk.dev()));
    assert_eq!((number(row, "/dev_major"), number(row, "/dev_minor")), (device.0.into(), device.1.into()));
    let name = file.0.file_name().expect("a name").to_string_lossy();
    assert_eq!(row["name"], *name.get(..31).unwrap_or(&name));
    assert!(holds(number(row, "/pages"), kernel, &summary), "{row}");
    // In a sequential read loop, everything that does not fit is read before a page comes back: from 64 MB less 24 MB
    // up to the whole file.
    let distance = number(evictors, "/distance_p50_pages");
    assert!((7_000..=20_000).contains(&distance), "{distance} pages, of 16384");
    let (p50, p99) = (number(evictors, "/away_p50_ns"), number(evictors, "/away_p99_ns"));
    assert!(p50 > 0 && p50 <= p99, "{evictors}");
    assert!(summary["loss"]["ring_refault"] == 0 && summary["loss"]["unknown_kind"] == 0, "{summary}");
}

/// A neighbour that reads a file once has no refaults and adds nothing to the distance.
#[test]
fn evictions_of_others_are_no_distance() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let (group, file, neighbour, stream) = (cgroup(24), cold_file(64), cgroup(8), cold_file(1024));
    let memtrace = Memtrace::start(&["--evictors"]);
    let mut streaming = memload(&neighbour);
    streaming.arg("file").arg(&stream.0).args(["1024", "--passes", "1"]);
    let (streaming, looping) = (begin(&mut streaming), begin(&mut load(&group, &file.0, "8")));
    let (_, ended) = (end(streaming), end(looping));
    let summary = memtrace.stop().summary();
    let evictors = &summary["evictors"];
    let of_load = pages(evictors, |by, of| by == u64::from(ended.pid) && of == u64::from(ended.pid));
    assert!(holds(of_load, counted(&group, FILE), &summary), "{evictors}");
    // Meanwhile 262,144 pages of the neighbour were evicted, two for each page of this load.
    let p99 = number(evictors, "/distance_p99_pages");
    assert!((7_000..=20_000).contains(&p99), "{p99} pages, of 16384");
}

#[test]
fn two_in_a_cgroup_evict_each_others_pages() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let group = cgroup(32);
    let files = [cold_file(64), cold_file(64)];
    let memtrace = Memtrace::start(&["--evictors"]);
    let [one, two] = [0, 1].map(|at| begin(&mut load(&group, &files[at].0, "20")));
    let (one, two) = (end(one), end(two));
    let run = memtrace.stop();
    let summary = run.summary();
    let evictors = &summary["evictors"];
    let (one, two) = (u64::from(one.pid), u64::from(two.pid));
    let all = pages(evictors, |_, of| of == one || of == two);
    let crossed = pages(evictors, |by, of| (by, of) == (one, two) || (by, of) == (two, one));
    println!("{crossed} of {all} evicted by the other");
    assert!(holds(all, counted(&group, FILE), &summary), "{evictors}");
    assert!(crossed * 10 > all, "{crossed} of {all}: {evictors}");
}

/// Thread names are arbitrary; a row stands for a process.
#[test]
fn threads_are_reported_by_the_name_of_their_process() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let (group, file) = (cgroup(24), cold_file(64));
    let memtrace = Memtrace::start(&["--evictors"]);
    let ended = end(begin(load(&group, &file.0, "8").arg("--in-thread")));
    let run = memtrace.stop();
    let by_thread = |stall: &&Value| stall["pid"] == ended.pid && stall["comm"] == "reader";
    assert!(run.of_type("stall").iter().any(|stall| by_thread(&stall)), "the thread does not stall");
    let summary = run.summary();
    let evictors = &summary["evictors"];
    let of_load = pages(evictors, |by, of| by == u64::from(ended.pid) && of == u64::from(ended.pid));
    assert!(holds(of_load, counted(&group, FILE), &summary), "{evictors}");
    for who in ["evictor", "refaulter"] {
        let rows = evictors["pairs"].as_array().into_iter().flatten().map(|pair| &pair[who]);
        assert!(rows.filter(|task| task["pid"] == ended.pid).all(|task| task["comm"] == "memload"), "{evictors}");
    }
}

#[test]
fn nothing_is_counted_without_the_option() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    // Nothing is counted either if the events are not attached.
    for args in [&[][..], &["--evictors", "--without", "mm_filemap_delete_from_page_cache"]] {
        let (group, file) = (cgroup(24), cold_file(64));
        let memtrace = Memtrace::start(args);
        let _ = end(begin(&mut load(&group, &file.0, "2")));
        let summary = memtrace.stop().summary();
        assert!(summary["evictors"].is_null(), "{summary}");
    }
}
