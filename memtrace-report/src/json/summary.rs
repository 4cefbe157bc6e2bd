//! The last object: the summary.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    churn::CgroupChurn,
    container::Container,
    counts::Counts,
    coverage::{Coverage, coverage},
    evictors::Evictors,
    incomplete::Incomplete,
    kind::{KindSummary, kind_summary},
    node::Node,
    oom::Oom,
    refaults::{NodeRefaultCounts, Refaults, RowRefaults},
    stacks::Stacks,
    values::{Shown, text},
    words,
    zones::{NodeScans, PrematureSleeps, StallZones},
};
use memtrace_core::{
    clock::Rfc3339,
    names::Names,
    session::{
        faults::FaultsRead,
        input, summary,
        tally::{KindTally, Tally},
    },
};

/// Count and time.
#[derive(Debug, JsonSchema, Serialize)]
pub struct KindTotal {
    /// Number of stalls.
    pub count: u64,
    /// Total time in ns.
    pub total_ns: u64,
}

impl KindTotal {
    pub(super) fn new(tally: KindTally) -> Self {
        Self { count: tally.count, total_ns: tally.total_ns }
    }
}

/// Sum of the stalls of a row.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Stalled {
    /// Number of stalls.
    pub stalls: u64,
    /// Total time in ns.
    pub total_ns: u64,
    /// Median in ns.
    pub p50_ns: Option<u64>,
    /// 99th percentile in ns.
    pub p99_ns: Option<u64>,
    /// The longest, in ns.
    pub max_ns: Option<u64>,
    /// Stalls by kind, for the kinds that occurred.
    #[schemars(with = "BTreeMap<words::Kind, KindTotal>")]
    pub kinds: BTreeMap<&'static str, KindTotal>,
    /// Pages scanned in them.
    pub scanned_pages: Option<u64>,
    /// Pages reclaimed in them.
    pub reclaimed_pages: Option<u64>,
}

impl Stalled {
    /// The fields of these stalls.
    #[must_use]
    pub fn new(tally: &Tally) -> Self {
        Self {
            stalls: tally.stalls,
            total_ns: tally.total_ns,
            p50_ns: tally.quantile(0.50),
            p99_ns: tally.quantile(0.99),
            max_ns: (tally.stalls > 0).then_some(tally.max_ns),
            kinds: tally.kinds().map(|(kind, sum)| (kind.name(), KindTotal::new(sum))).collect(),
            scanned_pages: tally.scanned_pages(),
            reclaimed_pages: tally.reclaimed_pages(),
        }
    }
}

/// A process, or with `other` those that no longer had a row.
#[derive(Debug, JsonSchema, Serialize)]
pub struct ProcessRow<'a> {
    /// True for the sum of the rows that the table had no room for.
    pub other: bool,
    /// Process id; null for `other`.
    pub pid: Option<u32>,
    /// Name of the process; null for `other`.
    pub comm: Option<String>,
    /// True when it belongs to the command that memtrace started; null without a command, or when it exited too soon.
    pub in_command: Option<bool>,
    /// Refaults of the process.
    #[serde(flatten)]
    pub refaults: RowRefaults,
    /// Major faults.
    pub major_faults: Option<u64>,
    /// Pages read back from swap.
    pub swapin_pages: Option<u64>,
    /// Start of the process in ns since boot, where it was read.
    pub process_start_ns: Option<u64>,
    /// Path of the memory cgroup of its latest stall or first refault.
    pub cgroup: Option<String>,
    /// Id of that cgroup.
    pub cgroup_id: Option<u64>,
    /// The container, pod or unit that it belongs to.
    pub container: Option<Container<'a>>,
    /// The stalls.
    #[serde(flatten)]
    pub stalled: Stalled,
}

/// A cgroup, or with `other` those that no longer had a row.
#[derive(Debug, JsonSchema, Serialize)]
pub struct CgroupRow<'a> {
    /// True for the sum of the rows that the table had no room for.
    pub other: bool,
    /// Path of the cgroup, where it is known.
    pub cgroup: Option<String>,
    /// Id of the cgroup; null for the stalls whose cgroup was not read, and for `other`.
    pub cgroup_id: Option<u64>,
    /// The container, pod or unit that it belongs to.
    pub container: Option<Container<'a>>,
    /// Refaults of pages charged to the cgroup, by any process.
    #[serde(flatten)]
    pub refaults: RowRefaults,
    /// The stalls.
    #[serde(flatten)]
    pub stalled: Stalled,
}

/// Proactive reclaim (`memory.reclaim`): no stall.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Proactive {
    /// Number of reclaims.
    pub count: u64,
    /// Total time in ns.
    pub total_ns: u64,
    /// The longest, in ns.
    pub max_ns: Option<u64>,
    /// Pages scanned.
    pub scanned_pages: u64,
    /// Pages reclaimed.
    pub reclaimed_pages: u64,
}

