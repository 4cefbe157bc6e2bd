//! `perf`, the independent witness: the same tracepoints, another tool.

#![expect(clippy::expect_used, reason = "a test that cannot hear its witness has failed")]

use std::{
    collections::HashMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::{bin, skip_here};

pub mod anatomy;

const BEGIN: &str = "vmscan:mm_vmscan_memcg_reclaim_begin";
const END: &str = "vmscan:mm_vmscan_memcg_reclaim_end";

/// True if perf works here; otherwise the test is reported as skipped.
#[must_use]
pub fn have_perf() -> bool {
    // Ubuntu has a wrapper that fails without the perf of the running kernel.
    let works = Command::new("perf").arg("--version").output().is_ok_and(|out| out.status.success());
    if !works {
        skip_here("perf, the witness, is not installed (Debian: apt-get install linux-perf)");
    }
    works
}

/// A stall, as perf saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PerfStall {
    /// Thread id.
    pub tid: u32,
    /// End, `CLOCK_MONOTONIC` in ns.
    pub t_ns: u64,
    /// Length in ns.
    pub dur_ns: u64,
    /// Order of the allocation, as perf prints it.
    pub order: u64,
    /// Names of the GFP flags, joined by `|`.
    pub gfp: String,
}

/// Records all memcg stalls while `command` runs.
///
/// # Panics
/// When perf fails, or lost something.
#[must_use]
pub fn record(command: &[OsString]) -> (Output, Vec<PerfStall>) {
    let (output, seen) = record_events(&[BEGIN, END], command);
    (output, paired(&seen))
}

/// An event that perf saw.
struct Seen {
    comm: String,
    tid: u32,
    /// `CLOCK_MONOTONIC` in ns.
    t_ns: u64,
    name: String,
    /// Text after the name of the event.
    values: String,
}

/// The events of these names while a command runs, in their order.
fn record_events(names: &[&str], command: &[OsString]) -> (Output, Vec<Seen>) {
    let data = scratch("perf.data");
    let mut perf = Command::new("perf");
    perf.args(["record", "-q", "-a", "-k", "mono", "-m", "4096"]).args(names.iter().flat_map(|name| ["-e", name]));
    let output = perf.arg("-o").arg(&data.0).arg("--").args(command).output().expect("perf record");
    // perf prints nothing about a command that was killed, so the message has the status.
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    (output, script(&data.0, "comm,tid,time,event,trace").lines().filter_map(seen).collect())
}

/// `memload  5478  3649.720817622: vmscan:mm_vmscan_memcg_reclaim_begin: order=0 gfp_flags=GFP_NOFS|...`
fn seen(line: &str) -> Option<Seen> {
    let (head, event) = line.split_once(": ")?;
    let (head, time) = head.rsplit_once(char::is_whitespace)?;
    let (comm, tid) = head.trim().rsplit_once(char::is_whitespace)?;
    let (name, values) = event.trim().split_once(": ")?;
    Some(Seen {
        comm: comm.trim_end().to_owned(),
        tid: tid.parse().ok()?,
        t_ns: nanoseconds(time)?,
        name: name.to_owned(),
        values: values.to_owned(),
    })
}

/// Output of `perf script` with these fields.
fn script(data: &Path, fields: &str) -> String {
    let script = Command::new("perf")
        .args(["script", "--ns", "--show-lost-events", "-F", fields, "-i"])
        .arg(data)
        .output()
        .expect("perf script");
    assert!(script.status.success(), "{}", String::from_utf8_lossy(&script.stderr));
    let text = String::from_utf8_lossy(&script.stdout).into_owned();
    assert!(!text.contains("PERF_RECORD_LOST"), "the witness lost events");
    text
}

/// Begins and ends, paired by thread.
fn paired(seen: &[Seen]) -> Vec<PerfStall> {
    let mut open: HashMap<u32, (u64, u64, String)> = HashMap::new();
    let mut stalls = Vec::new();
    for Seen { tid, t_ns, name, values, .. } in seen {
        if name == BEGIN {
            let value =
                |name: &str| values.split_whitespace().find_map(|w| w.trim_start_matches(':').strip_prefix(name));
            let order = value("order=").and_then(|n| n.parse().ok()).expect("an order");
            open.insert(*tid, (*t_ns, order, value("gfp_flags=").expect("flags").to_owned()));
        } else if let Some((begun, order, gfp)) = open.remove(tid) {
            stalls.push(PerfStall { tid: *tid, t_ns: *t_ns, dur_ns: t_ns - begun, order, gfp });
        }
    }
    stalls
}

