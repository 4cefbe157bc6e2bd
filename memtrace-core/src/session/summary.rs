//! The summary of a session.

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
    /// Number of stalls.
    pub count: u64,
    /// Sum of their durations, in ns.
    pub total_ns: u64,
    /// Median, in ns; `None` without a stall.
    pub p50_ns: Option<u64>,
    /// 99th percentile, in ns; `None` without a stall.
    pub p99_ns: Option<u64>,
    /// The longest, in ns; `None` without a stall.
    pub max_ns: Option<u64>,
    /// Time of the stalls by part.
    pub parts: Parts,
    /// Parts of the slowest hundredth of the stalls that events reported and that match; `None` without one.
    pub p99_parts: Option<Parts>,
    /// Time of `parts.throttle_ns` by reason.
    pub throttles: Throttles,
    /// Time throttled in the slowest hundredth, by reason.
    pub p99_throttles: Throttles,
    /// Time in which the tasks did not run, in ns: asleep, or runnable and not running. `None` where that is not
    /// measured.
    pub off_cpu_ns: Option<u64>,
    /// Time off CPU in the slowest hundredth, in ns, likewise.
    pub p99_off_cpu_ns: Option<u64>,
    /// Estimated time off CPU in the slowest hundredth, in ns; `None` where it is measured, and where one of the stalls
    /// was too short for an estimate.
    pub p99_off_cpu_estimated_ns: Option<u64>,
}

impl KindSummary {
    /// Summary of one kind, or of several together.
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

/// Reclaim on request (`memory.reclaim`): no stall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proactive {
    /// Number of requests.
    pub count: u64,
    /// Sum of their durations, in ns.
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

/// A process, running or exited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessSummary {
    /// Process id.
    pub pid: u32,
    /// Start of the process in ns, which identifies it when a pid is reused.
    pub process_start_ns: Option<u64>,
    /// Name of the process, or of its first stalled thread where the process was not looked up.
    pub comm: Comm,
    /// True when it belongs to the command that memtrace started; `None` without a command, or when it exited too soon.
    pub in_command: Option<bool>,
    /// Id of the memory cgroup of its latest stall.
    pub cgroup_id: Option<u64>,
    /// Sums of its stalls.
    pub tally: Tally,
}

/// A memory cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupSummary {
    /// Id of the cgroup; `None` for the stalls whose cgroup was not read.
    pub cgroup_id: Option<u64>,
    /// Sums of its stalls.
    pub tally: Tally,
}

/// Rows of a table, and the sum of the folded ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group<T> {
    /// The rows, the most stalled first.
    pub rows: Vec<T>,
    /// Sum of the folded rows; empty when nothing was folded.
    pub other: Tally,
    /// Number of rows that were folded into it.
    pub folded: u64,
    /// True when `other` has refaults that belong to no row: the tables of the kernel side had no room for them.
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
    /// Number of wakeups by tasks.
    pub wakeups: u64,
    /// Wakeups by order of the allocation; the last element is for all higher orders, too. `None` when not known.
    pub wakeups_by_order: Option<[u64; ORDERS]>,
    /// Rounds of kswapd by order; `None` when not known.
    pub rounds_by_order: Option<[u64; ORDERS]>,
    /// Time awake, in ns.
    pub awake_ns: u64,
    /// Time at work, in ns.
    pub busy_ns: u64,
    /// `True` when `busy_ns` is the whole time; a lower bound when it ends with the last shrink of a round.
    pub busy_source: Source,
    /// True when it is awake at the end.
    pub awake: bool,
    /// Pages that it scanned and reclaimed.
    pub reclaim: Reclaim,
    /// Rounds in which it reclaimed nothing; `None` when not known.
    pub failures: Option<Failures>,
    /// The task that woke it most often, as far as events were reported, and the number of its wakeups.
    pub top_waker: Option<(Comm, u64)>,
    /// Direct reclaims of tasks that ran on the node, as far as events reported them and they match, by the state of
    /// its kswapd when they began; `None` when their nodes were not read.
    pub reached: Option<Reached>,
}