impl From<&summary::Proactive> for Proactive {
    fn from(asked_for: &summary::Proactive) -> Self {
        let &summary::Proactive { count, total_ns, max_ns, scanned_pages, reclaimed_pages } = asked_for;
        Self { count, total_ns, max_ns, scanned_pages, reclaimed_pages }
    }
}

/// memtrace's own cost and stalls, in no number elsewhere.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Own {
    /// CPU time in ns.
    pub cpu_ns: Option<u64>,
    /// Resident size in bytes.
    pub rss_bytes: Option<u64>,
    /// Run time of the BPF programs in ns.
    pub bpf_ns: Option<u64>,
    /// Runs of the BPF programs, scaled from the same sample; null when not sampled.
    pub bpf_runs: Option<u64>,
    /// Stalls of memtrace.
    pub stalls: KindTotal,
}

/// A stall that is not over.
#[derive(Debug, JsonSchema, Serialize)]
pub struct OpenStall {
    /// Process id.
    pub pid: u32,
    /// Thread id.
    pub tid: u32,
    /// Name of the thread; null when it was not looked up.
    pub comm: Option<String>,
    /// Kind of stall.
    #[schemars(with = "words::Kind")]
    pub kind: &'static str,
    /// Begin, `CLOCK_MONOTONIC` in ns.
    pub begin_ns: u64,
    /// Duration so far, in ns.
    pub age_ns: u64,
}

impl OpenStall {
    fn new(stall: &input::OpenStall, now_ns: u64) -> Self {
        Self {
            pid: stall.pid,
            tid: stall.tid,
            comm: stall.comm.map(|comm| text(comm.bytes())),
            kind: stall.kind.name(),
            begin_ns: stall.begin_ns,
            age_ns: now_ns.saturating_sub(stall.begin_ns),
        }
    }
}

/// Summary of a session or a recording.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Summary<'a> {
    /// The end, `CLOCK_MONOTONIC` in ns.
    pub t_ns: u64,
    /// The end, RFC 3339 in UTC; null when a damaged trace has lost the time of day.
    pub time: Option<Shown<Rfc3339>>,
    /// Duration from the start to the end, in ns.
    pub duration_ns: u64,
    /// Stalls by kind, exact and never filtered; all kinds that are traced.
    #[schemars(with = "BTreeMap<words::Kind, KindSummary>")]
    pub stalls: BTreeMap<&'static str, KindSummary>,
    /// Open stalls, the longest first, as far as they could be listed: in no other number.
    pub open_stalls: Vec<OpenStall>,
    /// Stalls that match the filter, as far as events reported them; null without a filter.
    pub matched: Option<KindTotal>,
    /// Stalls that `stalls` counts and that are in no row: their records were lost.
    pub unattributed: KindTotal,
    /// Processes, the most stalled first.
    pub processes: Vec<ProcessRow<'a>>,
    /// Memory cgroups, the most stalled first.
    pub cgroups: Vec<CgroupRow<'a>>,
    /// Cgroups with a limit that appeared or went away while it was recorded; null when none did, and live.
    pub cgroup_churn: Option<CgroupChurn>,
    /// Parts of the trace that are missing or damaged; null when none are, and live.
    pub incomplete: Option<Incomplete>,
    /// kswapd by node.
    pub nodes: Vec<Node>,
    /// Proactive reclaim, in no number of stalls; null where it is not counted separately (then it is in `memcg`).
    pub proactive: Option<Proactive>,
    /// Sleeps of all kswapds that ended or failed too soon, by the kernel's counters; null when they were not read.
    pub premature_sleeps: Option<PrematureSleeps>,
    /// State of the zones when direct stalls began; null where it is not read.
    pub stall_zones: Option<StallZones>,
    /// Pages scanned and reclaimed in stalls, by node; empty where they are not read.
    pub node_scans: Vec<NodeScans>,
    /// Pages scanned by all of reclaim.
    pub scanned_pages: Option<u64>,
    /// Pages reclaimed by all of reclaim.
    pub reclaimed_pages: Option<u64>,
    /// Refaults of the host.
    pub refaults: Refaults,
    /// Refaults by node, as the kernel itself counts them.
    pub node_refaults: Vec<NodeRefaultCounts>,
    /// Stalls by stack; null where stacks are not counted (`--stacks`).
    pub stacks: Option<Stacks>,
    /// Evictors of refaulted pages; null where they are not traced (`--evictors`).
    pub evictors: Option<Box<Evictors>>,
    /// The latest OOM kills, oldest first.
    pub ooms: Vec<Oom<'a>>,
    /// Number of OOM kills.
    pub oom_kills: u64,
    /// Numbers of the whole host.
    #[serde(flatten)]
    pub counts: Counts,
    /// Losses by stage; all stages that are watched.
    pub loss: BTreeMap<&'static str, u64>,
    /// Our counts since attach against the kernel's own, by counter.
    pub coverage: Coverage,
    /// memtrace's own cost and stalls.
    #[serde(rename = "self")]
    pub own: Own,
}

