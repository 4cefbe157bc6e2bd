//! `memtrace record` on the real kernel: the content of the file, also after a kill, a signal and a full disk.

#![expect(clippy::expect_used, reason = "a test that cannot read its trace has failed")]

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use memtrace_core::{event::Event, session::loss::Loss};
use memtrace_trace::{
    Reader, TraceItem,
    model::{Entry, Meta, RemarkKind, TickRecord},
};
use rustix::process::{Pid, Signal, kill_process};
use tests::{
    ChildGuard, bin,
    lag::{Lag, within},
    load::{alone, cgroup, flood},
    memtrace::{Memtrace, PATIENCE, may_trace, number, wait_within},
    skip_here,
};

/// Content of a trace.
#[derive(Debug, Default)]
struct Held {
    metas: Vec<Meta>,
    stalls: u64,
    stalled_ns: u64,
    ooms: u64,
    ticks: Vec<TickRecord>,
    stopped: bool,
    triggers: u64,
    ended: bool,
    /// Damaged blocks. An incomplete last block does not count.
    damaged: u64,
}

/// True if the file has its END block, even while the recorder still runs.
fn is_whole(path: &Path) -> bool {
    let mut reader = Reader::new(File::open(path).expect("the trace"));
    std::iter::from_fn(|| reader.next_item().ok().flatten()).any(|item| matches!(item, TraceItem::End(_)))
}

fn held(path: &Path) -> Held {
    let mut held = Held::default();
    let mut reader = Reader::new(File::open(path).expect("the trace"));
    while let Some(item) = reader.next_item().expect("a trace") {
        match item {
            TraceItem::Meta(meta) => held.metas.push(*meta),
            TraceItem::Entries => {
                for entry in reader.entries() {
                    match entry {
                        Entry::Event(Event::Stall(stall)) => {
                            held.stalls += 1;
                            held.stalled_ns += stall.dur_ns;
                        }
                        Entry::Event(Event::Oom(_)) => held.ooms += 1,
                        _ => {}
                    }
                }
            }
            TraceItem::Tick(tick) => held.ticks.push(*tick),
            TraceItem::Remark(remark) => {
                held.stopped |= remark.kind == RemarkKind::EventsStopped;
                held.triggers += u64::from(remark.kind == RemarkKind::Trigger);
            }
            TraceItem::End(_) => held.ended = true,
            TraceItem::Damage(damage) => held.damaged += u64::from(!damage.is_cut),
            TraceItem::Clock(_) => {}
        }
    }
    held
}

impl Held {
    /// Stalls of the exact totals, at the last tick.
    fn counted(&self) -> u64 {
        self.ticks.last().map_or(0, |tick| tick.input.totals.stalls.values().map(|kind| kind.count).sum())
    }

    /// Number of lost records: those of the ring, the writer and the decoder.
    fn lost(&self) -> u64 {
        let Some(last) = self.ticks.last() else { return 0 };
        let ring = last.input.totals.loss.get("ring_stall").copied().unwrap_or(0);
        ring + last.input.lost[Loss::Writer as usize] + last.input.lost[Loss::Decode as usize]
    }
}

/// A directory that is removed on drop.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("memtrace-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).expect("a directory for the trace");
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a name of our own").to_owned()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Starts a recording and waits until `begun` holds.
fn record(args: &[&str], begun: impl Fn() -> bool) -> ChildGuard {
    let mut command = Command::new(bin("memtrace"));
    command.arg("record").args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = ChildGuard::spawn(&mut command);
    wait_until(begun);
    child
}

fn wait_until(mut what: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !what() {
        assert!(Instant::now() < deadline, "it does not come so far");
        thread::sleep(Duration::from_millis(20));
    }
}

fn has_bytes(path: &str) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0)
}

fn send(child: &ChildGuard, signal: Signal) {
    kill_process(Pid::from_child(&child.0), signal).expect("it runs");
}

fn end(mut child: ChildGuard, signal: Signal) -> ExitStatus {
    send(&child, signal);
    wait_within(&mut child, PATIENCE).expect("it ends")
}

