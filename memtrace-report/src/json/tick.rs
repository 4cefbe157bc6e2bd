//! The object of a tick.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    coverage::{Coverage, coverage},
    evictors::Evictors,
    refaults::Refaults,
    values::{Shown, finite},
    words,
};
use memtrace_core::{
    clock::{Clock, Rfc3339},
    session::{input, memory, tick},
};

/// Stalls of an interval: the time in it, and those that ended in it.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Interval {
    /// Number of stalls that ended.
    pub count: u64,
    /// Total time of these stalls in ns, including the time before the interval.
    pub total_ns: u64,
    /// Time that passed in stalls in the interval, ended or not, in ns.
    pub stalled_ns: u64,
    /// Time so far in open stalls, in ns; null where it is not known which of them match (`matched`).
    pub open_ns: Option<u64>,
    /// Median in ns.
    pub p50_ns: Option<u64>,
    /// 99th percentile in ns.
    pub p99_ns: Option<u64>,
    /// The longest in ns, at most 1/32 off where its record was lost.
    pub max_ns: Option<u64>,
}

impl Interval {
    fn new(interval: &tick::Interval) -> Self {
        let tick::Interval { count, total_ns, stalled_ns, open_ns, p50_ns, p99_ns, max_ns, .. } = *interval;
        Self { count, total_ns, stalled_ns, open_ns, p50_ns, p99_ns, max_ns }
    }
}

/// Stalls that match the filter, as far as events reported them.
pub type Matched = Interval;

/// One node's kswapd.
#[derive(Debug, JsonSchema, Serialize)]
pub struct KswapdTick {
    /// Node of the kswapd.
    pub nid: u32,
    /// True when it is awake at the end.
    pub awake: bool,
    /// Time awake in ns.
    pub awake_ns: u64,
    /// Time at work in ns: a lower bound.
    pub busy_ns: u64,
    /// Changes from sleep to work.
    pub wakes: u64,
    /// Changes to sleep.
    pub sleeps: u64,
    /// Times a task requested a wakeup.
    pub wakeups: u64,
    /// Pages scanned.
    pub scanned_pages: Option<u64>,
    /// Pages reclaimed.
    pub reclaimed_pages: Option<u64>,
}

/// A zone that holds pages.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Zone {
    /// The node.
    pub nid: u32,
    /// Name of the zone.
    pub zone: String,
    /// Free pages.
    pub free_pages: u64,
    /// Min watermark.
    pub min_pages: u64,
    /// Low watermark.
    pub low_pages: u64,
    /// High watermark.
    pub high_pages: u64,
    /// True for the zone of its node that is nearest to its min watermark.
    pub tightest: bool,
}

/// Memory pressure, in percent of the time.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Pressure {
    /// Some task stalled, last 10 s.
    #[schemars(range(min = 0))]
    pub some_avg10_percent: Option<f64>,
    /// All tasks stalled, last 10 s.
    #[schemars(range(min = 0))]
    pub full_avg10_percent: Option<f64>,
    /// Time in which some task was stalled, in ns, since boot.
    pub some_total_ns: u64,
    /// Time in which all tasks were stalled, in ns, since boot.
    pub full_total_ns: u64,
}

impl Pressure {
    fn new(pressure: &input::Pressure) -> Self {
        Self {
            some_avg10_percent: finite(pressure.some_avg[0]),
            full_avg10_percent: finite(pressure.full_avg[0]),
            some_total_ns: pressure.some_total_ns,
            full_total_ns: pressure.full_total_ns,
        }
    }
}

/// Memory and swap at the end of an interval.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Memory {
    /// All memory that the kernel manages, in bytes.
    pub total_bytes: Option<u64>,
    /// Memory available without swapping, in bytes.
    pub available_bytes: Option<u64>,
    /// All swap, in bytes.
    pub swap_total_bytes: Option<u64>,
    /// Free swap, in bytes.
    pub swap_free_bytes: Option<u64>,
    /// Pages read from swap in the interval.
    pub swapped_in_pages: Option<u64>,
    /// Pages written to swap in the interval.
    pub swapped_out_pages: Option<u64>,
    /// Memory allocated in the interval, in bytes.
    pub allocated_bytes: Option<u64>,
    /// Processes that the kernel counted as OOM-killed in the interval.
    pub oom_kills: Option<u64>,
}

impl From<memory::Memory> for Memory {
    fn from(memory: memory::Memory) -> Self {
        Self {
            total_bytes: memory.total_bytes,
            available_bytes: memory.available_bytes,
            swap_total_bytes: memory.swap_total_bytes,
            swap_free_bytes: memory.swap_free_bytes,
            swapped_in_pages: memory.swapped_in_pages,
            swapped_out_pages: memory.swapped_out_pages,
            allocated_bytes: memory.allocated_bytes,
            oom_kills: memory.oom_kills,
        }
    }
}

