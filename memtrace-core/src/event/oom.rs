//! OOM kills: who was chosen, who ran out, which limit it was about, and when the memory was back.

use super::Comm;

/// Which limit an OOM kill enforced.
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
    /// Thread id that the kernel's event and log name: a thread of the victim that still had its memory.
    pub tid: u32,
    /// Its name.
    pub comm: Option<Comm>,
    /// Id of its own memory cgroup (not the trigger's).
    pub cgroup_id: Option<u64>,
    /// Anonymous resident memory in bytes.
    pub anon_rss_bytes: Option<u64>,
    /// File-backed resident memory in bytes.
    pub file_rss_bytes: Option<u64>,
    /// Shared resident memory in bytes.
    pub shmem_rss_bytes: Option<u64>,
    /// Its `oom_score_adj`.
    pub oom_score_adj: Option<i32>,
}

/// A task by process id and name: the one that ran out of memory, often not the victim, or the one that woke kswapd.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trigger {
    /// Process id.
    pub pid: u32,
    /// Its name.
    pub comm: Comm,
}

/// A call of the OOM killer (`oom_kill_process`): one decision, with one victim or, where `memory.oom.group` is set, with
/// all members of a cgroup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OomCall {
    /// Its number since the start, from 1. Victims with the same number died for the same decision.
    pub number: u64,
    /// The how manieth victim of the call this one is, from 1; those after the first are killed for `memory.oom.group`.
    pub victim: u32,
    /// Which limit, in the kernel's own words (`oom_control.constraint`).
    pub constraint: Option<Constraint>,
    /// Id of the memory cgroup at its limit; `None` also when it is not about one.
    pub cgroup_id: Option<u64>,
    /// Order of the allocation that failed; -1 when a person asked for the kill (sysrq f).
    pub order: Option<i32>,
    /// Flags of that allocation, with the running kernel's bit numbers.
    pub gfp: Option<u32>,
    /// Why the victim was chosen: pages it would give back (resident, swapped, page tables), shifted by its
    /// `oom_score_adj`.
    pub points: Option<i64>,
    /// Pages that it was chosen out of: the limit of the cgroup, or memory and swap of the host or of the allowed nodes.
    pub total_pages: Option<u64>,
}

/// What the trigger's last reclaim was before a kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LastReclaim {
    /// Reclaim at the limit of a memory cgroup.
    Memcg,
    /// Reclaim of the host, or its retry. A cpuset or a memory policy may have been what ran out.
    Global,
}

impl LastReclaim {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Memcg, Self::Global];

    /// The name in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memcg => "memcg",
            Self::Global => "global",
        }
    }

    /// Whether it goes together with this limit.
    const fn agrees(self, constraint: Constraint) -> bool {
        matches!(self, Self::Memcg) == matches!(constraint, Constraint::Memcg)
    }
}

/// How the memory of a victim came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FreedBy {
    /// Its address space was torn down (`exit_mmap`), after the last of those who used it had let go.
    Exit,
    /// The OOM reaper took its private memory, since it had not died for two seconds.
    Reaper,
}

impl FreedBy {
    /// Both.
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

/// When the memory of a victim was back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryBack {
    /// How long after the mark, in ns.
    pub after_ns: u64,
    /// How.
    pub by: FreedBy,
}

/// The memory of an OOM victim is back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freed {
    /// When, `CLOCK_MONOTONIC` in ns.
    pub t_ns: u64,
    /// When the victim was marked: `t_ns` of its [`Oom`].
    pub marked_ns: u64,
    /// Process id of the victim.
    pub pid: u32,
    /// Thread id of the victim, as in its [`Oom`].
    pub tid: u32,
    /// Its name.
    pub comm: Option<Comm>,
    /// How.
    pub by: FreedBy,
}

impl Freed {
    /// What it says of the kill.
    #[must_use]
    pub const fn memory_back(&self) -> MemoryBack {
        MemoryBack { after_ns: self.t_ns.saturating_sub(self.marked_ns), by: self.by }
    }

    /// Whether it is about this kill.
    #[must_use]
    pub const fn is_of(&self, oom: &Oom) -> bool {
        oom.t_ns == self.marked_ns && oom.victim.tid == self.tid
    }
}

/// An OOM kill: one victim that was marked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oom {
    /// When the victim was marked, `CLOCK_MONOTONIC` in ns.
    pub t_ns: u64,
    /// Who was chosen.
    pub victim: Victim,
    /// Who ran out.
    pub trigger: Trigger,
    /// Which limit: what the call says, else the kernel log, else the trigger's last reclaim; `None` when none of them does.
    pub constraint: Option<Constraint>,
    /// The call that chose it; `None` where calls are not traced, and when it was `dying`.
    pub call: Option<OomCall>,
    /// No call chose it, though calls are traced: it was on its way out already and ran out of memory itself, so that the
    /// kernel let it use the reserves (`task_will_free_mem`) and killed nobody.
    pub dying: bool,
    /// What the trigger's last reclaim was.
    pub last_reclaim: Option<LastReclaim>,
    /// Which limit the kernel log names; `None` when it was not asked or does not say.
    pub logged: Option<Constraint>,
    /// When its memory was back; `None` when that was not seen (yet).
    pub memory_back: Option<MemoryBack>,
}

impl Oom {
    /// Whether the call, the last reclaim and the kernel log tell of different limits. The kernel's own call is right then;
    /// a last reclaim may be an older one of the same thread, and a line of the log may be forged or of another kill.
    #[must_use]
    pub fn signs_disagree(&self) -> bool {
        let call = self.call.and_then(|call| call.constraint);
        let differ = call.zip(self.logged).is_some_and(|(call, logged)| call != logged);
        let against = |constraint: Option<Constraint>| {
            self.last_reclaim.zip(constraint).is_some_and(|(reclaim, constraint)| !reclaim.agrees(constraint))
        };
        differ || against(call) || against(self.logged)
    }

    /// Takes what the kernel log says of its limit.
    pub fn hear_log(&mut self, constraint: Option<Constraint>) {
        self.logged = constraint;
        let call = self.call.and_then(|call| call.constraint);
        self.constraint = call.or(constraint).or(self.constraint);
    }

    /// The cgroups that it names: the victim's, and the one at its limit.
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