#[test]
fn a_trace_holds_every_stall_of_a_storm() {
    if !may_trace() {
        return;
    }
    let _alone = alone();
    let (dir, group) = (Dir::new("storm"), cgroup(48));
    let file = dir.file("a.mtrc");
    let memtrace = Memtrace::start(&["--record", &file]);
    let mut load = flood(&group, 40_000);
    assert!(load.command.output().expect("the load").status.success());
    let run = memtrace.stop();
    let summary = run.summary();
    let held = held(Path::new(&file));
    assert!(held.counted() > 5000, "no storm: {} stalls", held.counted());
    let all: u64 = summary["stalls"].as_object().expect("kinds").values().map(|kind| number(kind, "/count")).sum();
    assert_eq!(held.counted(), all);
    assert_eq!((held.stalls + held.lost(), held.damaged, held.ended), (all, 0, true));
    assert_eq!(held.metas.len(), 1);
    let host = &held.metas[0].host;
    assert!(host.sysctls.iter().any(|setting| setting.name.is("vm.swappiness") && setting.value.is_some()));
    let pgfault = host.vmstat_names.iter().position(|name| name.is("pgfault")).expect("the kernel counts faults");
    let last = held.ticks.last().expect("a tick");
    assert!(last.vmstat[pgfault] > held.metas[0].vmstat[pgfault]);
    let bytes = fs::metadata(&file).expect("the trace").len();
    assert!(bytes < 20 * held.stalls + 16_384, "{bytes} bytes of {} stalls", held.stalls);

    // The replay gives the summary of the live run, byte for byte.
    let out = Command::new(bin("memtrace")).args(["report", "--json", &file]).output().expect("memtrace report");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let replayed = out.stdout.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty()).expect("a summary");
    let live = run.raw.iter().rfind(|line| !line.is_empty()).expect("a summary");
    assert_eq!(String::from_utf8_lossy(replayed), String::from_utf8_lossy(live).trim_end());
}

#[test]
fn a_kill_at_any_moment_costs_the_last_second_at_most() {
    if !may_trace() {
        return;
    }
    let _alone = alone();
    let (dir, group) = (Dir::new("kill"), cgroup(48));
    let mut load = flood(&group, 400_000);
    let _load = ChildGuard::spawn(load.command.stdout(Stdio::null()));
    for (round, after_ms) in [700, 1300, 1950, 2420].into_iter().enumerate() {
        let file = dir.file(&format!("{round}.mtrc"));
        let child = record(&["-o", &file], || has_bytes(&file));
        let lag = Lag::measure();
        thread::sleep(Duration::from_millis(after_ms));
        end(child, Signal::KILL);
        // A block is sealed by the tick, then written by another thread: two wake-ups.
        let late_ms = u64::try_from(2 * lag.worst().as_millis()).expect("a short time");
        let held = held(Path::new(&file));
        assert_eq!((held.ended, held.damaged, held.metas.len()), (false, 0, 1), "round {round}");
        let start_ns = held.metas[0].setup.start_ns;
        let covered_ns = held.ticks.last().map_or(0, |tick| tick.input.t_ns - start_ns);
        let covered_ms = covered_ns / 1_000_000;
        assert!(covered_ms + 1300 + late_ms >= after_ms, "{covered_ms} of {after_ms} ms, {late_ms} ms late");
        // The trace is complete up to the last tick, except for one stall per CPU: counted, and not yet in the ring.
        let cpus = thread::available_parallelism().expect("CPUs").get() as u64;
        assert!(held.stalls + held.lost() + cpus >= held.counted(), "{} of {}", held.stalls, held.counted());
    }
}

#[test]
fn a_signal_seals_within_a_second_under_load() {
    if !may_trace() {
        return;
    }
    let _alone = alone();
    let (dir, group) = (Dir::new("term"), cgroup(48));
    let mut load = flood(&group, 200_000);
    let _load = ChildGuard::spawn(load.command.stdout(Stdio::null()));
    let file = dir.file("a.mtrc");
    let child = record(&["-o", &file], || has_bytes(&file));
    thread::sleep(Duration::from_millis(1500));
    let status = within(Duration::from_secs(1), || end(child, Signal::TERM));
    let held = held(Path::new(&file));
    assert!(status.success() && held.ended && held.damaged == 0, "{status}");
    // The storm goes on between the last drain of the ring and the read of the totals.
    let (reported, counted) = (held.stalls + held.lost(), held.counted());
    assert!(reported <= counted && counted - reported < 2000 + counted / 100, "{reported} of {counted}");
}