impl<'a> Summary<'a> {
    /// The last object.
    #[must_use]
    pub fn new(summary: &summary::Summary, names: &Names<'a>) -> Self {
        Self {
            t_ns: summary.t_ns,
            time: names.clock.rfc3339(summary.t_ns).map(Shown),
            duration_ns: summary.duration_ns,
            stalls: summary
                .stalls
                .iter()
                .map(|(kind, s)| (kind.name(), kind_summary(summary.sources.of(*kind), s, summary.shrinkers.get(kind))))
                .collect(),
            open_stalls: summary.open.iter().map(|stall| OpenStall::new(stall, summary.t_ns)).collect(),
            matched: summary.matched.as_ref().map(|tally| KindTotal { count: tally.stalls, total_ns: tally.total_ns }),
            unattributed: KindTotal::new(summary.unattributed),
            processes: processes(&summary.processes, names, &summary.faults_read),
            cgroups: cgroups(&summary.cgroups, names, &summary.faults_read),
            cgroup_churn: summary.churn.as_ref().map(CgroupChurn::new),
            incomplete: summary.incomplete.map(Incomplete::new),
            nodes: summary.nodes.iter().map(Node::new).collect(),
            proactive: summary.proactive.as_ref().map(Into::into),
            premature_sleeps: summary.premature_sleeps.map(Into::into),
            stall_zones: summary.zones.as_ref().map(StallZones::new),
            node_scans: summary.node_reclaim.iter().map(NodeScans::new).collect(),
            scanned_pages: summary.reclaim.scanned_pages,
            reclaimed_pages: summary.reclaim.reclaimed_pages,
            refaults: Refaults::or_vmstat(summary),
            node_refaults: summary.node_refaults.iter().map(NodeRefaultCounts::new).collect(),
            stacks: summary.stacks.as_ref().map(|stacks| Stacks::new(stacks, names)),
            evictors: summary.evictors.as_ref().map(|found| Box::new(Evictors::new(found))),
            ooms: summary.ooms.iter().map(|oom| Oom::new(oom, names)).collect(),
            oom_kills: summary.oom_kills,
            counts: Counts(summary.counts),
            loss: summary.loss.0.clone(),
            coverage: coverage(&summary.coverage),
            own: Own {
                cpu_ns: summary.own.cpu_ns,
                rss_bytes: summary.own.rss_bytes,
                bpf_ns: summary.own.bpf_ns,
                bpf_runs: summary.own.bpf_runs,
                stalls: KindTotal { count: summary.own_stalls.count, total_ns: summary.own_stalls.total_ns },
            },
        }
    }
}

fn processes<'a>(
    group: &summary::Group<summary::ProcessSummary>,
    names: &Names<'a>,
    read: &FaultsRead,
) -> Vec<ProcessRow<'a>> {
    let row = |process: &summary::ProcessSummary| ProcessRow {
        other: false,
        pid: Some(process.pid),
        comm: Some(text(process.comm.bytes())),
        in_command: process.in_command,
        refaults: RowRefaults::new(&process.tally.faults, read),
        major_faults: read.major_faults.then_some(process.tally.faults.major_faults),
        swapin_pages: read.swapins.then_some(process.tally.faults.swapin_pages),
        process_start_ns: process.process_start_ns,
        cgroup: names.cgroup(process.cgroup_id).map(text),
        cgroup_id: process.cgroup_id,
        container: Container::of(process.cgroup_id, names),
        stalled: Stalled::new(&process.tally),
    };
    let other = (group.folded > 0 || !group.other.faults.is_empty()).then(|| ProcessRow {
        other: true,
        pid: None,
        comm: None,
        in_command: None,
        refaults: RowRefaults::new(&group.other.faults, read),
        major_faults: read.major_faults.then_some(group.other.faults.major_faults),
        swapin_pages: read.swapins.then_some(group.other.faults.swapin_pages),
        process_start_ns: None,
        cgroup: None,
        cgroup_id: None,
        container: None,
        stalled: Stalled::new(&group.other),
    });
    group.rows.iter().map(row).chain(other).collect()
}

fn cgroups<'a>(
    group: &summary::Group<summary::CgroupSummary>,
    names: &Names<'a>,
    read: &FaultsRead,
) -> Vec<CgroupRow<'a>> {
    let row = |cgroup: &summary::CgroupSummary| CgroupRow {
        other: false,
        cgroup: names.cgroup(cgroup.cgroup_id).map(text),
        cgroup_id: cgroup.cgroup_id,
        container: Container::of(cgroup.cgroup_id, names),
        refaults: RowRefaults::new(&cgroup.tally.faults, read),
        stalled: Stalled::new(&cgroup.tally),
    };
    let other = (group.folded > 0 || !group.other.faults.is_empty()).then(|| CgroupRow {
        other: true,
        cgroup: None,
        cgroup_id: None,
        container: None,
        refaults: RowRefaults::new(&group.other.faults, read),
        stalled: Stalled::new(&group.other),
    });
    group.rows.iter().map(row).chain(other).collect()
}
