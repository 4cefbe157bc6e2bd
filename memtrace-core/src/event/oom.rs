//! OOM kills: the victim, the task that ran out of memory, the limit, and the time at which the memory was freed.

use super::Comm;

/// Limit that an OOM kill enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Constraint {
    /// The limit of a memory cgroup.
    Memcg,
    /// None: the host ran out.
    None,
    /// The memory nodes of a cpuset.
    Cpuset,
    /// The nodes of a memory policy.
    Mempolicy,
}

impl Constraint {
    /// All constraints.
    pub const ALL: [Self; 4] = [Self::Memcg, Self::None, Self::Cpuset, Self::Mempolicy];

    /// The name in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memcg => "memcg",
            Self::None => "none",
            Self::Cpuset => "cpuset",
            Self::Mempolicy => "mempolicy",
        }
    }
}

/// The process that the OOM killer chose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Victim {
    /// Process id.
    pub pid: u32,
    /// Thread id that the kernel's event and log show: a thread of the victim that still had its memory.
    pub tid: u32,
    /// Name of the victim.
    pub comm: Option<Comm>,
    /// Id of the victim's own memory cgroup (not the trigger's).
    pub cgroup_id: Option<u64>,
    /// Anonymous resident memory in bytes.
    pub anon_rss_bytes: Option<u64>,
    /// File-backed resident memory in bytes.
    pub file_rss_bytes: Option<u64>,
    /// Shared resident memory in bytes.
    pub shmem_rss_bytes: Option<u64>,
    /// `oom_score_adj` of the victim.
    pub oom_score_adj: Option<i32>,
}

/// A task by process id and name: the task that ran out of memory, often not the victim, or the task that woke kswapd.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trigger {
    /// Process id.
    pub pid: u32,
    /// Name of the task.
    pub comm: Comm,
}

/// A call of the OOM killer (`oom_kill_process`): one decision, with one victim or, where `memory.oom.group` is set,
/// with all members of a cgroup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OomCall {
    /// Number of the call since the start, from 1. Victims with the same number died for the same decision.
    pub number: u64,
    /// Position of this victim among those of the call, from 1; victims after the first are killed for
    /// `memory.oom.group`.
    pub victim: u32,
    /// Limit according to the kernel (`oom_control.constraint`).
    pub constraint: Option<Constraint>,
    /// Id of the memory cgroup at its limit; `None` also when the limit is not that of a cgroup.
    pub cgroup_id: Option<u64>,
    /// Order of the allocation that failed; -1 when a person requested the kill (sysrq f).
    pub order: Option<i32>,
    /// Flags of that allocation, with the running kernel's bit numbers.
    pub gfp: Option<u32>,
    /// Score by which the victim was chosen: pages that its death would free (resident, swapped, page tables), shifted
    /// by its `oom_score_adj`.
    pub points: Option<i64>,
    /// Pages that the score relates to: the limit of the cgroup, or memory and swap of the host or of the allowed
    /// nodes.
    pub total_pages: Option<u64>,
}

/// Kind of the trigger's last reclaim before a kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LastReclaim {
    /// Reclaim at the limit of a memory cgroup.
    Memcg,
    /// Global reclaim, or its retry. The limit may also have been that of a cpuset or a memory policy.
    Global,
}

impl LastReclaim {
    /// All kinds.
    pub const ALL: [Self; 2] = [Self::Memcg, Self::Global];

    /// The name in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memcg => "memcg",
            Self::Global => "global",
        }
    }

    /// True when this reclaim is consistent with the limit.
    const fn agrees(self, constraint: Constraint) -> bool {
        matches!(self, Self::Memcg) == matches!(constraint, Constraint::Memcg)
    }
}

/// Way in which the memory of a victim was freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FreedBy {
    /// The address space was torn down (`exit_mmap`), after the last user had let go.
    Exit,
    /// The OOM reaper took its private memory, since it had not died for two seconds.
    Reaper,
}

impl FreedBy {
    /// All ways.
    pub const ALL: [Self; 2] = [Self::Exit, Self::Reaper];

    /// The name in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exit => "exit",
            Self::Reaper => "reaper",
        }
    }
}

/// Time and way in which the memory of a victim was freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryBack {
    /// Time since the mark, in ns.
    pub after_ns: u64,
    /// Way in which it was freed.
    pub by: FreedBy,
}

