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

const BEGIN: &str = "vmscan:mm_vmscan_memcg_reclaim_begin";
const END: &str = "vmscan:mm_vmscan_memcg_reclaim_end";

/// Whether perf is here; says the skip when not.
#[must_use]
pub fn have_perf() -> bool {
    // Ubuntu's wrapper is there without the perf of the running kernel, and fails.
    let works = Command::new("perf").arg("--version").output().is_ok_and(|out| out.status.success());
    if !works {
        skip_here("perf, the witness, is not installed (Debian: apt-get install linux-perf)");
    }
    works
}

/// A stall in perf's eyes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PerfStall {
    /// Thread.
    pub tid: u32,
    /// Its end, `CLOCK_MONOTONIC` in ns.
    pub t_ns: u64,
    /// Its length in ns.
    pub dur_ns: u64,
    /// As perf prints it.
    pub order: u64,
    /// Names, joined by `|`.
    pub gfp: String,
}

/// Records the memcg stalls of process `pid_of(output)` while `command` runs.
///
/// # Panics
/// When perf fails, or lost something.
#[must_use]
pub fn record(command: &[OsString]) -> (Output, Vec<PerfStall>) {
    let data = scratch("perf.data");
    let mut perf = Command::new("perf");
    perf.args(["record", "-q", "-a", "-k", "mono", "-m", "1024", "-e", BEGIN, "-e", END, "-o"]).arg(&data.0);
    let output = perf.arg("--").args(command).output().expect("perf record");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (output, paired(&script(&data.0, "comm,tid,time,event,trace")))
}

/// What was recorded, with these fields.
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

/// Begins and ends of a script, paired by thread.
fn paired(script: &str) -> Vec<PerfStall> {
    let mut open: HashMap<u32, (u64, u64, String)> = HashMap::new();
    let mut stalls = Vec::new();
    for line in script.lines() {
        // `memload  5478  3649.720817622: vmscan:mm_vmscan_memcg_reclaim_begin: order=0 gfp_flags=GFP_NOFS|...`
        let Some((head, event)) = line.split_once(": ") else { continue };
        let mut fields = head.split_whitespace().rev();
        let (Some(time), Some(tid)) = (fields.next().and_then(nanoseconds), fields.next()) else { continue };
        let Ok(tid) = tid.parse() else { continue };
        let event = event.trim();
        if let Some(values) = event.strip_prefix(BEGIN) {
            let value =
                |name: &str| values.split_whitespace().find_map(|w| w.trim_start_matches(':').strip_prefix(name));
            let order = value("order=").and_then(|n| n.parse().ok()).expect("an order");
            open.insert(tid, (time, order, value("gfp_flags=").expect("flags").to_owned()));
        } else if event.starts_with(END)
            && let Some((begun, order, gfp)) = open.remove(&tid)
        {
            stalls.push(PerfStall { tid, t_ns: time, dur_ns: time - begun, order, gfp });
        }
    }
    stalls
}

fn nanoseconds(time: &str) -> Option<u64> {
    let (seconds, fraction) = time.split_once('.')?;
    let ns = (fraction.len() == 9).then(|| fraction.parse::<u64>().ok())??;
    Some(seconds.parse::<u64>().ok()? * 1_000_000_000 + ns)
}

/// How many memcg stalls a command and its children began, exactly, and how many everyone did meanwhile.
#[derive(Debug)]
pub struct Counted {
    /// What the command printed.
    pub stdout: String,
    /// By the command and its children.
    pub own: u64,
    /// By the whole machine while it ran.
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

/// The same of another event: `-e EVENT`, and a filter if there is one.
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

/// A command that prints its pid in the first line of stdout and then becomes `program ARGS`, which is counted as that
/// pid by whoever starts it.
#[must_use]
pub fn telling_its_pid(command: &Command) -> Vec<OsString> {
    let mut words: Vec<OsString> = ["sh", "-c", "echo $$; exec \"$@\"", "sh"].map(OsString::from).into();
    words.push(command.get_program().into());
    words.extend(command.get_args().map(OsString::from));
    words
}

/// The pid that [`telling_its_pid`] printed.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn told_pid(stdout: &str) -> u32 {
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

/// The stacks on which the memcg stalls of a command end, each with how often: kernel functions, innermost first.
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
        // Where the event runs those who watch it is no part of what was watched.
        let names = names.filter(|name| !name.starts_with("__traceiter_")).map(str::to_owned).collect();
        *stacks.entry((tid, names)).or_insert(0) += 1;
    }
    (output, stacks)
}

/// Calls of one shrinker by one thread inside its memcg stalls, in perf's eyes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerfShrinker {
    /// How often it was called.
    pub calls: u64,
    /// Time in it, in ns.
    pub total_ns: u64,
}

