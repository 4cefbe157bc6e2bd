//! OOM kills on their way out: held for a moment, until the kernel log says which limit they enforced.

use std::time::Duration;

use crate::{
    event::Oom,
    host::{
        cgroups::CgroupNames,
        kmsg::{KernelLog, LogKill},
    },
};

/// How long a kill waits for the log. The kernel prints its lines around the mark within microseconds; a slow console
/// can hold them up.
const PATIENCE: Duration = Duration::from_millis(500);
/// Room for kills that wait; one more goes out as it is.
const CAPACITY: usize = 64;

/// A kill that waits.
#[derive(Debug)]
struct Waiting {
    oom: Oom,
    confirmed: bool,
}

/// The kills that wait.
#[derive(Debug)]
pub(super) struct OomQueue {
    log: Result<KernelLog, String>,
    waiting: Vec<Waiting>,
}

impl OomQueue {
    /// A queue that asks this log.
    pub(super) fn new(log: Result<KernelLog, String>) -> Self {
        Self { log, waiting: Vec::with_capacity(CAPACITY) }
    }

    /// Takes a kill; gives it back when it cannot wait.
    pub(super) fn push(&mut self, oom: Oom) -> Option<Oom> {
        if self.log.is_err() || self.waiting.len() == CAPACITY {
            return Some(oom);
        }
        self.waiting.push(Waiting { oom, confirmed: false });
        None
    }

    /// How many wait.
    pub(super) fn pending(&self) -> u64 {
        self.waiting.len() as u64
    }

    /// The kills that are ready at `now_ns`: found in the log, or waiting for too long (all of them when `all`).
    pub(super) fn ready(&mut self, now_ns: u64, all: bool, cgroups: &CgroupNames) -> Vec<Oom> {
        let Ok(log) = &mut self.log else { return Vec::new() };
        if self.waiting.is_empty() {
            return Vec::new();
        }
        for kill in log.poll().unwrap_or_default() {
            let same = |w: &&mut Waiting| !w.confirmed && is_same(&w.oom, &kill);
            if let Some(waiting) = self.waiting.iter_mut().find(same) {
                waiting.confirmed = true;
                refine(&mut waiting.oom, &kill, cgroups);
            }
        }
        let patience = u64::try_from(PATIENCE.as_nanos()).unwrap_or(u64::MAX);
        let late = |oom: &Oom| now_ns.saturating_sub(oom.t_ns) > patience;
        self.waiting.extract_if(.., |w| all || w.confirmed || late(&w.oom)).map(|w| w.oom).collect()
    }

    /// Reads the log up to now, so that what is in it is not taken for a later kill.
    pub(super) fn catch_up(&mut self) {
        if self.waiting.is_empty()
            && let Ok(log) = &mut self.log
        {
            // A log that fails now is asked again at the next kill.
            let _ = log.poll();
        }
    }
}

/// The log names a thread of the victim; the event names that thread and the process.
fn is_same(oom: &Oom, kill: &LogKill) -> bool {
    kill.pid == oom.victim.pid || kill.pid == oom.victim.tid
}

/// Takes what the log knows better, or beside the event.
fn refine(oom: &mut Oom, kill: &LogKill, cgroups: &CgroupNames) {
    oom.constraint = kill.constraint.or(oom.constraint);
    oom.victim.comm = oom.victim.comm.or(Some(kill.comm));
    // The log's path is only asked where the kernel side could not read the cgroup: it may be ambiguous.
    let by_path = || cgroups.id_of(kill.task_memcg.as_deref()?).ok();
    oom.victim.cgroup_id = oom.victim.cgroup_id.or_else(by_path);
    oom.victim.anon_rss_bytes = oom.victim.anon_rss_bytes.or(kill.anon_rss_bytes);
}
