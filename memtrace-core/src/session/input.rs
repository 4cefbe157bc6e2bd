//! What the session is given each tick: the exact totals of the kernel side and a sample of the host.

use std::collections::BTreeMap;

use memtrace_common::{
    kind::StallKind,
    part::Spent,
    refault::RefaultCounts,
    totals::{KswapdTotals, OtherShrinks},
};

use super::{
    counters::Readings,
    counts::Counts,
    evictors::{ByMemory, EvictorDeltas},
    faults::FaultDeltas,
    histogram::Histogram,
    loss::Loss,
    memory::Memory,
    shrinkers::Shrinkers,
    stacks::StackDeltas,
    zones::StallZones,
};
use crate::{event::Comm, throttle::Throttles, untrusted::Text};

/// Exact totals of one kind of stall since attach, summed over the CPUs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KindTotals {
    /// Finished stalls.
    pub count: u64,
    /// Their time in ns.
    pub total_ns: u64,
    /// The longest, in ns.
    pub max_ns: u64,
    /// Pages scanned in them.
    pub scanned_pages: u64,
    /// Pages reclaimed in them.
    pub reclaimed_pages: u64,
    /// Time in them by part.
    pub spent: Spent,
    /// Time throttled in them by reason.
    pub throttles: Throttles,
    /// Time in them in which their tasks did not run, in ns; `None` where that is not measured.
    pub off_cpu_ns: Option<u64>,
    /// Their latencies.
    pub latency: Histogram,
}

/// Stalls of one kind that are not over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InFlight {
    /// How many.
    pub stalls: u64,
    /// Pages scanned in them so far.
    pub scanned_pages: u64,
}

/// A stall that is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenStall {
    /// Process id.
    pub pid: u32,
    /// Thread id.
    pub tid: u32,
    /// Name of the thread, where it was looked up.
    pub comm: Option<Comm>,
    /// What holds the task up.
    pub kind: StallKind,
    /// Its begin, `CLOCK_MONOTONIC` in ns.
    pub begin_ns: u64,
}

/// All exact totals since attach. `BTreeMap`s, so that outputs come in a fixed order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelTotals {
    /// By kind; a kind whose hooks are not attached is absent, which is not the same as zero.
    pub stalls: BTreeMap<StallKind, KindTotals>,
    /// memtrace's own stalls, of whatever kind; not in `stalls`.
    pub own: KindTotals,
    /// Reclaim that somebody asked for (`memory.reclaim`): no stall, and not in `stalls`. `None` where it is not told apart.
    pub proactive: Option<KindTotals>,
    /// By node; a node whose kswapd was never seen is absent.
    pub kswapd: BTreeMap<u32, KswapdTotals>,
    /// Refaults of all but memtrace since attach; `None` where they are not read.
    pub refaults: Option<RefaultCounts>,
    /// memtrace's own refaults; not in `refaults`.
    pub own_refaults: Option<RefaultCounts>,
    /// Time in shrinkers inside stalls, by kind and shrinker.
    pub shrinkers: Shrinkers,
    /// Shrinks that belong to no stall and no kswapd.
    pub other_shrinks: OtherShrinks,
    /// Shrinks inside stalls by the node that was reclaimed; empty where they are not read.
    pub node_shrinks: BTreeMap<u32, OtherShrinks>,
    /// How the zones stood when direct stalls began; `None` where it is not read.
    pub zones: Option<StallZones>,
    /// Stalls that are not over, by kind, memtrace's own included; in no other number here.
    pub in_flight: BTreeMap<StallKind, InFlight>,
    /// The same one by one, the longest first, memtrace's own left out; those that could be listed.
    pub open: Vec<OpenStall>,
    /// Numbers of the whole host since attach.
    pub counts: Counts,
    /// Loss by stage.
    pub loss: BTreeMap<&'static str, u64>,
}

/// `/proc/pressure/memory`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pressure {
    /// Share of time in which some task was stalled, over 10, 60 and 300 s, in percent.
    pub some_avg: [f64; 3],
    /// Share of time in which all tasks were stalled, over 10, 60 and 300 s, in percent.
    pub full_avg: [f64; 3],
    /// Total time in which some task was stalled, in ns.
    pub some_total_ns: u64,
    /// Total time in which all tasks were stalled, in ns.
    pub full_total_ns: u64,
}