/// The time in shrinkers while a command runs, by thread and function.
///
/// # Panics
/// When perf or the command fails, or perf lost something.
#[must_use]
pub fn record_shrinkers(command: &[OsString]) -> (Output, HashMap<(u32, String), PerfShrinker>) {
    const SHRINKER: [&str; 2] = ["vmscan:mm_shrink_slab_start", "vmscan:mm_shrink_slab_end"];
    let data = scratch("perf.data");
    let mut perf = Command::new("perf");
    perf.args(["record", "-q", "-a", "-k", "mono", "-m", "1024", "-e", SHRINKER[0], "-e", SHRINKER[1]]);
    let output = perf.arg("-o").arg(&data.0).arg("--").args(command).output().expect("perf record");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut open: HashMap<u32, u64> = HashMap::new();
    let mut shrinkers: HashMap<(u32, String), PerfShrinker> = HashMap::new();
    for line in script(&data.0, "comm,tid,time,event,trace").lines() {
        // `memload  5478  3649.720817622: vmscan:mm_shrink_slab_start: super_cache_scan+0x0 0xffff8881: nid: 0 ...`
        let Some((head, event)) = line.split_once(": ") else { continue };
        let mut fields = head.split_whitespace().rev();
        let (Some(time), Some(tid)) = (fields.next().and_then(nanoseconds), fields.next()) else { continue };
        let Ok(tid) = tid.parse() else { continue };
        let mut words = event.split_whitespace();
        let is_begin = words.next().is_some_and(|name| name.trim_end_matches(':') == SHRINKER[0]);
        let function = words.next().expect("a function").split('+').next().unwrap_or_default();
        if is_begin {
            open.insert(tid, time);
        } else if let Some(begun) = open.remove(&tid) {
            let sum = shrinkers.entry((tid, function.to_owned())).or_default();
            sum.calls += 1;
            sum.total_ns += time - begun;
        }
    }
    (output, shrinkers)
}

/// Time in `reclaim_throttle` in perf's eyes.
#[derive(Clone, Debug, Default)]
pub struct PerfThrottles(HashMap<(String, String), u64>);

impl PerfThrottles {
    /// Of threads of this name, for this reason as the kernel calls it (`WRITEBACK`), in ns.
    #[must_use]
    pub fn get(&self, comm: &str, reason: &str) -> u64 {
        self.0.get(&(comm.to_owned(), reason.to_owned())).copied().unwrap_or(0)
    }
}

/// The throttles while a command runs.
///
/// # Panics
/// When perf or the command fails, or perf lost something.
#[must_use]
pub fn record_throttles(command: &[OsString]) -> PerfThrottles {
    let data = scratch("perf.data");
    let mut perf = Command::new("perf");
    perf.args(["record", "-q", "-a", "-k", "mono", "-m", "1024", "-e", "vmscan:mm_vmscan_throttled"]);
    let output = perf.arg("-o").arg(&data.0).arg("--").args(command).output().expect("perf record");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut throttles = PerfThrottles::default();
    for line in script(&data.0, "comm,tid,time,event,trace").lines() {
        // `dd 21978 16899.142030: vmscan:mm_vmscan_throttled: nid=0 usec_timeout=100000 usect_delayed=8000 reason=VMSCAN_THROTTLE_WRITEBACK`
        // (the kernel writes usect).
        let word = |name: &str| line.split_whitespace().find_map(|word| word.strip_prefix(name));
        let us: u64 = word("usect_delayed=").and_then(|us| us.parse().ok()).expect("how long");
        let reason = word("reason=VMSCAN_THROTTLE_").expect("why").to_owned();
        let comm = line.split_whitespace().next().expect("who").to_owned();
        *throttles.0.entry((comm, reason)).or_default() += us * 1000;
    }
    throttles
}

/// A memcg stall in perf's eyes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerfOffCpu {
    /// Its length in ns.
    pub dur_ns: u64,
    /// Time off CPU inside it, in ns.
    pub off_cpu_ns: u64,
}

/// The memcg stalls while a command runs, by thread, with the time off CPU inside them.
///
/// # Panics
/// When perf or the command fails, or perf lost something.
#[must_use]
pub fn record_off_cpu(command: &[OsString]) -> (Output, HashMap<u32, Vec<PerfOffCpu>>) {
    const SWITCH: &str = "sched:sched_switch";
    let data = scratch("perf.data");
    let mut perf = Command::new("perf");
    perf.args(["record", "-q", "-a", "-k", "mono", "-m", "4096", "-e", BEGIN, "-e", END, "-e", SWITCH]);
    let output = perf.arg("-o").arg(&data.0).arg("--").args(command).output().expect("perf record");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Begin of the stall, since when it is off CPU, and for how long it was.
    let mut open: HashMap<u32, (u64, Option<u64>, u64)> = HashMap::new();
    let mut threads: HashMap<u32, Vec<PerfOffCpu>> = HashMap::new();
    for line in script(&data.0, "comm,tid,time,event,trace").lines() {
        let Some((head, event)) = line.split_once(": ") else { continue };
        let mut fields = head.split_whitespace().rev();
        let (Some(time), Some(tid)) = (fields.next().and_then(nanoseconds), fields.next()) else { continue };
        let Ok(tid) = tid.parse::<u32>() else { continue };
        let event = event.trim();
        if event.starts_with(BEGIN) {
            open.insert(tid, (time, None, 0));
        } else if event.starts_with(END) {
            let Some((begun, _, off_cpu_ns)) = open.remove(&tid) else { continue };
            threads.entry(tid).or_default().push(PerfOffCpu { dur_ns: time - begun, off_cpu_ns });
        } else if event.starts_with(SWITCH) {
            if let Some((_, since, _)) = open.get_mut(&tid) {
                *since = Some(time);
            }
            // `... ==> next_comm=memload next_pid=5478 next_prio=120`: a name may hold anything, and comes before.
            let next =
                event.rsplit_once(" next_pid=").and_then(|(_, next)| next.split(' ').next()?.parse::<u32>().ok());
            let stall = open.get_mut(&next.expect("who comes"));
            if let Some((_, since, off_cpu_ns)) = stall
                && let Some(since) = since.take()
            {
                *off_cpu_ns += time - since;
            }
        }
    }
    (output, threads)
}
