//! One row per tick: the data since the previous tick.

use std::collections::BTreeMap;

use memtrace_common::{kind::StallKind, refault::RefaultCounts};

use super::{
    coverage::{Coverage, CoverageRow},
    detail::Detail,
    evictors::{ByMemory, EvictorSummary},
    faults::{Faults, FaultsRead},
    input::{OpenStall, OwnCost, Pressure, Zone},
    loss::{Ledger, Whole},
    memory::Memory,
    sampled::Sampled,
    stacks::StackDeltas,
    tally::KindTally,
};
use crate::{event::Comm, sum};

pub use super::interval::Interval;

/// Pages scanned and reclaimed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reclaim {
    /// Pages scanned; `None` when this kernel does not report them.
    pub scanned_pages: Option<u64>,
    /// Pages reclaimed; `None` when not read. A lower bound where scans are not reported.
    pub reclaimed_pages: Option<u64>,
}

impl Reclaim {
    /// Sums as read; without the shrink hook neither is complete. Pages reclaimed but none scanned means that the
    /// kernel did not report its scans.
    pub(super) fn of(scanned: u64, reclaimed: u64, scans_read: bool) -> Self {
        Self {
            scanned_pages: (scans_read && (scanned > 0 || reclaimed == 0)).then_some(scanned),
            reclaimed_pages: scans_read.then_some(reclaimed),
        }
    }

    /// This reclaim, with scans unread where the kernel does not report them; the reclaimed pages stay a lower bound.
    pub(super) fn with_scans_if(self, reported: bool) -> Self {
        Self { scanned_pages: self.scanned_pages.filter(|_| reported), ..self }
    }

    /// Reclaimed pages per scanned page; `None` when nothing was scanned or either was not read.
    #[must_use]
    pub fn efficiency(&self) -> Option<f64> {
        let scanned = self.scanned_pages.filter(|&n| n > 0)?;
        #[expect(clippy::cast_precision_loss, reason = "a ratio for a person")]
        self.reclaimed_pages.map(|reclaimed| reclaimed as f64 / scanned as f64)
    }
}

/// One node's kswapd in an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KswapdTick {
    /// Node of the kswapd.
    pub nid: u32,
    /// True when it is awake at the end.
    pub awake: bool,
    /// Time awake, in ns.
    pub awake_ns: u64,
    /// Time at work, in ns: a lower bound.
    pub busy_ns: u64,
    /// Changes from sleep to work.
    pub wakes: u64,
    /// Changes to sleep.
    pub sleeps: u64,
    /// Number of wakeups by tasks.
    pub wakeups: u64,
    /// Pages that it scanned and reclaimed.
    pub reclaim: Reclaim,
}

/// Time under memory pressure in an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressed {
    /// Time in which some task was stalled on memory, in ns.
    pub some_ns: u64,
    /// Time in which all tasks were stalled on memory, in ns.
    pub full_ns: u64,
}

impl Pressed {
    /// The growth of the totals from one reading to another that is `elapsed_ns` later.
    pub(super) fn since(now: Option<&Pressure>, before: Option<&Pressure>, elapsed_ns: u64) -> Option<Self> {
        let (now, before) = now.zip(before)?;
        // The totals are read a moment before or after the ticks: growth beyond the interval counts as the whole
        // interval.
        let grown = |of: fn(&Pressure) -> u64| of(now).checked_sub(of(before)).map(|ns| ns.min(elapsed_ns));
        Some(Self {
            some_ns: grown(|pressure| pressure.some_total_ns)?,
            full_ns: grown(|pressure| pressure.full_total_ns)?,
        })
    }
}

