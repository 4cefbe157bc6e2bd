//! Time spent inside stalls, as perf saw it: shrinkers, throttles, off-CPU time and scans.

#![expect(clippy::expect_used, reason = "a test that cannot hear its witness has failed")]

use std::{collections::HashMap, ffi::OsString, process::Output};

use super::{BEGIN, END, Seen, record_events};

const SHRINKER: [&str; 2] = ["vmscan:mm_shrink_slab_start", "vmscan:mm_shrink_slab_end"];

/// Calls of one shrinker by one thread, as perf saw them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerfShrinker {
    /// Number of calls.
    pub calls: u64,
    /// Time in the shrinker, in ns.
    pub total_ns: u64,
}

/// The time in shrinkers while a command runs, by thread and function.
///
/// # Panics
/// When perf or the command fails, or perf lost something.
#[must_use]
pub fn record_shrinkers(command: &[OsString]) -> (Output, HashMap<(u32, String), PerfShrinker>) {
    let (output, seen) = record_events(&SHRINKER, command);
    let mut open: HashMap<u32, u64> = HashMap::new();
    let mut shrinkers: HashMap<(u32, String), PerfShrinker> = HashMap::new();
    for Seen { tid, t_ns, name, values, .. } in &seen {
        // `super_cache_scan+0x0 0xffff8881: nid: 0 ...`
        if name == SHRINKER[0] {
            open.insert(*tid, *t_ns);
        } else if let Some(begun) = open.remove(tid) {
            let function = values.split(['+', ' ']).next().unwrap_or_default();
            let sum = shrinkers.entry((*tid, function.to_owned())).or_default();
            sum.calls += 1;
            sum.total_ns += t_ns - begun;
        }
    }
    (output, shrinkers)
}

/// Time in `reclaim_throttle`, as perf saw it.
#[derive(Clone, Debug, Default)]
pub struct PerfThrottles(HashMap<(String, String), u64>);

impl PerfThrottles {
    /// Time of threads of this name, for this reason as the kernel names it (`WRITEBACK`), in ns.
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
    let (_, seen) = record_events(&["vmscan:mm_vmscan_throttled"], command);
    let mut throttles = PerfThrottles::default();
    for Seen { comm, values, .. } in seen {
        // `nid=0 usec_timeout=100000 usect_delayed=8000 reason=VMSCAN_THROTTLE_WRITEBACK` (the kernel writes usect).
        let word = |name: &str| values.split_whitespace().find_map(|word| word.strip_prefix(name));
        let us: u64 = word("usect_delayed=").and_then(|us| us.parse().ok()).expect("how long");
        let reason = word("reason=VMSCAN_THROTTLE_").expect("why").to_owned();
        *throttles.0.entry((comm, reason)).or_default() += us * 1000;
    }
    throttles
}

/// A memcg stall, as perf saw it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerfOffCpu {
    /// Length in ns.
    pub dur_ns: u64,
    /// Off-CPU time inside the stall, in ns, as far as perf saw the switches.
    pub off_cpu_ns: u64,
    /// Time in ns for which perf does not know whether the task ran: it missed the switch away from the task or the
    /// switch back to it. A virtual machine may hide the events of some tasks from perf, and with them each switch away
    /// from them.
    pub unseen_ns: u64,
}

/// An open stall, with the last switch of its task that perf saw.
struct OffCpu {
    begun_ns: u64,
    /// Last time the task was seen to go on or off its CPU, in ns.
    seen_ns: u64,
    is_off: bool,
    so_far: PerfOffCpu,
}

impl OffCpu {
    fn new(t_ns: u64) -> Self {
        Self { begun_ns: t_ns, seen_ns: t_ns, is_off: false, so_far: PerfOffCpu::default() }
    }

    /// The task leaves its CPU.
    fn goes(&mut self, t_ns: u64) {
        if self.is_off {
            self.so_far.unseen_ns += t_ns - self.seen_ns;
        }
        (self.seen_ns, self.is_off) = (t_ns, true);
    }

