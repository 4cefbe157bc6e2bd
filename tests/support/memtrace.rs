//! A running `memtrace --json`: started and attached, waited for line by line, ended with SIGTERM and parsed.

#![expect(clippy::expect_used, reason = "a test that cannot run memtrace has failed")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    ops::Not as _,
    process::{Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{ChildGuard, bin, is_root, skip_here};

/// Longer than any start or end of memtrace, also on a busy machine. Only a failure waits for all of it.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Restricts lines and tables to the kind of stall whose begin `perf` counts. Tasks may also stall in compaction when
/// the page cache has fragmented the host's memory.
pub const MEMCG: &[&str] = &["--kind", "memcg"];

/// `CAP_SYS_ADMIN`, or `CAP_PERFMON` and `CAP_BPF`: bits of `CapEff`.
const SYS_ADMIN: u64 = 1 << 21;
const PERFMON_AND_BPF: u64 = 1 << 38 | 1 << 39;

/// True if memtrace has the rights to trace here; otherwise the test is reported as skipped. If memtrace has the rights
/// and still cannot trace, the test fails.
#[must_use]
pub fn may_trace() -> bool {
    if !is_root() {
        skip_here("tracing needs root, and there is no sudo");
        return false;
    }
    let status = fs::read_to_string("/proc/self/status").expect("/proc");
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:")).expect("CapEff");
    let bits = u64::from_str_radix(effective.trim(), 16).expect("a hexadecimal number");
    if bits & SYS_ADMIN == 0 && bits & PERFMON_AND_BPF != PERFMON_AND_BPF {
        skip_here("this root has neither CAP_SYS_ADMIN nor CAP_BPF and CAP_PERFMON (a container?)");
        return false;
    }
    true
}

/// A running memtrace.
#[derive(Debug)]
pub struct Memtrace {
    child: ChildGuard,
    lines: Receiver<Vec<u8>>,
    seen: Vec<Vec<u8>>,
    stderr: Option<JoinHandle<String>>,
}

/// Exit status and output of a memtrace that has ended.
#[derive(Debug)]
pub struct Run {
    /// Exit status.
    pub status: ExitStatus,
    /// Stdout, line by line, as it came.
    pub raw: Vec<Vec<u8>>,
    /// Stderr.
    pub stderr: String,
}

impl Memtrace {
    /// Starts `memtrace --json ARGS` and waits until it is attached. Without `--budget` in `args` there is no budget,
    /// so nothing is sampled, however busy the host.
    ///
    /// # Panics
    /// When memtrace does not get attached.
    #[must_use]
    pub fn start(args: &[&str]) -> Self {
        let mut command = Command::new(bin("memtrace"));
        command.arg("--json").args(args.contains(&"--budget").not().then_some("--budget=none")).args(args);
        Self::start_command(command)
    }

    /// Starts this command, which must write JSON or a line once a tick, and waits for its first line.
    ///
    /// # Panics
    /// When nothing comes.
    #[must_use]
    pub fn start_command(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = ChildGuard::spawn(&mut command);
        let mut out = BufReader::new(child.0.stdout.take().expect("it is piped"));
        let mut err = child.0.stderr.take().expect("it is piped");
        let (sender, lines) = channel();
        thread::spawn(move || {
            let mut line = Vec::new();
            while out.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                if sender.send(std::mem::take(&mut line)).is_err() {
                    break;
                }
            }
        });
        let stderr = thread::spawn(move || {
            let mut text = Vec::new();
            let _ = err.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let mut memtrace = Self { child, lines, seen: Vec::new(), stderr: Some(stderr) };
        if !memtrace.wait_for(|_| true) {
            panic!("memtrace wrote nothing: {:?}", memtrace.wait());
        }
        memtrace
    }

    /// Process id of memtrace.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// Reads on until a line satisfies `wanted`. False if none does before the timeout or the end of memtrace.
    pub fn wait_for(&mut self, wanted: impl Fn(&[u8]) -> bool) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while let Ok(line) = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            let found = wanted(&line);
            self.seen.push(line);
            if found {
                return true;
            }
        }
        false
    }

    /// Waits for `ticks` intervals that end from now on. False on timeout.
    pub fn wait_for_ticks(&mut self, ticks: u32) -> bool {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let now_ns = now.tv_sec * 1_000_000_000 + now.tv_nsec;
        let ended_since = |line: &[u8]| {
            line.starts_with(br#"{"type":"tick""#)
                && serde_json::from_slice::<Value>(line).is_ok_and(|tick| tick["t_ns"].as_i64() > Some(now_ns))
        };
        (0..ticks).all(|_| self.wait_for(ended_since))
    }

    /// Sends memtrace a signal.
    ///
    /// # Panics
    /// When it is gone.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child.0), signal).expect("it runs");
    }

    /// Ends memtrace by SIGTERM and collects its output.
    #[must_use]
    pub fn stop(self) -> Run {
        self.stop_with(Signal::TERM)
    }

    /// Ends memtrace by this signal and collects its output.
    #[must_use]
    pub fn stop_with(self, signal: Signal) -> Run {
        self.signal(signal);
        self.wait()
    }

    /// Waits for the end of memtrace and collects its output.
    ///
    /// # Panics
    /// When it does not end.
    #[must_use]
    pub fn wait(mut self) -> Run {
        let status = wait_within(&mut self.child, PATIENCE).expect("memtrace ends in time");
        let mut raw = std::mem::take(&mut self.seen);
        raw.extend(self.lines.iter());
        let stderr = self.stderr.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        Run { status, raw, stderr }
    }
}

