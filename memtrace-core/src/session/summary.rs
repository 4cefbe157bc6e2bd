//! What a session comes to.

use std::{collections::BTreeMap, sync::Arc};

use memtrace_common::{kind::StallKind, refault::RefaultCounts, totals::ORDERS};

use super::{
    churn::CgroupChurn,
    counts::Counts,
    coverage::Coverage,
    evictors::{ByMemory, EvictorSummary},
    faults::FaultsRead,
    incomplete::Incomplete,
    input::{KindTotals, NodeRefaults, OpenStall, OwnCost},
    kswapd::Reached,
    loss::{Ledger, Whole},
    nodes::{Failures, PrematureSleeps},
    parts::Parts,
    sampled::Sampled,
    shrinkers::ShrinkerSummary,
    stacks::StackSum,
    tally::{KindTally, Tally},
    tick::Reclaim,
    zones::StallZones,
};
use crate::{
    event::{Comm, Oom},
    source::{Source, Sources},
    stack::Stack,
    sum,
    throttle::Throttles,
};

/// All stalls of one kind, exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindSummary {
    /// How many.
    pub count: u64,
    /// Their time in ns.
    pub total_ns: u64,
    /// Median, in ns; `None` without a stall.
    pub p50_ns: Option<u64>,
    /// 99th percentile, in ns; `None` without a stall.
    pub p99_ns: Option<u64>,
    /// The longest, in ns; `None` without a stall.
    pub max_ns: Option<u64>,
    /// What their time was spent on.
    pub parts: Parts,
    /// What the slowest hundredth of those that match and that events told spent their time on; `None` without one.
    pub p99_parts: Option<Parts>,
    /// What `parts.throttle_ns` was for.
    pub throttles: Throttles,
    /// The same of `p99_parts`.
    pub p99_throttles: Throttles,
    /// Time in which their tasks did not run, in ns: asleep, or runnable and not running. `None` where that is not measured.
    pub off_cpu_ns: Option<u64>,
    /// The same of the slowest hundredth.
    pub p99_off_cpu_ns: Option<u64>,
    /// The same estimated, in ns; `None` where it is measured, and where one of them was too short for an estimate.
    pub p99_off_cpu_estimated_ns: Option<u64>,
}

impl KindSummary {
    /// Of one kind, or of several together.
    pub(super) fn of(kind: Option<StallKind>, totals: &KindTotals) -> Self {
        let max_ns = (totals.count > 0).then_some(totals.max_ns);
        let quantile = |q| totals.latency.quantile(q).map(|ns| ns.min(totals.max_ns));
        Self {
            count: totals.count,
            total_ns: totals.total_ns,
            p50_ns: quantile(0.50),
            p99_ns: quantile(0.99),
            max_ns,
            parts: Parts::of_kind(totals, kind.is_some_and(StallKind::has_nested)),
            p99_parts: None,
            throttles: totals.throttles,
            p99_throttles: Throttles::default(),
            off_cpu_ns: totals.off_cpu_ns,
            p99_off_cpu_ns: None,
            p99_off_cpu_estimated_ns: None,
        }
    }
}

/// Reclaim that somebody asked for (`memory.reclaim`): no stall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proactive {
    /// How often.
    pub count: u64,
    /// Its time in ns.
    pub total_ns: u64,
    /// The longest, in ns; `None` without one.
    pub max_ns: Option<u64>,
    /// Pages scanned.
    pub scanned_pages: u64,
    /// Pages reclaimed.
    pub reclaimed_pages: u64,
}

impl Proactive {
    pub(super) fn of(totals: &KindTotals) -> Self {
        Self {
            count: totals.count,
            total_ns: totals.total_ns,
            max_ns: (totals.count > 0).then_some(totals.max_ns),
            scanned_pages: totals.scanned_pages,
            reclaimed_pages: totals.reclaimed_pages,
        }
    }
}

/// A process, whether it still runs or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessSummary {
    /// Process id.
    pub pid: u32,
    /// Start of the process in ns, which tells a reused pid apart.
    pub process_start_ns: Option<u64>,
    /// Its name; that of its first stalled thread where the process's own was not learnt.
    pub comm: Comm,
    /// Whether it belongs to the command that memtrace started; `None` without one, or when it was gone too soon.
    pub in_command: Option<bool>,
    /// Id of the memory cgroup of its latest stall.
    pub cgroup_id: Option<u64>,
    /// Its stalls.
    pub tally: Tally,
}

/// A memory cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupSummary {
    /// Its id; `None` for the stalls whose cgroup was not read.
    pub cgroup_id: Option<u64>,
    /// Its stalls.
    pub tally: Tally,
}

/// Rows of a table, and what no longer had a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group<T> {
    /// The rows, the most stalled first.
    pub rows: Vec<T>,
    /// What was folded away; empty when all had a row.
    pub other: Tally,
    /// How many rows were folded into it.
    pub folded: u64,
    /// Whether it has refaults that belong to no row: the tables of the kernel side had no room for them.
    pub refaults_in_no_row: bool,
}