/// The interval since the previous tick.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Tick {
    /// End of the interval, `CLOCK_MONOTONIC` in ns.
    pub t_ns: u64,
    /// End of the interval, RFC 3339 in UTC; null when a damaged trace has lost the time of day.
    pub time: Option<Shown<Rfc3339>>,
    /// True length of the interval in ns.
    pub elapsed_ns: u64,
    /// Stalls by kind; all kinds that are traced.
    #[schemars(with = "BTreeMap<words::Kind, Interval>")]
    pub stalls: BTreeMap<&'static str, Interval>,
    /// All kinds together.
    pub all: Interval,
    /// Mean number of stalled tasks: stalled seconds per second.
    #[schemars(range(min = 0))]
    pub stalled_per_s: Option<f64>,
    /// Stalls that match the filter, as far as events reported them; null without a filter.
    pub matched: Option<Matched>,
    /// kswapd by node; null where its wakes are not read.
    pub kswapd: Option<Vec<KswapdTick>>,
    /// Pages scanned by all of reclaim.
    pub scanned_pages: Option<u64>,
    /// Pages reclaimed by all of reclaim.
    pub reclaimed_pages: Option<u64>,
    /// Reclaimed pages per scanned page.
    #[schemars(range(min = 0))]
    pub efficiency: Option<f64>,
    /// All zones that hold pages.
    pub zones: Vec<Zone>,
    /// Memory pressure; null where PSI is off.
    pub pressure: Option<Pressure>,
    /// Memory and swap; null where they are not read.
    pub memory: Option<Memory>,
    /// Refaults of the host in the interval.
    pub refaults: Refaults,
    /// Evictors of the pages refaulted in the interval; null where they are not traced (`--evictors`).
    pub evictors: Option<Box<Evictors>>,
    /// OOM kills in the interval.
    pub oom_kills: u64,
    /// Losses in the interval, by stage; all stages that are watched.
    pub loss: BTreeMap<&'static str, u64>,
    /// Our counts since attach against the kernel's own, by counter.
    pub coverage: Coverage,
    /// memtrace's own stalls, in no number above.
    #[serde(rename = "self")]
    pub own: OwnTick,
}

/// memtrace's own stalls and cost.
#[derive(Debug, JsonSchema, Serialize)]
pub struct OwnTick {
    /// Stalls in the interval.
    pub stalls: u64,
    /// Time of these stalls in ns.
    pub stalled_ns: u64,
    /// CPU time since it started, in ns.
    pub cpu_ns: Option<u64>,
    /// Resident size in bytes.
    pub rss_bytes: Option<u64>,
}

impl Tick {
    /// The object of a tick.
    #[must_use]
    pub fn new(tick: &tick::Tick, clock: &Clock) -> Self {
        Self {
            t_ns: tick.t_ns,
            time: clock.rfc3339(tick.t_ns).map(Shown),
            elapsed_ns: tick.elapsed_ns,
            stalls: tick.stalls.iter().map(|(kind, interval)| (kind.name(), Interval::new(interval))).collect(),
            all: Interval::new(&tick.all),
            stalled_per_s: tick.stalled_per_s().and_then(finite),
            matched: tick.matched.as_ref().map(Interval::new),
            kswapd: tick.kswapd.as_ref().map(|nodes| nodes.iter().map(kswapd).collect()),
            scanned_pages: tick.reclaim.scanned_pages,
            reclaimed_pages: tick.reclaim.reclaimed_pages,
            efficiency: tick.reclaim.efficiency().and_then(finite),
            zones: zones(tick),
            pressure: tick.pressure.as_ref().map(Pressure::new),
            memory: tick.memory.map(Memory::from),
            refaults: Refaults::new(tick.refaults, &tick.faults_read, tick.sampled),
            evictors: tick.evictors.as_ref().map(|found| Box::new(Evictors::new(found))),
            oom_kills: tick.oom_kills,
            loss: tick.loss.0.clone(),
            coverage: coverage(&tick.coverage),
            own: OwnTick {
                stalls: tick.own_stalls,
                stalled_ns: tick.own_stalled_ns,
                cpu_ns: tick.own.cpu_ns,
                rss_bytes: tick.own.rss_bytes,
            },
        }
    }
}

fn kswapd(node: &tick::KswapdTick) -> KswapdTick {
    KswapdTick {
        nid: node.nid,
        awake: node.awake,
        awake_ns: node.awake_ns,
        busy_ns: node.busy_ns,
        wakes: node.wakes,
        sleeps: node.sleeps,
        wakeups: node.wakeups,
        scanned_pages: node.reclaim.scanned_pages,
        reclaimed_pages: node.reclaim.reclaimed_pages,
    }
}

fn zones(tick: &tick::Tick) -> Vec<Zone> {
    let tightest = tick.tightest_zones();
    let zone = |zone: &input::Zone| Zone {
        nid: zone.nid,
        zone: zone.name.json(),
        free_pages: zone.free_pages,
        min_pages: zone.min_pages,
        low_pages: zone.low_pages,
        high_pages: zone.high_pages,
        tightest: tightest.contains(&zone),
    };
    tick.zones.iter().map(zone).collect()
}
