//! Refaults of a cgroup, its processes and the host, compared with the kernel's own counts.

use std::{path::Path, process::Command};

use serde_json::Value;
use tests::{
    MemCgroup,
    load::{alone, cgroup, cold_file, memload, path_of},
    memtrace::{Memtrace, may_trace, number},
    perf::{count_of, have_perf, printing_its_pid, reported_pid},
    refaults::{self, Ended, FILE, agree, agree_with_rest, begin, counted, end, reads_refaults, rest, vmstat},
};

/// Number of attempts. A run is repeated if another process refaulted as well.
const TRIES: u32 = 3;

/// Arguments of perf for the event of memory cgroup counters, filtered by item. File refaults have the number 11 on
/// every kernel with this event.
const ITEM: [&str; 4] = ["-e", "memcg:mod_memcg_lruvec_state", "--filter", "item == 11"];

fn load(group: &MemCgroup, kind: &str, file: &Path, passes: &str) -> Command {
    let mut command = memload(group);
    command.arg(kind).arg(file).args(["64", "--passes", passes]);
    command
}

/// Asserts that the rows of cgroup and process of a load agree with the kernel's count of its cgroup. Returns that
/// count.
fn rows_agree(summary: &Value, group: &MemCgroup, load: Ended) -> u64 {
    let kernel = counted(group, FILE);
    let path = path_of(group.dir());
    let in_cgroup = refaults::cgroup(summary, &path).unwrap_or_else(|| panic!("no row of {path}"));
    let in_process = refaults::process(summary, load.pid).unwrap_or_else(|| panic!("no row of {}", load.pid));
    println!(
        "{kernel} file refaults in memory.stat, {} of the cgroup, {} of the process",
        in_cgroup["refaults_file"], in_process["refaults_file"]
    );
    assert!(kernel > 15_000, "no storm: {kernel}");
    for (row, table) in [(in_cgroup, "cgroups"), (in_process, "processes")] {
        let (pages, rest) = (number(row, "/refaults_file"), rest(summary, table, "refaults_file"));
        assert!(agree_with_rest(pages, rest, kernel), "{pages} ({rest} in the rest), the kernel has {kernel}: {row}");
        let events = number(row, "/refault_events");
        assert!(events > 0 && events <= pages + number(row, "/refaults_anon"), "{row}");
        assert_eq!(row["cgroup"], path.as_str());
    }
    // The software event is not raised when the kernel faults a page in on behalf of a system call.
    let (ours, theirs) = (number(in_process, "/major_faults"), load.major_faults);
    println!("{theirs} major faults in /proc, {ours} of the process");
    assert!(ours.abs_diff(theirs) <= (theirs / 100).max(8), "{ours} major faults, the kernel has {theirs}");
    kernel
}

#[test]
fn a_mapping_refaults_as_memory_stat_says() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let (group, file) = (cgroup(24), cold_file(64));
    let memtrace = Memtrace::start(&[]);
    let ended = end(begin(&mut load(&group, "mmapfile", &file.0, "8")));
    let run = memtrace.stop();
    if !reads_refaults(&run) {
        return;
    }
    rows_agree(&run.summary(), &group, ended);
}

#[test]
fn two_loads_at_once_each_have_their_own() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let (one, two) = ((cgroup(24), cold_file(64)), (cgroup(32), cold_file(64)));
    let memtrace = Memtrace::start(&["-i", "200ms"]);
    let first = begin(&mut load(&one.0, "mmapfile", &one.1.0, "24"));
    let second = begin(&mut load(&two.0, "mmapfile", &two.1.0, "8"));
    let (first, second) = (end(first), end(second));
    let run = memtrace.stop();
    if !reads_refaults(&run) {
        return;
    }
    let summary = run.summary();
    let (more, less) = (rows_agree(&summary, &one.0, first), rows_agree(&summary, &two.0, second));
    assert!(more > less * 3 / 2, "two loads of clearly different size: {more} and {less}");
}

#[test]
fn a_large_folio_is_one_event_of_many_pages() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let (group, file) = (cgroup(24), cold_file(64));
    let memtrace = Memtrace::start(&[]);
    let ended = end(begin(&mut load(&group, "file", &file.0, "8")));
    let run = memtrace.stop();
    if !reads_refaults(&run) {
        return;
    }
    rows_agree(&run.summary(), &group, ended);
}