/// Data since the previous tick.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// End of the interval, `CLOCK_MONOTONIC` in ns.
    pub t_ns: u64,
    /// True length of the interval in ns, longer when the tick came late.
    pub elapsed_ns: u64,
    /// Stalls by kind, exact; all kinds whose hooks are attached.
    pub stalls: BTreeMap<StallKind, Interval>,
    /// All kinds together.
    pub all: Interval,
    /// Stalls that match the filter and were reported; `None` without a filter.
    pub matched: Option<Interval>,
    /// Number of memtrace's own stalls, which are in none of the above.
    pub own_stalls: u64,
    /// Sum of the durations of memtrace's own stalls, in ns.
    pub own_stalled_ns: u64,
    /// kswapd by node; nodes whose kswapd was never seen are absent. `None` where its wakes are not read.
    pub kswapd: Option<Vec<KswapdTick>>,
    /// Pages that all reclaim scanned and reclaimed: stalls, kswapd and others.
    pub reclaim: Reclaim,
    /// All zones that hold pages.
    pub zones: Vec<Zone>,
    /// Latencies of all kinds together, by bucket of the histogram (`memtrace_common::histogram`): the counts that are
    /// not 0, in order.
    pub latency: Vec<(u16, u32)>,
    /// Memory pressure; `None` where PSI is off.
    pub pressure: Option<Pressure>,
    /// Time under memory pressure in the interval; `None` where PSI is off, or was not read at both ends.
    pub pressed: Option<Pressed>,
    /// Memory and swap, with the kernel's counts in the interval.
    pub memory: Option<Memory>,
    /// Refaults in the interval, exact; `None` where they are not read.
    pub refaults: Option<RefaultCounts>,
    /// Set where refaults were counted for a part of the interval: then those of `rows` are estimates.
    pub sampled: Option<Sampled>,
    /// The fault counts that are read, and the hook of refaults.
    pub faults_read: FaultsRead,
    /// Stalls that are not over, the longest first; those that could be listed.
    pub open: Vec<OpenStall>,
    /// Rows of the interval by process, thread, cgroup and node; `None` where they are not enabled.
    pub rows: Option<RecentRows>,
    /// Stacks of the interval's stalls that match the filter; `None` where they are not counted.
    pub stacks: Option<StackDeltas>,
    /// Sampled refaults of the interval by evictor, the largest rows; `None` where they are not reported.
    pub evictors: Option<ByMemory<EvictorSummary>>,
    /// OOM kills in the interval.
    pub oom_kills: u64,
    /// Loss in the interval.
    pub loss: Ledger,
    /// Cost of memtrace itself so far.
    pub own: OwnCost,
    /// Comparison of our counts since attach with the kernel's.
    pub coverage: Coverage,
    /// Rows of `coverage` that must be reported to the user and that got worse in the interval.
    pub uncovered: Vec<CoverageRow>,
}

impl Tick {
    /// The total in the interval that losses are a part of; `None` where it is not known: runs of programs are sampled
    /// over longer times.
    #[must_use]
    pub fn whole(&self, of: Whole) -> Option<u64> {
        match of {
            Whole::Stalls => Some(self.all.count),
            Whole::OomKills => Some(self.oom_kills),
            Whole::KswapdChanges => {
                let nodes = self.kswapd.as_ref()?.iter();
                Some(sum::of(nodes.map(|node| node.wakes.saturating_add(node.sleeps))))
            }
            Whole::ProgramRuns | Whole::Uncounted => None,
        }
    }

    /// True for the rest of an interval at the end, a moment in which nothing happened: it has nothing to report.
    #[must_use]
    pub fn is_empty_rest(&self, interval_ns: u64) -> bool {
        let has_refaults = self.refaults.is_some_and(|refaults| refaults != RefaultCounts::default());
        self.elapsed_ns < interval_ns / 10 && self.all.count == 0 && self.oom_kills == 0 && !has_refaults
    }

    /// Stalled seconds of all tasks per second: the mean number of stalled tasks. `None` for an empty interval.
    #[must_use]
    pub fn stalled_per_s(&self) -> Option<f64> {
        per_second(self.all.stalled_ns, self.elapsed_ns).map(|ns| ns / 1e9)
    }

    /// For each node the zone nearest to its min watermark, in the order of the nodes.
    #[must_use]
    pub fn tightest_zones(&self) -> Vec<&Zone> {
        tightest_zones(&self.zones)
    }