/// Pages that stalls scanned and reclaimed, of one node.
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
    /// Number of stalls, and the sum of their durations.
    pub sum: StackSum,
}

/// Stalls by stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StackSummary {
    /// The rows, the longest total time first.
    pub rows: Vec<StackRow>,
    /// Sum of the stalls without a row.
    pub other: StackSum,
}

/// The summary of a session.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Time of the last tick, `CLOCK_MONOTONIC` in ns.
    pub t_ns: u64,
    /// Time from the start to the last tick, in ns.
    pub duration_ns: u64,
    /// Stalls by kind, exact and never filtered; all kinds whose hooks are attached.
    pub stalls: BTreeMap<StallKind, KindSummary>,
    /// Time in shrinkers by kind; a kind that went through no shrinker is absent.
    pub shrinkers: BTreeMap<StallKind, ShrinkerSummary>,
    /// Relation of the durations of each kind to the true stall.
    pub sources: Sources,
    /// All kinds together.
    pub all: KindSummary,
    /// Stalls that are not over, as far as they could be listed, the longest first; not in any other number.
    pub open: Vec<OpenStall>,
    /// Stalls that match the filter and were reported; `None` without a filter.
    pub matched: Option<Tally>,
    /// Stalls that the totals count but no event reported: their records were lost. They are in no row of the tables.
    pub unattributed: KindTally,
    /// Processes.
    pub processes: Group<ProcessSummary>,
    /// Memory cgroups.
    pub cgroups: Group<CgroupSummary>,
    /// Cgroups with a limit that appeared or went away; `None` when none did, and in a live session, which does not
    /// look.
    pub churn: Option<CgroupChurn>,
    /// Parts of the trace that are missing or damaged; `None` when none are, and in a live session.
    pub incomplete: Option<Incomplete>,
    /// Summary of kswapd, by node.
    pub nodes: Vec<NodeSummary>,
    /// Pages that stalls scanned and reclaimed, by node; empty when they were not read.
    pub node_reclaim: Vec<NodeReclaim>,
    /// State of the zones when direct stalls began; `None` where it is not read.
    pub zones: Option<StallZones>,
    /// Sleeps of all kswapds that ended or failed too soon; `None` when the kernel's counters were not read.
    pub premature_sleeps: Option<PrematureSleeps>,
    /// Pages scanned and reclaimed by all reclaim.
    pub reclaim: Reclaim,
    /// The stacks on which stalls ended; `None` where they are not counted.
    pub stacks: Option<StackSummary>,
    /// Sampled refaults by evictor; `None` where they are not reported.
    pub evictors: Option<ByMemory<EvictorSummary>>,
    /// The latest OOM kills, oldest first.
    pub ooms: Vec<Oom>,
    /// Number of OOM kills, including those whose details were lost.
    pub oom_kills: u64,
    /// Counts of the whole host.
    pub counts: Counts,
    /// Number of losses, by stage.
    pub loss: Ledger,
    /// Reclaim on request, in no other number except the pages; `None` where it cannot be distinguished (then it is in
    /// `memcg`).
    pub proactive: Option<Proactive>,
    /// memtrace's own stalls, of all kinds.
    pub own_stalls: KindSummary,
    /// All refaults except memtrace's own, exact and never filtered; `None` where they are not read.
    pub refaults: Option<RefaultCounts>,
    /// Refaults by node since the start, as the kernel counts them, including memtrace's.
    pub node_refaults: Vec<NodeRefaults>,
    /// memtrace's own refaults.
    pub own_refaults: Option<RefaultCounts>,
    /// The intervals in which refaults were sampled: then the refaults of processes and cgroups are estimates.
    pub sampled: Option<Sampled>,
    /// The fault counts that are read, and the hook of refaults.
    pub faults_read: FaultsRead,
    /// Cost of memtrace itself.
    pub own: OwnCost,
    /// Comparison of our counts since attach with the kernel's; empty when its counters were not read.
    pub coverage: Coverage,
}

impl Summary {
    /// The total since the start that losses are a part of; `None` where it is not known.
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
