//! The OOM kills of a session.

use std::collections::VecDeque;

use crate::event::{Comm, Constraint, Oom, Trigger, Victim};

/// The latest kills, and how many there were.
#[derive(Debug)]
pub(super) struct OomKills {
    kept: VecDeque<Oom>,
    capacity: usize,
    seen: u64,
}

impl OomKills {
    /// Room for `capacity` kills (at least 1), all memory allocated and written once.
    pub(super) fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        let victim = Victim {
            pid: 0,
            tid: 0,
            comm: None,
            cgroup_id: None,
            anon_rss_bytes: None,
            file_rss_bytes: None,
            shmem_rss_bytes: None,
            oom_score_adj: None,
        };
        let trigger = Trigger { pid: 0, comm: Comm::default() };
        // Filled once, so that its memory is written here and not in the middle of an OOM.
        let mut kept = VecDeque::from(vec![Oom { t_ns: u64::MAX, victim, trigger, constraint: None }; capacity]);
        std::hint::black_box(&mut kept);
        kept.clear();
        Self { kept, capacity, seen: 0 }
    }

    /// Adds one; the oldest makes room.
    pub(super) fn push(&mut self, oom: Oom) {
        if self.kept.len() == self.capacity {
            self.kept.pop_front();
        }
        self.kept.push_back(oom);
        self.seen += 1;
    }

    /// Says which limit the latest kill of this victim enforced. False when there is no such kill.
    pub(super) fn refine(&mut self, victim_pid: u32, constraint: Constraint) -> bool {
        let found = self.kept.iter_mut().rev().find(|oom| oom.victim.pid == victim_pid);
        let known = found.is_some();
        if let Some(oom) = found {
            oom.constraint = Some(constraint);
        }
        known
    }

    /// The kills that are kept, oldest first.
    pub(super) fn kept(&self) -> impl Iterator<Item = &Oom> {
        self.kept.iter()
    }

    /// How many there were.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }
}