#[test]
fn a_full_disk_costs_events_and_no_totals() {
    if !may_trace() {
        return;
    }
    let _alone = alone();
    let (dir, group) = (Dir::new("full"), cgroup(48));
    let mount = dir.0.join("small");
    fs::create_dir(&mount).expect("a directory");
    // The recorder checks for room at the start. Another file takes that room afterwards.
    let options = Some(c"size=20m");
    if let Err(e) = rustix::mount::mount("none", &mount, "tmpfs", rustix::mount::MountFlags::empty(), options) {
        skip_here(&format!("no file system can be mounted: {e}"));
        return;
    }
    let file = mount.join("a.mtrc");
    let name = file.to_str().expect("a name of our own").to_owned();
    let child = record(&["-o", &name], || has_bytes(&name));
    fs::write(mount.join("other"), vec![1; 20 << 20]).expect_err("it does not fit");
    let other = fs::metadata(mount.join("other")).expect("a part of it").len();
    // This leaves room for ticks, and not for a storm.
    File::options().write(true).open(mount.join("other")).and_then(|f| f.set_len(other - (64 << 10))).expect("less");
    let mut load = flood(&group, 60_000);
    assert!(load.command.output().expect("the load").status.success());
    thread::sleep(Duration::from_millis(1500));
    let status = end(child, Signal::TERM);
    let held = held(&file);
    let _ = rustix::mount::unmount(&mount, rustix::mount::UnmountFlags::DETACH);
    assert_eq!(status.code(), Some(1));
    assert!(held.stopped && held.damaged == 0, "{}", held.damaged);
    assert!(held.counted() > 5000 && held.stalls < held.counted(), "{} of {}", held.stalls, held.counted());
    assert!(held.lost() > 0);
    // The rows of the ticks count the stalls without an event.
    let unrecorded: u64 =
        held.ticks.iter().flat_map(|tick| &tick.unrecorded_processes).map(|row| row.stalls.count).sum();
    assert_eq!(unrecorded + held.stalls, held.counted());
}

#[test]
fn several_runs_have_a_file_each() {
    if !may_trace() {
        return;
    }
    let _alone = alone();
    let dir = Dir::new("runs");
    let file = dir.file("a.mtrc");
    let mut command = Command::new(bin("memtrace"));
    command.args(["record", "-o", &file, "--runs", "2", "--", "sh", "-c", "exit 3"]);
    let output = command.output().expect("memtrace");
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    for run in [1, 2] {
        let held = held(Path::new(&dir.file(&format!("a-{run}.mtrc"))));
        assert_eq!((held.metas[0].run, held.ended), (run, true));
        assert_eq!(held.metas[0].setup.command, ["sh".into(), "-c".into(), "exit 3".into()]);
    }
    // Neither file is replaced.
    let output = command.output().expect("memtrace");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(125), "{said}");
    assert!(said.contains("already exists") && said.contains("--force"), "{said}");
}

#[test]
fn a_flight_recorder_keeps_what_is_asked_and_saves_incidents() {
    if !may_trace() {
        return;
    }
    let _alone = alone();
    let (dir, group) = (Dir::new("flight"), cgroup(48));
    let ring = dir.0.join("ring");
    let name = ring.to_str().expect("a name of our own").to_owned();
    let files = |prefix: &str| -> Vec<PathBuf> {
        let entries = fs::read_dir(&ring).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut found: Vec<_> = entries
            .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix)))
            .collect();
        found.sort();
        found
    };
    let args = ["--dir", &name, "--keep", "10s", "--max-files", "3", "--after", "2s", "--on", "stall.rate > 100"];
    let child = record(&args, || !files("segment-").is_empty());
    // A second recorder names the first one.
    let second = Command::new(bin("memtrace")).args(["record", "--dir", &name, "-d", "1"]).output().expect("memtrace");
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success() && said.contains(&format!("(pid {})", child.0.id())), "{said}");

    let mut load = flood(&group, 40_000);
    // The rate of stalls depends on the machine.
    wait_until(|| {
        assert!(load.command.output().expect("the load").status.success());
        !files("incident-").is_empty()
    });
    // A signal that comes while an incident is being saved is part of that incident.
    wait_until(|| files("incident-").first().is_some_and(|file| is_whole(file)));
    send(&child, Signal::USR1);
    wait_until(|| files("incident-").len() == 2);
    thread::sleep(Duration::from_secs(13));
    assert!(end(child, Signal::TERM).success());

    assert!((1..=3).contains(&files("segment-").len()), "{:?}", files("segment-"));
    let incidents = files("incident-");
    assert!(incidents[0].to_string_lossy().ends_with("stall.rate.mtrc"), "{incidents:?}");
    assert!(incidents[1].to_string_lossy().ends_with("signal.mtrc"), "{incidents:?}");
    let first = held(&incidents[0]);
    assert_eq!((first.triggers, first.damaged), (1, 0));
    assert!(first.stalls > 100 && !first.metas.is_empty(), "{}", first.stalls);
    // The recording goes on after the trigger.
    let ticks = &first.ticks;
    let span_ns = ticks.last().map_or(0, |tick| tick.input.t_ns) - ticks.first().map_or(0, |tick| tick.input.t_ns);
    assert!(span_ns > 1_500_000_000, "{span_ns}");
}