    /// The task is put on a CPU.
    fn comes(&mut self, t_ns: u64) {
        let away_ns = t_ns - self.seen_ns;
        match self.is_off {
            true => self.so_far.off_cpu_ns += away_ns,
            false => self.so_far.unseen_ns += away_ns,
        }
        (self.seen_ns, self.is_off) = (t_ns, false);
    }

    /// The stall is over; its task runs.
    fn ends(mut self, t_ns: u64) -> PerfOffCpu {
        if self.is_off {
            self.so_far.unseen_ns += t_ns - self.seen_ns;
        }
        PerfOffCpu { dur_ns: t_ns - self.begun_ns, ..self.so_far }
    }
}

/// The memcg stalls while a command runs, by thread, with the time off CPU inside them.
///
/// # Panics
/// When perf or the command fails, or perf lost something.
#[must_use]
pub fn record_off_cpu(command: &[OsString]) -> (Output, HashMap<u32, Vec<PerfOffCpu>>) {
    const SWITCH: &str = "sched:sched_switch";
    let (output, seen) = record_events(&[BEGIN, END, SWITCH], command);
    let mut open: HashMap<u32, OffCpu> = HashMap::new();
    let mut threads: HashMap<u32, Vec<PerfOffCpu>> = HashMap::new();
    for &Seen { tid, t_ns, ref name, ref values, .. } in &seen {
        if name == BEGIN {
            open.insert(tid, OffCpu::new(t_ns));
        } else if name == END {
            threads.entry(tid).or_default().extend(open.remove(&tid).map(|stall| stall.ends(t_ns)));
        } else {
            if let Some(stall) = open.get_mut(&tid) {
                stall.goes(t_ns);
            }
            // `... ==> next_comm=memload next_pid=5478 next_prio=120`: the name comes first and may contain anything.
            let next =
                values.rsplit_once(" next_pid=").and_then(|(_, next)| next.split(' ').next()?.parse::<u32>().ok());
            if let Some(stall) = open.get_mut(&next.expect("the task that comes")) {
                stall.comes(t_ns);
            }
        }
    }
    (output, threads)
}

/// Scans and shrinkers in the memcg stalls of a thread, as perf saw them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerfScans {
    /// Number of stalls.
    pub stalls: u64,
    /// Number of shrinker calls in them.
    pub shrinkers: u64,
    /// Time in stretches with a list scan, in ns. A stretch lies between two consecutive events: begin or end of the
    /// stall, or begin or end of a shrinker.
    pub scan_ns: u64,
    /// Time in stretches outside shrinkers without a list scan, in ns.
    pub rest_ns: u64,
}

/// Time in scans inside the memcg stalls while a command runs, by thread, and the time outside scans and shrinkers.
///
/// # Panics
/// When perf or the command fails, or perf lost something.
#[must_use]
pub fn record_scans(command: &[OsString]) -> (Output, HashMap<u32, PerfScans>) {
    const SCAN: &str = "vmscan:mm_vmscan_lru_shrink_inactive";
    let (output, seen) = record_events(&[BEGIN, END, SHRINKER[0], SHRINKER[1], SCAN], command);
    // By thread: begin of the current stretch, and true once a list was scanned in it.
    let mut open: HashMap<u32, (u64, bool)> = HashMap::new();
    let mut threads: HashMap<u32, PerfScans> = HashMap::new();
    for Seen { tid, t_ns, name, .. } in &seen {
        if name == BEGIN {
            open.insert(*tid, (*t_ns, false));
            continue;
        }
        let Some((since, is_scan)) = open.get_mut(tid) else { continue };
        if name == SCAN {
            *is_scan = true;
            continue;
        }
        let sum = threads.entry(*tid).or_default();
        let ns = t_ns - *since;
        match (name == SHRINKER[1], *is_scan) {
            (true, _) => sum.shrinkers += 1,
            (false, true) => sum.scan_ns += ns,
            (false, false) => sum.rest_ns += ns,
        }
        (*since, *is_scan) = (*t_ns, false);
        if name == END {
            sum.stalls += 1;
            open.remove(tid);
        }
    }
    (output, threads)
}
