//! OOM kills as objects.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    container::Container,
    event::Process,
    values::{Shown, text},
    words,
};
use memtrace_core::{
    clock::Rfc3339,
    event::{self, Constraint, FreedBy, LastReclaim},
    names::Names,
};

/// The process that the OOM killer chose.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Victim<'a> {
    /// Process id.
    pub pid: u32,
    /// Name of the process.
    pub comm: Option<String>,
    /// Path of its own memory cgroup.
    pub cgroup: Option<String>,
    /// Id of that cgroup.
    pub cgroup_id: Option<u64>,
    /// The container, pod or unit that it belongs to.
    pub container: Option<Container<'a>>,
    /// Anonymous resident memory in bytes.
    pub anon_rss_bytes: Option<u64>,
    /// File-backed resident memory in bytes.
    pub file_rss_bytes: Option<u64>,
    /// Shared resident memory in bytes.
    pub shmem_rss_bytes: Option<u64>,
    /// `oom_score_adj` of the process.
    pub oom_score_adj: Option<i32>,
}

/// The call of the OOM killer that chose a victim.
#[derive(Debug, JsonSchema, Serialize)]
pub struct OomCall {
    /// Number of the call since the start, from 1: victims with the same one died for the same decision.
    pub number: u64,
    /// Number of the victim in the call, from 1; more than one for `memory.oom.group`.
    pub victim: u32,
    /// Path of the memory cgroup at its limit.
    pub cgroup: Option<String>,
    /// Id of that cgroup.
    pub cgroup_id: Option<u64>,
    /// Order of the allocation that failed; -1 for sysrq f.
    pub order: Option<i32>,
    /// Flags of that allocation, by name.
    pub gfp: Option<String>,
    /// Score for which the victim was chosen, in pages.
    pub points: Option<i64>,
    /// Pages out of which the victim was chosen: the limit of the cgroup, or memory and swap.
    pub total_pages: Option<u64>,
}

impl OomCall {
    fn new(call: &event::OomCall, names: &Names<'_>) -> Self {
        Self {
            number: call.number,
            victim: call.victim,
            cgroup: names.cgroup(call.cgroup_id).map(text),
            cgroup_id: call.cgroup_id,
            order: call.order,
            gfp: call.gfp.map(|gfp| names.gfp.render(gfp).to_string()),
            points: call.points,
            total_pages: call.total_pages,
        }
    }
}

/// Limit reported by each source.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Signs {
    /// The call of the OOM killer.
    #[schemars(with = "Option<words::Constraint>")]
    pub call: Option<&'static str>,
    /// The trigger's last reclaim: `memcg` or `global`.
    #[schemars(with = "Option<words::LastReclaim>")]
    pub last_reclaim: Option<&'static str>,
    /// The kernel log.
    #[schemars(with = "Option<words::Constraint>")]
    pub log: Option<&'static str>,
    /// True when they contradict each other.
    pub disagree: bool,
}

/// Release of a victim's memory.
#[derive(Debug, JsonSchema, Serialize)]
pub struct MemoryBack {
    /// Time after the mark, in ns.
    pub after_ns: u64,
    /// Way of release: `exit` or `reaper`.
    #[schemars(with = "words::FreedBy")]
    pub by: &'static str,
}

/// An OOM kill.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Oom<'a> {
    /// Time at which the victim was marked, `CLOCK_MONOTONIC` in ns.
    pub t_ns: u64,
    /// Time at which the victim was marked, RFC 3339 in UTC; null when a damaged trace has lost the time of day.
    pub time: Option<Shown<Rfc3339>>,
    /// Process that was chosen.
    pub victim: Victim<'a>,
    /// Process that ran out of memory, often another one.
    pub trigger: Process,
    /// Limit that was enforced.
    #[schemars(with = "Option<words::Constraint>")]
    pub constraint: Option<&'static str>,
    /// Sources of `constraint`.
    pub constraint_signs: Signs,
    /// Call that chose the victim; null where calls are not traced, and when the victim was dying already.
    pub call: Option<OomCall>,
    /// True when no call chose the victim: it was dying already, and no process was killed.
    pub dying: bool,
    /// Release of the victim's memory; null when it was not seen (yet).
    pub memory_back: Option<MemoryBack>,
}

impl<'a> Oom<'a> {
    /// The object of an OOM kill.
    #[must_use]
    pub fn new(oom: &event::Oom, names: &Names<'a>) -> Self {
        let victim = &oom.victim;
        Self {
            t_ns: oom.t_ns,
            time: names.clock.rfc3339(oom.t_ns).map(Shown),
            victim: Victim {
                pid: victim.pid,
                comm: victim.comm.map(|comm| text(comm.bytes())),
                cgroup: names.cgroup(victim.cgroup_id).map(text),
                cgroup_id: victim.cgroup_id,
                container: Container::of(victim.cgroup_id, names),
                anon_rss_bytes: victim.anon_rss_bytes,
                file_rss_bytes: victim.file_rss_bytes,
                shmem_rss_bytes: victim.shmem_rss_bytes,
                oom_score_adj: victim.oom_score_adj,
            },
            trigger: Process::new(&oom.trigger),
            constraint: oom.constraint.map(Constraint::name),
            constraint_signs: Signs {
                call: oom.call.and_then(|call| call.constraint).map(Constraint::name),
                last_reclaim: oom.last_reclaim.map(LastReclaim::name),
                log: oom.logged.map(Constraint::name),
                disagree: oom.signs_disagree(),
            },
            call: oom.call.as_ref().map(|call| OomCall::new(call, names)),
            dying: oom.dying,
            memory_back: oom.memory_back.map(|back| MemoryBack { after_ns: back.after_ns, by: back.by.name() }),
        }
    }
}

/// The memory of an OOM victim was freed; its kill came before.
#[derive(Debug, JsonSchema, Serialize)]
pub struct OomFreed {
    /// Time, `CLOCK_MONOTONIC` in ns.
    pub t_ns: u64,
    /// Time, RFC 3339 in UTC; null when a damaged trace has lost the time of day.
    pub time: Option<Shown<Rfc3339>>,
    /// `t_ns` of the kill.
    pub marked_ns: u64,
    /// Process id of the victim.
    pub pid: u32,
    /// Name of the victim.
    pub comm: Option<String>,
    /// Time after the mark, in ns.
    pub after_ns: u64,
    /// Way of release: `exit` or `reaper`.
    #[schemars(with = "words::FreedBy")]
    pub by: &'static str,
}

impl OomFreed {
    /// The object of the release of a victim's memory.
    #[must_use]
    pub fn new(freed: &event::Freed, names: &Names<'_>) -> Self {
        Self {
            t_ns: freed.t_ns,
            time: names.clock.rfc3339(freed.t_ns).map(Shown),
            marked_ns: freed.marked_ns,
            pid: freed.pid,
            comm: freed.comm.map(|comm| text(comm.bytes())),
            after_ns: freed.memory_back().after_ns,
            by: FreedBy::name(freed.by),
        }
    }
}