/// The kernel's event, if there is one, is raised once per folio.
#[test]
fn events_are_perfs() {
    let _alone = alone();
    if !may_trace() || !have_perf() {
        return;
    }
    let known = Command::new("perf").args(["stat", "-a"]).args(ITEM).args(["--", "true"]).output().expect("perf");
    if !known.status.success() {
        return tests::skip_here("this kernel has no memcg:mod_memcg_lruvec_state, the witness (before 6.13)");
    }
    let (group, file) = (cgroup(24), cold_file(64));
    let memtrace = Memtrace::start(&[]);
    let theirs = count_of(&ITEM, &printing_its_pid(&load(&group, "file", &file.0, "8")));
    let run = memtrace.stop();
    if !reads_refaults(&run) {
        return;
    }
    let summary = run.summary();
    let row = refaults::process(&summary, reported_pid(&theirs.stdout)).expect("its row");
    let (events, pages) = (number(row, "/refault_events"), number(row, "/refaults_file"));
    println!("{} events in perf, {events} in memtrace, of {pages} pages", theirs.own);
    assert!(theirs.own > 500, "no storm: {theirs:?}");
    // perf counts from the exec on, memtrace from the fork on. Hardly any page refaults in between.
    assert!(events.abs_diff(theirs.own) <= (theirs.own / 100).max(16), "{events} events, perf has {}", theirs.own);
    let kernel = counted(&group, FILE);
    assert!(agree(pages, kernel), "{pages} pages, the kernel has {kernel}");
    // With large folios the kernel counts fewer events than pages, and so must memtrace.
    assert_eq!(events < pages, theirs.own < kernel - kernel / 50, "{events} events of {pages} pages");
}

#[test]
fn the_host_refaults_as_vmstat_says() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let (group, file) = (cgroup(24), cold_file(64));
    let mut seen = Vec::new();
    for _ in 0..TRIES {
        // Snapshots on both sides of each edge show the refaults of other processes there. Those spoil the attempt.
        let before = vmstat(FILE);
        let memtrace = Memtrace::start(&[]);
        let attached = vmstat(FILE);
        let _ = end(begin(&mut load(&group, "mmapfile", &file.0, "8")));
        let ended = vmstat(FILE);
        let run = memtrace.stop();
        let gone = vmstat(FILE);
        if !reads_refaults(&run) {
            return;
        }
        let summary = run.summary();
        let ours = number(&summary, "/refaults/file_pages");
        println!("vmstat {} to {}, memtrace {ours}", ended - attached, gone - before);
        // This holds whatever other processes do: the inner snapshots are a lower bound, the outer ones an upper bound.
        let slack = (gone - before) / 100;
        assert!(ours + slack >= ended - attached, "{ours} of {}", ended - attached);
        assert!(ours <= gone - before + slack, "{ours} of {}", gone - before);
        assert!(ours > 15_000, "no storm: {ours}");
        refaults::coverage_holds(&summary);
        let rows = refaults::sum(&summary, "processes", "refaults_file");
        assert_eq!(rows, ours, "the rows add up to the total");
        assert_eq!(refaults::sum(&summary, "cgroups", "refaults_file"), ours, "those of the cgroups, too");
        if agree(ours, ended - attached) {
            return;
        }
        seen.push((ours, ended - attached));
    }
    println!("others refaulted at the edges of each try: {seen:?}");
}

#[test]
fn left_out_refaults_are_unread() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let (group, file) = (cgroup(24), cold_file(64));
    let memtrace = Memtrace::start(&["--no-refaults", "-i", "200ms"]);
    let ended = end(begin(&mut load(&group, "mmapfile", &file.0, "2")));
    let run = memtrace.stop();
    let (summary, meta) = (run.summary(), run.of_type("meta"));
    let hooks = meta[0]["hooks"].as_array().expect("hooks");
    let hook = hooks.iter().find(|hook| hook["name"] == "workingset_refault").expect("it is in the table");
    assert!(hook["attached"].is_null(), "{hook}");
    assert!(hook["reason"].as_str().is_some_and(|why| why.contains("--no-refaults")), "{hook}");
    for tick in run.of_type("tick") {
        let totals = tick["refaults"].as_object().expect("an object");
        assert!(totals.values().all(Value::is_null), "{totals:?}");
    }
    // Only the kernel's own count is left, and its source says so.
    let totals = &summary["refaults"];
    assert_eq!((&totals["source"], &totals["events"]), (&"vmstat".into(), &Value::Null), "{totals}");
    assert!(number(totals, "/file_pages") >= 1000, "{totals}");
    let path = path_of(group.dir());
    let rows = [refaults::process(&summary, ended.pid), refaults::cgroup(&summary, &path)];
    for row in rows.map(|row| row.expect("a row: it stalled")) {
        for field in ["refaults_file", "refaults_anon", "refault_events"] {
            assert!(row.get(field).is_some_and(Value::is_null), "{field} of {row}");
        }
        assert!(number(row, "/stalls") > 0, "{row}");
    }
}