/// Free memory of one zone against its watermarks, in pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// The node that it belongs to.
    pub nid: u32,
    /// Its name (`DMA`, `DMA32`, `Normal`, `Movable`).
    pub name: Text,
    /// Free pages.
    pub free_pages: u64,
    /// Below it the allocating task stalls.
    pub min_pages: u64,
    /// Below it kswapd is woken.
    pub low_pages: u64,
    /// Above it kswapd sleeps.
    pub high_pages: u64,
    /// Pages that the buddy allocator manages.
    pub managed_pages: u64,
}

/// Refaults of one node since boot, as the kernel itself counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeRefaults {
    /// The node.
    pub nid: u32,
    /// Pages of files.
    pub file_pages: u64,
    /// Anonymous pages.
    pub anon_pages: u64,
}

/// What memtrace itself costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnCost {
    /// CPU time of the process since it started, in ns.
    pub cpu_ns: Option<u64>,
    /// Resident size in bytes; the ring is in it twice.
    pub rss_bytes: Option<u64>,
    /// Run time of the BPF programs in ns, scaled from a sample; `None` when not sampled.
    pub bpf_ns: Option<u64>,
    /// Runs of the BPF programs, scaled from the same sample.
    pub bpf_runs: Option<u64>,
}

/// A sample of the host at a tick. What could not be read is `None` or empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostSample {
    /// Memory pressure; `None` where PSI is off.
    pub pressure: Option<Pressure>,
    /// Memory and swap, with what the kernel counted since boot.
    pub memory: Option<Memory>,
    /// Zones that hold pages.
    pub zones: Vec<Zone>,
    /// Refaults by node since boot; empty where the kernel does not tell.
    pub node_refaults: Vec<NodeRefaults>,
    /// memtrace's own cost.
    pub own: OwnCost,
    /// The kernel's counters around the reading of the totals.
    pub counters: Option<Readings>,
    /// OOM kills that are known and that the session was not given yet.
    pub ooms_pending: u64,
}

/// The stalls of one kind that came as events; memtrace's own left out, whether they match a filter or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reported {
    /// Stalls since the start.
    pub count: u64,
    /// Their time in ns.
    pub total_ns: u64,
    /// The longest since the last tick, in ns.
    pub longest_ns: u64,
}

/// All that a session is given at a tick. Events come between two of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TickInput {
    /// `CLOCK_MONOTONIC` in ns.
    pub t_ns: u64,
    /// The exact totals.
    pub totals: KernelTotals,
    /// The host.
    pub host: HostSample,
    /// What processes and cgroups had to get back since the last tick.
    pub faults: FaultDeltas,
    /// Stacks of stalls since the last tick; `None` where they are not counted.
    pub stacks: Option<StackDeltas>,
    /// Who evicted what came back since the last tick; `None` where that is not told.
    pub evictors: Option<ByMemory<EvictorDeltas>>,
    /// What was lost in user space since the start, by the number of [`Loss`].
    pub lost: [u64; Loss::COUNT],
    /// Stalls that came as events so far, by the number of the kind.
    pub reported: [Reported; StallKind::COUNT],
}

impl KernelTotals {
    /// Pages scanned and reclaimed by all of reclaim since attach.
    pub(super) fn reclaim_sums(&self) -> (u64, u64) {
        let stalls = self
            .stalls
            .values()
            .chain([&self.own])
            .chain(&self.proactive)
            .map(|kind| (kind.scanned_pages, kind.reclaimed_pages));
        let kswapd = self.kswapd.values().map(|node| (node.scanned_pages, node.reclaimed_pages));
        let other = (self.other_shrinks.scanned_pages, self.other_shrinks.reclaimed_pages);
        stalls
            .chain(kswapd)
            .chain([other])
            .fold((0, 0), |sum: (u64, u64), more| (sum.0.saturating_add(more.0), sum.1.saturating_add(more.1)))
    }
}
