//! OOM kills on their way out: held for a moment, until the kernel log names the limit that they enforced.

use std::{collections::VecDeque, time::Duration};

use crate::host::{
    cgroups::CgroupNames,
    kmsg::{KernelLog, LogKill},
};
use memtrace_core::event::{Freed, Oom};

/// Longest wait of a kill for the log. The kernel prints its lines within microseconds of `oom:mark_victim`; a slow
/// console can delay them.
const PATIENCE: Duration = Duration::from_millis(500);
/// Most kills that wait; a further one goes out as it is.
const CAPACITY: usize = 64;

/// A kill that waits for the log.
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
    /// Kills of the log without a waiting kill, and the time at which they were read, in ns. The log may be ahead of
    /// the ring, as it is for the members of a group, which are killed one right after the other.
    early: VecDeque<(u64, LogKill)>,
}

impl OomQueue {
    /// A queue that waits for this log.
    pub(super) fn new(log: Result<KernelLog, String>) -> Self {
        Self { log, waiting: Vec::with_capacity(CAPACITY), early: VecDeque::with_capacity(CAPACITY) }
    }

    /// Takes a kill; returns it when it cannot wait.
    pub(super) fn push(&mut self, oom: Oom) -> Option<Oom> {
        if self.log.is_err() || self.waiting.len() == CAPACITY {
            return Some(oom);
        }
        self.waiting.push(Waiting { oom, confirmed: false });
        None
    }

    /// Adds the time at which a victim's memory was back to its kill; false if that kill does not wait.
    pub(super) fn freed(&mut self, freed: &Freed) -> bool {
        let found = self.waiting.iter_mut().find(|waiting| freed.is_of(&waiting.oom));
        found.map(|waiting| waiting.oom.memory_back = Some(freed.memory_back())).is_some()
    }

    /// Number of kills that wait.
    pub(super) fn pending(&self) -> u64 {
        self.waiting.len() as u64
    }

    /// The kills that are ready at `now_ns`: found in the log, or waiting for too long (all of them when `all`).
    pub(super) fn ready(&mut self, now_ns: u64, all: bool, cgroups: &CgroupNames) -> Vec<Oom> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        self.read(now_ns);
        join(&mut self.waiting, &mut self.early, |oom, kill| refine(oom, kill, cgroups));
        let late = |oom: &Oom| now_ns.saturating_sub(oom.t_ns) > patience_ns();
        self.waiting.extract_if(.., |w| all || w.confirmed || late(&w.oom)).map(|w| w.oom).collect()
    }

    /// Reads the log up to `now_ns`, so that its lines are not taken for a much later kill.
    pub(super) fn catch_up(&mut self, now_ns: u64) {
        if self.waiting.is_empty() {
            self.read(now_ns);
        }
    }

    fn read(&mut self, now_ns: u64) {
        self.early.retain(|(read_ns, _)| now_ns.saturating_sub(*read_ns) <= patience_ns());
        let Ok(log) = &mut self.log else { return };
        // A log that fails now is read again at the next kill.
        for kill in log.poll().unwrap_or_default() {
            if self.early.len() == CAPACITY {
                self.early.pop_front();
            }
            self.early.push_back((now_ns, kill));
        }
    }
}

fn patience_ns() -> u64 {
    u64::try_from(PATIENCE.as_nanos()).unwrap_or(u64::MAX)
}

/// Matches each waiting kill with its line of the log, once.
fn join(waiting: &mut [Waiting], early: &mut VecDeque<(u64, LogKill)>, mut refine: impl FnMut(&mut Oom, &LogKill)) {
    for waiting in waiting.iter_mut().filter(|waiting| !waiting.confirmed) {
        let found = early.iter().position(|(_, kill)| is_same(&waiting.oom, kill));
        if let Some((_, kill)) = found.and_then(|at| early.remove(at)) {
            waiting.confirmed = true;
            refine(&mut waiting.oom, &kill);
        }
    }
}

/// The log names a thread of the victim; the event names that thread and the process.
fn is_same(oom: &Oom, kill: &LogKill) -> bool {
    kill.pid == oom.victim.pid || kill.pid == oom.victim.tid
}

/// Adds the log's constraint, which is better than an inferred one, and values that the event lacks.
fn refine(oom: &mut Oom, kill: &LogKill, cgroups: &CgroupNames) {
    oom.hear_log(kill.constraint);
    oom.victim.comm = oom.victim.comm.or(Some(kill.comm));
    // The log's path is used only where the kernel side could not read the cgroup, since it may be ambiguous.
    let by_path = || cgroups.id_of(kill.task_memcg.as_deref()?).ok();
    oom.victim.cgroup_id = oom.victim.cgroup_id.or_else(by_path);
    oom.victim.anon_rss_bytes = oom.victim.anon_rss_bytes.or(kill.anon_rss_bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use memtrace_core::event::{Comm, Constraint, Victim};

    fn line(pid: u32) -> (u64, LogKill) {
        let kill = LogKill {
            t_ns: 0,
            pid,
            comm: Comm::default(),
            constraint: Some(Constraint::Memcg),
            oom_memcg: None,
            task_memcg: None,
            anon_rss_bytes: None,
        };
        (0, kill)
    }

    fn waits(pid: u32) -> Waiting {
        let victim = Victim { pid, tid: pid + 100, ..Victim::default() };
        Waiting { oom: Oom { victim, ..Oom::default() }, confirmed: false }
    }

    /// For a group, the log has the line of the second victim before the ring has its record, and the line of the first
    /// one twice.
    #[test]
    fn a_log_ahead_of_the_ring_is_not_lost() {
        let mut early: VecDeque<_> = [line(1), line(2), line(1)].into();
        let mut waiting = vec![waits(1)];
        let heard = |oom: &mut Oom, kill: &LogKill| oom.hear_log(kill.constraint);
        join(&mut waiting, &mut early, heard);
        assert_eq!(early.iter().map(|(_, kill)| kill.pid).collect::<Vec<_>>(), [2, 1]);
        waiting.push(waits(2));
        waiting.push(waits(3));
        join(&mut waiting, &mut early, heard);
        let logged: Vec<_> = waiting.iter().map(|w| (w.confirmed, w.oom.logged.is_some())).collect();
        assert_eq!(logged, [(true, true), (true, true), (false, false)]);
        // The log may name a thread.
        early.push_back(line(103));
        join(&mut waiting, &mut early, heard);
        assert!(waiting.iter().all(|w| w.confirmed));
    }
}