/// One node's kswapd.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NodeSummary {
    /// The node.
    pub nid: u32,
    /// Changes from sleep to work.
    pub wakes: u64,
    /// Changes to sleep.
    pub sleeps: u64,
    /// Times a task asked for it.
    pub wakeups: u64,
    /// The same by order of the allocation, the last for all from there on; `None` when not known.
    pub wakeups_by_order: Option<[u64; ORDERS]>,
    /// Rounds of its work by the order that they are for; `None` when not known.
    pub rounds_by_order: Option<[u64; ORDERS]>,
    /// Time awake, in ns.
    pub awake_ns: u64,
    /// Time at work, in ns.
    pub busy_ns: u64,
    /// Whether that is the whole time, or a lower bound: up to the last shrink of a round.
    pub busy_source: Source,
    /// Whether it is awake at the end.
    pub awake: bool,
    /// What it scanned and reclaimed.
    pub reclaim: Reclaim,
    /// Rounds in which it reclaimed nothing; `None` when not known.
    pub failures: Option<Failures>,
    /// Who asked for it most often, as far as events told, and how often.
    pub top_waker: Option<(Comm, u64)>,
    /// Direct reclaims of tasks that ran on the node, as far as they match and events told them, by how its kswapd stood
    /// when they began; `None` when their nodes were not read.
    pub reached: Option<Reached>,
}

/// What stalls scanned and reclaimed of one node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NodeReclaim {
    /// The node.
    pub nid: u32,
    /// The pages.
    pub reclaim: Reclaim,
}

/// Stalls of one process, cgroup and kind on one stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackRow {
    /// The stack; `None` when its addresses were not kept.
    pub stack: Option<Arc<Stack>>,
    /// The kind of stall.
    pub kind: StallKind,
    /// Process id.
    pub pid: u32,
    /// Name of the process; `None` when it has no row.
    pub comm: Option<Comm>,
    /// Id of the memory cgroup.
    pub cgroup_id: Option<u64>,
    /// How many, and how long together.
    pub sum: StackSum,
}

/// Stalls by stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StackSummary {
    /// The rows, the longest stalled on first.
    pub rows: Vec<StackRow>,
    /// What found no row.
    pub other: StackSum,
}

/// What a session comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The last tick, `CLOCK_MONOTONIC` in ns.
    pub t_ns: u64,
    /// From the start to the last tick, in ns.
    pub duration_ns: u64,
    /// Stalls by kind, exact and never filtered; all kinds whose hooks are attached.
    pub stalls: BTreeMap<StallKind, KindSummary>,
    /// The shrinkers that their time in shrinkers went to, by kind; a kind that went through none is absent.
    pub shrinkers: BTreeMap<StallKind, ShrinkerSummary>,
    /// How the durations of each kind relate to the true stall.
    pub sources: Sources,
    /// All kinds together.
    pub all: KindSummary,
    /// Stalls that are not over, the longest first: in no other number. Those that could be listed.
    pub open: Vec<OpenStall>,
    /// Those that match the filter and were told; `None` without a filter.
    pub matched: Option<Tally>,
    /// Stalls that the totals count and no event told: their records were lost. In no row of the tables.
    pub unattributed: KindTally,
    /// Processes.
    pub processes: Group<ProcessSummary>,
    /// Memory cgroups.
    pub cgroups: Group<CgroupSummary>,
    /// Cgroups with a limit that appeared or went away; `None` when none did, and live, where nobody looks.
    pub churn: Option<CgroupChurn>,
    /// Parts of the trace that are missing or damaged; `None` when none are, and live.
    pub incomplete: Option<Incomplete>,
    /// kswapd by node.
    pub nodes: Vec<NodeSummary>,
    /// What stalls scanned and reclaimed by node; empty when it was not read.
    pub node_reclaim: Vec<NodeReclaim>,
    /// How the zones stood when direct stalls began; `None` where it is not read.
    pub zones: Option<StallZones>,
    /// Sleeps of all kswapds that ended or failed too soon; `None` when the kernel's counters were not read.
    pub premature_sleeps: Option<PrematureSleeps>,
    /// What all of reclaim scanned and reclaimed.
    pub reclaim: Reclaim,
    /// The stacks on which stalls ended; `None` where they are not counted.
    pub stacks: Option<StackSummary>,
    /// Who evicted the file pages that came back, by a sample; `None` where that is not told.
    pub evictors: Option<ByMemory<EvictorSummary>>,
    /// The latest OOM kills, oldest first.
    pub ooms: Vec<Oom>,
    /// How many OOM kills there were, those whose details were lost included.
    pub oom_kills: u64,
    /// Numbers of the whole host.
    pub counts: Counts,
    /// What was lost, by stage.
    pub loss: Ledger,
    /// Reclaim that was asked for, in no other number but those of pages; `None` where it is not told apart (then it is
    /// in `memcg`).
    pub proactive: Option<Proactive>,
    /// memtrace's own stalls, of whatever kind.
    pub own_stalls: KindSummary,
    /// All refaults but memtrace's own, exact and never filtered; `None` where they are not read.
    pub refaults: Option<RefaultCounts>,
    /// Refaults by node since the start, as the kernel itself counts them, memtrace's included.
    pub node_refaults: Vec<NodeRefaults>,
    /// memtrace's own refaults.
    pub own_refaults: Option<RefaultCounts>,
    /// The intervals in which refaults were counted for a part of the time: those of processes and cgroups are estimates.
    pub sampled: Option<Sampled>,
    /// Which faults are read, and by what.
    pub faults_read: FaultsRead,
    /// What memtrace itself cost.
    pub own: OwnCost,
    /// Our counts since attach against the kernel's; empty when its counters were not read.
    pub coverage: Coverage,
}

impl Summary {
    /// All the things since the start of which some were lost, where their number is known.
    #[must_use]
    pub fn whole(&self, of: Whole) -> Option<u64> {
        match of {
            Whole::Stalls => Some(self.all.count),
            Whole::OomKills => Some(self.oom_kills),
            Whole::KswapdChanges => Some(sum::of(self.nodes.iter().map(|node| node.wakes.saturating_add(node.sleeps)))),
            Whole::ProgramRuns => self.own.bpf_runs,
            Whole::Uncounted => None,
        }
    }
}