impl Run {
    /// All objects, in order.
    ///
    /// # Panics
    /// When a line is not JSON.
    #[must_use]
    pub fn objects(&self) -> Vec<Value> {
        let parse = |line: &Vec<u8>| {
            serde_json::from_slice(line).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(line)))
        };
        self.raw.iter().map(parse).collect()
    }

    /// The objects of this type.
    #[must_use]
    pub fn of_type(&self, kind: &str) -> Vec<Value> {
        let begin = format!("{{\"type\":\"{kind}\"");
        let mut objects = self.objects();
        let mut lines = self.raw.iter();
        objects.retain(|_| lines.next().is_some_and(|line| line.starts_with(begin.as_bytes())));
        objects
    }

    /// The summary of a run that ended well.
    ///
    /// # Panics
    /// When the run failed, or the summary is not the last object or not the only summary.
    #[must_use]
    pub fn summary(&self) -> Value {
        assert!(self.status.success(), "{}: {}", self.status, self.stderr);
        let mut all = self.of_type("summary");
        assert_eq!(all.len(), 1, "{}", self.stderr);
        let last = self.raw.last().map(|line| String::from_utf8_lossy(line).into_owned());
        assert!(last.is_some_and(|line| line.starts_with(r#"{"type":"summary""#) && line.ends_with('\n')));
        all.remove(0)
    }
}

/// Stalls in the row of a summary's `processes` that has this pid; 0 without a row.
#[must_use]
pub fn stalls_of_pid(summary: &Value, pid: u32) -> u64 {
    let rows = summary["processes"].as_array().into_iter().flatten();
    rows.filter(|row| row["pid"] == pid).filter_map(|row| row["stalls"].as_u64()).sum()
}

/// Stalls in the row of a summary's `cgroups` that has this path; 0 without a row.
#[must_use]
pub fn stalls_of_cgroup(summary: &Value, path: &str) -> u64 {
    let rows = summary["cgroups"].as_array().into_iter().flatten();
    rows.filter(|row| row["cgroup"] == path).filter_map(|row| row["stalls"].as_u64()).sum()
}

/// A number of the object, by its JSON pointer.
///
/// # Panics
/// When it is not there, or no count.
#[must_use]
pub fn number(object: &Value, pointer: &str) -> u64 {
    let number = object.pointer(pointer).and_then(Value::as_u64);
    number.unwrap_or_else(|| panic!("{pointer} is no number in {object}"))
}

/// Waits for a child. `None` if it does not end within `patience`.
#[must_use]
pub fn wait_within(child: &mut ChildGuard, patience: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + patience;
    loop {
        match child.0.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(2)),
            Ok(None) | Err(_) => return None,
        }
    }
}
