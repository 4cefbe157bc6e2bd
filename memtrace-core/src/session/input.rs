//! Input of the session at each tick: the exact totals of the kernel side and a sample of the host.

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
    /// Sum of their durations, in ns.
    pub total_ns: u64,
    /// Longest duration, in ns.
    pub max_ns: u64,
    /// Pages scanned in them.
    pub scanned_pages: u64,
    /// Pages reclaimed in them.
    pub reclaimed_pages: u64,
    /// Time in them, by part.
    pub spent: Spent,
    /// Time throttled in them, by reason.
    pub throttles: Throttles,
    /// Time in them in which the tasks did not run, in ns; `None` where that is not measured.
    pub off_cpu_ns: Option<u64>,
    /// Histogram of their latencies.
    pub latency: Histogram,
}

/// Stalls of one kind that are not over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InFlight {
    /// Number of stalls.
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
    /// Kind of the stall.
    pub kind: StallKind,
    /// Begin, `CLOCK_MONOTONIC` in ns.
    pub begin_ns: u64,
}

/// All exact totals since attach. They are in `BTreeMap`s, so that outputs come in a fixed order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelTotals {
    /// Totals by kind; a kind whose hooks are not attached is absent, which is not the same as zero.
    pub stalls: BTreeMap<StallKind, KindTotals>,
    /// memtrace's own stalls, of all kinds; not in `stalls`.
    pub own: KindTotals,
    /// Reclaim on request (`memory.reclaim`): no stall, and not in `stalls`. `None` where it cannot be distinguished.
    pub proactive: Option<KindTotals>,
    /// Totals of kswapd by node; a node whose kswapd was never seen is absent.
    pub kswapd: BTreeMap<u32, KswapdTotals>,
    /// Refaults since attach, without memtrace's own; `None` where they are not read.
    pub refaults: Option<RefaultCounts>,
    /// memtrace's own refaults; not in `refaults`.
    pub own_refaults: Option<RefaultCounts>,
    /// Time in shrinkers inside stalls, by kind and shrinker.
    pub shrinkers: Shrinkers,
    /// Shrinks that belong to no stall and no kswapd.
    pub other_shrinks: OtherShrinks,
    /// Shrinks inside stalls by the reclaimed node; empty where they are not read.
    pub node_shrinks: BTreeMap<u32, OtherShrinks>,
    /// State of the zones when direct stalls began; `None` where it is not read.
    pub zones: Option<StallZones>,
    /// Stalls that are not over, by kind, memtrace's own included; not in any other number here.
    pub in_flight: BTreeMap<StallKind, InFlight>,
    /// The stalls that are not over, one by one, as far as they could be listed; the longest first, without memtrace's
    /// own.
    pub open: Vec<OpenStall>,
    /// Counts of the whole host since attach.
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
    /// Node of the zone.
    pub nid: u32,
    /// Name of the zone (`DMA`, `DMA32`, `Normal`, `Movable`).
    pub name: Text,
    /// Free pages.
    pub free_pages: u64,
    /// Min watermark: below it the allocating task stalls.
    pub min_pages: u64,
    /// Low watermark: below it kswapd is woken.
    pub low_pages: u64,
    /// High watermark: above it kswapd sleeps.
    pub high_pages: u64,
    /// Pages that the buddy allocator manages.
    pub managed_pages: u64,
}

/// Refaults of one node since boot, as the kernel counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeRefaults {
    /// The node.
    pub nid: u32,
    /// Pages of files.
    pub file_pages: u64,
    /// Anonymous pages.
    pub anon_pages: u64,
}

/// Cost of memtrace itself.
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

/// A sample of the host at a tick. Values that could not be read are `None` or empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostSample {
    /// Memory pressure; `None` where PSI is off.
    pub pressure: Option<Pressure>,
    /// Memory and swap, with the kernel's counts since boot.
    pub memory: Option<Memory>,
    /// Zones that hold pages.
    pub zones: Vec<Zone>,
    /// Refaults by node since boot; empty where the kernel does not report them.
    pub node_refaults: Vec<NodeRefaults>,
    /// memtrace's own cost.
    pub own: OwnCost,
    /// The kernel's counters around the reading of the totals.
    pub counters: Option<Readings>,
    /// OOM kills that are known and were not yet passed to the session.
    pub ooms_pending: u64,
}

/// The stalls of one kind that came as events, including those that do not match a filter; without memtrace's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reported {
    /// Stalls since the start.
    pub count: u64,
    /// Sum of their durations, in ns.
    pub total_ns: u64,
    /// The longest since the last tick, in ns.
    pub longest_ns: u64,
}

/// Input of a session at a tick. Events come between two ticks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TickInput {
    /// `CLOCK_MONOTONIC` in ns.
    pub t_ns: u64,
    /// The exact totals.
    pub totals: KernelTotals,
    /// The sample of the host.
    pub host: HostSample,
    /// Faults of processes and cgroups since the last tick.
    pub faults: FaultDeltas,
    /// Stacks of stalls since the last tick; `None` where they are not counted.
    pub stacks: Option<StackDeltas>,
    /// Sampled refaults by evictor since the last tick; `None` where they are not reported.
    pub evictors: Option<ByMemory<EvictorDeltas>>,
    /// Number of losses in user space since the start, by the number of [`Loss`].
    pub lost: [u64; Loss::COUNT],
    /// Stalls that came as events so far, by the number of the kind.
    pub reported: [Reported; StallKind::COUNT],
}

impl KernelTotals {
    /// Pages scanned and reclaimed by all reclaim since attach.
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