    /// `count` as a rate over the interval; `None` for an empty interval.
    #[must_use]
    pub fn rate(&self, count: u64) -> Option<f64> {
        per_second(count, self.elapsed_ns)
    }
}

fn per_second(count: u64, elapsed_ns: u64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a rate for a person")]
    (elapsed_ns > 0).then(|| count as f64 * 1e9 / elapsed_ns as f64)
}

fn tightest_zones(zones: &[Zone]) -> Vec<&Zone> {
    let mut nodes: BTreeMap<u32, &Zone> = BTreeMap::new();
    for zone in zones.iter().filter(|zone| zone.high_pages > zone.min_pages) {
        let best = nodes.entry(zone.nid).or_insert(zone);
        if headroom(zone) < headroom(best) {
            *best = zone;
        }
    }
    nodes.into_values().collect()
}

/// Position of the free memory between the min watermark (0) and the high watermark (1).
fn headroom(zone: &Zone) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a ratio to compare by")]
    let (free, min, high) = (zone.free_pages as f64, zone.min_pages as f64, zone.high_pages as f64);
    (free - min) / (high - min)
}

/// Subject of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Who {
    /// A process: its id, and its start in ns where that was read.
    Process(u32, Option<u64>),
    /// A thread: its id, and the id of its process.
    Thread(u32, u32),
    /// A memory cgroup by its id; `None` for the stalls whose cgroup was not read.
    Cgroup(Option<u64>),
    /// A NUMA node; `None` for the stalls whose node was not read.
    Node(Option<u32>),
}

/// Data of one process, thread, cgroup or node in an interval.
#[derive(Clone, Debug, PartialEq)]
pub struct RecentRow {
    /// Subject of the row.
    pub who: Who,
    /// Name of the process or thread; empty for cgroups and nodes.
    pub comm: Comm,
    /// Id of the cgroup, or of that of the latest stall.
    pub cgroup_id: Option<u64>,
    /// Stalls of the interval.
    pub stalls: Interval,
    /// Stalls by kind, with count and time.
    pub kinds: Vec<(StallKind, KindTally)>,
    /// Properties of the stalls.
    pub detail: Detail,
    /// Refaults, major faults and swap-ins; `None` where they are not counted separately.
    pub faults: Option<Faults>,
    /// Pages reclaimed in the stalls; `None` when a part of them was not read.
    pub reclaimed_pages: Option<u64>,
    /// Number of wakeups of kswapd, as far as events were reported: load that the task causes, while stalls are delay
    /// that it suffers. `None` where they are not counted separately.
    pub wakeups: Option<u64>,
}

impl RecentRow {
    /// A row without data.
    pub(crate) fn new(who: Who) -> Self {
        Self {
            who,
            comm: Comm::default(),
            cgroup_id: None,
            stalls: Interval::default(),
            kinds: Vec::new(),
            detail: Detail::default(),
            faults: None,
            reclaimed_pages: Some(0),
            wakeups: None,
        }
    }
}

/// All rows of an interval.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecentRows {
    /// Processes, the most stalled first.
    pub processes: Vec<RecentRow>,
    /// Threads, likewise.
    pub threads: Vec<RecentRow>,
    /// Memory cgroups, likewise.
    pub cgroups: Vec<RecentRow>,
    /// Nodes, likewise: the nodes on which the tasks ran, or that they reclaimed.
    pub nodes: Vec<RecentRow>,
    /// Number of subjects without a row of their own.
    pub folded: u64,
}

impl RecentRows {
    /// All tables.
    pub fn tables(&self) -> [&Vec<RecentRow>; 4] {
        [&self.processes, &self.threads, &self.cgroups, &self.nodes]
    }

    /// Keeps at most `keep` rows of each table.
    pub fn thin(&mut self, keep: usize) {
        for rows in [&mut self.processes, &mut self.threads, &mut self.cgroups, &mut self.nodes] {
            self.folded += rows.len().saturating_sub(keep) as u64;
            rows.truncate(keep);
            rows.shrink_to_fit();
        }
    }
}