fn nanoseconds(time: &str) -> Option<u64> {
    let (seconds, fraction) = time.split_once('.')?;
    let ns = (fraction.len() == 9).then(|| fraction.parse::<u64>().ok())??;
    Some(seconds.parse::<u64>().ok()? * 1_000_000_000 + ns)
}

/// Exact number of memcg stalls that began while a command ran: its own and all.
#[derive(Debug)]
pub struct Counted {
    /// Stdout of the command.
    pub stdout: String,
    /// Stalls of the command and its children.
    pub own: u64,
    /// Stalls of the whole machine while the command ran.
    pub all: u64,
}

/// Counts while `command` runs. Counters lose nothing, whatever the rate.
///
/// # Panics
/// When perf or the command fails.
#[must_use]
pub fn count(command: &[OsString]) -> Counted {
    count_of(&["-e", BEGIN], command)
}

/// Counts another event: `-e EVENT`, and a filter if there is one. See [`count`].
///
/// # Panics
/// When perf or the command fails.
#[must_use]
pub fn count_of(event: &[&str], command: &[OsString]) -> Counted {
    let (own, all) = (scratch("own"), scratch("all"));
    let mut perf = Command::new("perf");
    perf.args(["stat", "-a", "-x,"]).args(event).arg("-o").arg(&all.0);
    perf.args(["--", "perf", "stat", "-x,"]).args(event).arg("-o").arg(&own.0).arg("--");
    let output = perf.args(command).output().expect("perf stat");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    let stdout = String::from_utf8(output.stdout).expect("text");
    let event = event[1];
    Counted { stdout, own: counter(&own.0, event), all: counter(&all.0, event) }
}

fn counter(file: &Path, event: &str) -> u64 {
    let text = fs::read_to_string(file).expect("perf stat wrote it");
    let line = text.lines().find(|line| line.contains(event));
    let count = line.and_then(|line| line.split(',').next()).and_then(|n| n.parse().ok());
    count.unwrap_or_else(|| panic!("perf counted nothing: {text}"))
}

/// A command that prints its pid in the first line of stdout and then becomes `program ARGS`, which keeps that pid.
#[must_use]
pub fn printing_its_pid(command: &Command) -> Vec<OsString> {
    let mut words: Vec<OsString> = ["sh", "-c", "echo $$; exec \"$@\"", "sh"].map(OsString::from).into();
    words.push(command.get_program().into());
    words.extend(command.get_args().map(OsString::from));
    words
}

/// The pid that [`printing_its_pid`] printed.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn reported_pid(stdout: &str) -> u32 {
    let first = stdout.lines().next().and_then(|line| line.parse().ok());
    first.unwrap_or_else(|| panic!("no pid in {stdout:?}"))
}

/// A file beside the binaries that is removed at the end.
#[derive(Debug)]
pub struct Scratch(pub PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A path for a scratch file that no other test has.
#[must_use]
pub fn scratch(name: &str) -> Scratch {
    use std::sync::atomic::{AtomicU32, Ordering};
    static N: AtomicU32 = AtomicU32::new(0);
    let n = N.fetch_add(1, Ordering::Relaxed);
    Scratch(bin("memload").with_file_name(format!("memtrace-test-{}-{n}-{name}", std::process::id())))
}

/// Stacks at the ends of the memcg stalls while a command runs, by thread, with their counts. A stack is its kernel
/// functions, innermost first.
///
/// # Panics
/// When perf or the command fails, or perf lost something.
#[must_use]
pub fn record_stacks(command: &[OsString]) -> (Output, HashMap<(u32, Vec<String>), u64>) {
    let data = scratch("perf.data");
    let mut perf = Command::new("perf");
    perf.args(["record", "-q", "-a", "-g", "-m", "2048", "-e", END, "-o"]).arg(&data.0);
    let output = perf.arg("--").args(command).output().expect("perf record");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = script(&data.0, "tid,event,ip,sym,dso");
    let mut stacks = HashMap::new();
    // An empty line ends each sample: its thread and event, then a frame a line.
    for sample in text.split("\n\n") {
        let mut lines = sample.lines();
        let Some(tid) = lines.next().and_then(|head| head.split_whitespace().next()?.parse().ok()) else { continue };
        // `ffffffff8129d3b5 try_to_free_mem_cgroup_pages ([kernel.kallsyms])`
        let frames = lines.filter(|line| line.ends_with("([kernel.kallsyms])"));
        let names = frames.filter_map(|line| line.split_whitespace().nth(1));
        // `__traceiter_*` calls the programs on the event and does not belong to the stack.
        let names = names.filter(|name| !name.starts_with("__traceiter_")).map(str::to_owned).collect();
        *stacks.entry((tid, names)).or_insert(0) += 1;
    }
    (output, stacks)
}