/// The memory of an OOM victim was freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freed {
    /// Time at which it was freed, `CLOCK_MONOTONIC` in ns.
    pub t_ns: u64,
    /// Time at which the victim was marked: `t_ns` of its [`Oom`].
    pub marked_ns: u64,
    /// Process id of the victim.
    pub pid: u32,
    /// Thread id of the victim, as in its [`Oom`].
    pub tid: u32,
    /// Name of the victim.
    pub comm: Option<Comm>,
    /// Way in which it was freed.
    pub by: FreedBy,
}

impl Freed {
    /// Time and way, relative to the kill.
    #[must_use]
    pub const fn memory_back(&self) -> MemoryBack {
        MemoryBack { after_ns: self.t_ns.saturating_sub(self.marked_ns), by: self.by }
    }

    /// True when it belongs to this kill.
    #[must_use]
    pub const fn is_of(&self, oom: &Oom) -> bool {
        oom.t_ns == self.marked_ns && oom.victim.tid == self.tid
    }
}

/// An OOM kill: one victim that was marked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oom {
    /// Time at which the victim was marked, `CLOCK_MONOTONIC` in ns.
    pub t_ns: u64,
    /// The process that was killed.
    pub victim: Victim,
    /// The task that ran out of memory.
    pub trigger: Trigger,
    /// Limit: from the call, else from the kernel log, else from the trigger's last reclaim; `None` when none of them
    /// shows it.
    pub constraint: Option<Constraint>,
    /// The call that chose the victim; `None` where calls are not traced, and when the victim was `dying`.
    pub call: Option<OomCall>,
    /// No call chose the victim, though calls are traced: it was exiting already and ran out of memory itself, so the
    /// kernel let it use the reserves (`task_will_free_mem`) and killed nobody.
    pub dying: bool,
    /// Kind of the trigger's last reclaim.
    pub last_reclaim: Option<LastReclaim>,
    /// Limit that the kernel log names; `None` when the log was not read or names none.
    pub logged: Option<Constraint>,
    /// Time and way in which the victim's memory was freed; `None` when that was not seen (yet).
    pub memory_back: Option<MemoryBack>,
}

impl Oom {
    /// True when the call, the last reclaim and the kernel log show different limits. The kernel's own call is right
    /// then; a last reclaim may be an older one of the same thread, and a line of the log may be forged or of another
    /// kill.
    #[must_use]
    pub fn signs_disagree(&self) -> bool {
        let call = self.call.and_then(|call| call.constraint);
        let differ = call.zip(self.logged).is_some_and(|(call, logged)| call != logged);
        let against = |constraint: Option<Constraint>| {
            self.last_reclaim.zip(constraint).is_some_and(|(reclaim, constraint)| !reclaim.agrees(constraint))
        };
        differ || against(call) || against(self.logged)
    }

    /// Sets the limit that the kernel log names.
    pub fn hear_log(&mut self, constraint: Option<Constraint>) {
        self.logged = constraint;
        let call = self.call.and_then(|call| call.constraint);
        self.constraint = call.or(constraint).or(self.constraint);
    }

    /// Cgroups of the kill: the victim's, and the one at its limit.
    pub fn cgroups(&self) -> impl Iterator<Item = u64> + use<> {
        [self.victim.cgroup_id, self.limit_cgroup_id()].into_iter().flatten()
    }

    /// The memory cgroup at its limit.
    #[must_use]
    pub fn limit_cgroup_id(&self) -> Option<u64> {
        self.call.and_then(|call| call.cgroup_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_disagrees_is_said_and_the_call_is_believed() {
        let call = |constraint| Some(OomCall { constraint, ..OomCall::default() });
        let (memcg, none, cpuset) = (Some(Constraint::Memcg), Some(Constraint::None), Some(Constraint::Cpuset));
        let kill = |call, last_reclaim, logged| {
            let mut oom = Oom { call, last_reclaim, ..Oom::default() };
            oom.constraint = oom.call.and_then(|call| call.constraint);
            oom.hear_log(logged);
            (oom.constraint, oom.signs_disagree())
        };
        assert_eq!(kill(None, None, None), (None, false));
        assert_eq!(kill(None, None, memcg), (memcg, false));
        assert_eq!(kill(None, Some(LastReclaim::Memcg), none), (none, true));
        assert_eq!(kill(None, Some(LastReclaim::Global), cpuset), (cpuset, false));
        assert_eq!(kill(call(memcg), None, none), (memcg, true));
        assert_eq!(kill(call(memcg), Some(LastReclaim::Memcg), memcg), (memcg, false));
        assert_eq!(kill(call(none), Some(LastReclaim::Memcg), None), (none, true));
        assert_eq!(kill(call(memcg), Some(LastReclaim::Global), None), (memcg, true));
        assert_eq!(kill(call(None), None, none), (none, false));
    }
}
