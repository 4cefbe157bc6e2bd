//! The OOM kills of a session.

use std::collections::VecDeque;

use crate::event::{Constraint, Freed, Oom};

/// The latest kills, and the number of all kills.
#[derive(Debug)]
pub(super) struct OomKills {
    kept: VecDeque<Oom>,
    capacity: usize,
    seen: u64,
    groups: u64,
}

impl OomKills {
    /// Creates a list with room for `capacity` kills (at least 1), all memory allocated and written once.
    pub(super) fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        // Filled once, so that its memory is written now and not in the middle of an OOM.
        let mut kept = VecDeque::from(vec![Oom { t_ns: u64::MAX, ..Oom::default() }; capacity]);
        std::hint::black_box(&mut kept);
        kept.clear();
        Self { kept, capacity, seen: 0, groups: 0 }
    }

    /// Adds a kill; the oldest one makes room.
    pub(super) fn push(&mut self, oom: Oom) {
        self.groups += u64::from(match oom.call {
            Some(call) => call.victim == 2,
            // If calls are not traced, successive kills with the same trigger may be those of a group.
            None => !oom.dying && self.kept.back().is_some_and(|last| last.trigger.pid == oom.trigger.pid),
        });
        if self.kept.len() == self.capacity {
            self.kept.pop_front();
        }
        self.kept.push_back(oom);
        self.seen += 1;
    }

    /// Sets the limit of the latest kill of this victim. False when there is no such kill.
    pub(super) fn refine(&mut self, victim_pid: u32, constraint: Constraint) -> bool {
        let found = self.kept.iter_mut().rev().find(|oom| oom.victim.pid == victim_pid);
        let known = found.is_some();
        if let Some(oom) = found {
            oom.hear_log(Some(constraint));
        }
        known
    }

    /// Sets the time at which the memory of a victim was freed. Ignored when the kill is no longer kept.
    pub(super) fn freed(&mut self, freed: &Freed) {
        if let Some(oom) = self.kept.iter_mut().rev().find(|oom| freed.is_of(oom)) {
            oom.memory_back = Some(freed.memory_back());
        }
    }

    /// The kills that are kept, oldest first.
    pub(super) fn kept(&self) -> impl Iterator<Item = &Oom> {
        self.kept.iter()
    }

    /// Calls of the OOM killer that killed a whole cgroup; an upper bound where calls are not traced.
    pub(super) fn groups(&self) -> u64 {
        self.groups
    }

    /// Number of kills so far.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }
}
