//! Bounds of possible numbers. A trace may hold any number, and sums must neither wrap nor mislead: a number that no
//! host can reach is damage. The bounds are far above what is possible, and far enough below the largest number for
//! sums to fit.

use std::collections::BTreeMap;

use memtrace_common::{histogram::BUCKETS, totals::MAX_NODES};

use super::{
    model::{ClockReading, End, Meta, TickRecord},
    nodes::{numbers_of_kswapd, numbers_of_zones},
    values::zone_pages,
};
use memtrace_core::{
    event::{Oom, Stall},
    session::{counters::Readings, evictors::ByMemory, input::TickInput, stacks::StackSum},
};

/// Counts of pages and of events since boot. 2^28 pages of 4 KiB a second are 1 TiB/s, more than the memory of a large
/// server can move; at that rate 2^54 take two years. Some dozen kinds, nodes and stages are added up, some four times.
pub(super) const MOST: u64 = 1 << 54;
/// Times in ns: 146 years since boot. Stall times are sums over tasks, thousands of which may stall at once for weeks;
/// sums of such sums saturate.
pub(super) const MOST_NS: u64 = 1 << 62;
/// Sizes in bytes: address spaces have at most 2^57, and `Committed_AS` counts several of them.
const MOST_BYTES: u64 = 1 << 62;
/// A kernel counter of [`Readings`]: no more than two are added to one.
const MOST_COUNTER: u64 = 1 << 60;
const MOST_IN_BUCKET: u64 = (1 << 60) / BUCKETS as u64;
const MOST_IN_FLIGHT: u64 = 1 << 40;
/// The largest pages are of 1 GiB.
const MOST_PAGE_BYTES: u64 = 1 << 30;
/// A share of time in percent, with room for rounding.
const MOST_PERCENT: f64 = 101.0;

fn all_below(most: u64, numbers: impl IntoIterator<Item = u64>) -> bool {
    numbers.into_iter().all(|n| n < most)
}

/// True when every number of a tick is possible.
pub(super) fn is_sane(tick: &TickRecord) -> bool {
    let input = &tick.input;
    times_are_sane(input)
        && counts_are_sane(input)
        && host_is_sane(input)
        && evictors_are_sane(input)
        && all_below(MOST, tick.vmstat.iter().copied())
        && all_below(MOST_BYTES, tick.meminfo_bytes.iter().copied())
}

fn times_are_sane(input: &TickInput) -> bool {
    let totals = &input.totals;
    let kinds = || totals.stalls.values().chain([&totals.own]).chain(&totals.proactive);
    let times = kinds()
        .flat_map(|kind| [kind.total_ns, kind.max_ns, kind.off_cpu_ns.unwrap_or(0)])
        .chain(kinds().flat_map(|kind| kind.spent.all()))
        .chain(kinds().flat_map(|kind| kind.throttles.ns()))
        .chain(totals.shrinkers.totals.values().map(|shrinker| shrinker.total_ns))
        .chain(totals.kswapd.values().flat_map(|k| [k.busy_ns, k.soft_limit_ns, k.last_ns]))
        .chain(input.reported.iter().flat_map(|reported| [reported.total_ns, reported.longest_ns]))
        .chain(totals.open.iter().map(|open| open.begin_ns))
        .chain(input.faults.sampled.iter().flat_map(|sampled| [sampled.counted_ns, sampled.of_ns]))
        .chain([input.t_ns]);
    all_below(MOST_NS, times)
}

fn counts_are_sane(input: &TickInput) -> bool {
    let totals = &input.totals;
    let kinds = || totals.stalls.values().chain([&totals.own]).chain(&totals.proactive);
    let refaults = [totals.refaults, totals.own_refaults].into_iter().flatten();
    let counts = refaults
        .flat_map(|r| [r.file_pages, r.anon_pages, r.events, r.activated_pages, r.restored_pages])
        .chain(kinds().flat_map(|kind| [kind.count, kind.scanned_pages, kind.reclaimed_pages]))
        .chain(totals.shrinkers.totals.values().map(|shrinker| shrinker.stalls))
        .chain(totals.kswapd.values().flat_map(|k| [k.wakes, k.sleeps, k.wakeups, k.rounds]))
        .chain(totals.kswapd.values().flat_map(|k| [k.scanned_pages, k.reclaimed_pages]))
        .chain(totals.kswapd.values().flat_map(numbers_of_kswapd))
        .chain(totals.zones.iter().flat_map(numbers_of_zones))
        .chain(totals.node_shrinks.values().flat_map(|node| [node.scanned_pages, node.reclaimed_pages]))
        .chain([totals.other_shrinks.scanned_pages, totals.other_shrinks.reclaimed_pages])
        .chain(totals.counts.all().into_iter().flatten())
        .chain(totals.loss.values().chain(&input.lost).copied())
        .chain(input.faults.sampled.map(|sampled| sampled.windows))
        .chain(input.reported.iter().map(|reported| reported.count));
    all_below(MOST, counts)
        && all_below(MOST_IN_BUCKET, kinds().flat_map(|kind| kind.latency.counts().iter().copied()))
        && all_below(MOST_IN_FLIGHT, totals.in_flight.values().flat_map(|open| [open.stalls, open.scanned_pages]))
        && totals.kswapd.keys().all(|nid| *nid < MAX_NODES)
}

fn host_is_sane(input: &TickInput) -> bool {
    let host = &input.host;
    let counts = host.zones.iter().flat_map(zone_pages).chain([host.ooms_pending]).chain(host.own.bpf_runs);
    let refaults = host.node_refaults.iter().flat_map(|node| [node.file_pages, node.anon_pages]);
    let pressure = host.pressure.iter();
    let mut shares = pressure.clone().flat_map(|pressure| pressure.some_avg.iter().chain(&pressure.full_avg));
    all_below(MOST, counts.chain(refaults))
        && all_below(MOST_NS, pressure.flat_map(|pressure| [pressure.some_total_ns, pressure.full_total_ns]))
        && all_below(MOST_NS, host.own.cpu_ns.into_iter().chain(host.own.bpf_ns))
        && all_below(MOST_BYTES, host.own.rss_bytes)
        && host.counters.as_ref().is_none_or(are_sane)
        && shares.all(|share| *share < MOST_PERCENT)
}

fn evictors_are_sane(input: &TickInput) -> bool {
    let all = || input.evictors.iter().flat_map(ByMemory::iter);
    let sums = || all().flat_map(|deltas| deltas.rows.iter().map(|(_, sum)| sum).chain([&deltas.other]));
    all_below(MOST, sums().map(|sum| sum.samples)) && all_below(MOST_NS, sums().map(|sum| sum.away_ns))
}

/// True when these counters of the kernel are possible.
pub(super) fn are_sane(readings: &Readings) -> bool {
    let values = [&readings.before, &readings.after]
        .into_iter()
        .flat_map(|counters| counters.host.values().chain(counters.cgroup.iter().flat_map(BTreeMap::values)));
    all_below(MOST_COUNTER, values.copied())
}

/// True when every number of the beginning of a segment is possible.
pub(super) fn is_meta_sane(meta: &Meta) -> bool {
    let sizes = meta.host.swap.iter().flat_map(|area| [area.size_bytes, area.used_bytes]);
    let before = meta.at_start.iter();
    let pressure = before.clone().filter_map(|before| before.pressure.as_ref().ok());
    let times = pressure
        .flat_map(|pressure| [pressure.some_total_ns, pressure.full_total_ns])
        .chain(before.clone().map(|before| before.oom_window_ns))
        .chain(before.flat_map(|before| before.oom_kills.iter().flatten().map(|kill| kill.ago_ns)))
        .chain([meta.setup.start_ns, meta.setup.interval_ns, meta.setup.min_stall_ns]);
    meta.base.as_ref().is_none_or(is_sane)
        && are_sane(&meta.baseline.readings)
        && is_clock_sane(&meta.clock)
        && all_below(MOST, meta.vmstat.iter().copied())
        && all_below(MOST, meta.zones.iter().flat_map(zone_pages))
        && all_below(MOST, meta.nodes_from.iter().flat_map(|node| [node.file_pages, node.anon_pages]))
        && all_below(MOST_BYTES, meta.meminfo_bytes.iter().copied().chain(meta.host.memory_bytes).chain(sizes))
        && meta.host.page_size_bytes <= MOST_PAGE_BYTES
        && all_below(MOST_NS, times)
}

/// True when these clocks are possible.
pub(super) fn is_clock_sane(clock: &ClockReading) -> bool {
    all_below(MOST_NS, [clock.monotonic_ns, clock.boottime_ns])
}

/// True when every number of an end is possible.
pub(super) fn is_end_sane(end: &End) -> bool {
    all_below(MOST_NS, end.open.iter().map(|open| open.begin_ns).chain([end.t_ns])) && all_below(MOST, end.lost)
}

/// True when every number of a stall is possible.
pub(super) fn is_stall_sane(stall: &Stall) -> bool {
    let off_cpu = stall.off_cpu.and_then(|off_cpu| off_cpu.measured_ns().or(off_cpu.estimated_ns()));
    let times = stall.times.known().chain(stall.throttles.ns()).chain(off_cpu);
    let times = times.chain(stall.top_shrinker.map(|shrinker| shrinker.ns)).chain([stall.t_ns, stall.dur_ns]);
    all_below(MOST_NS, times) && all_below(MOST, [stall.scanned_pages, stall.reclaimed_pages].into_iter().flatten())
}

/// True when every number of an OOM kill is possible.
pub(super) fn is_oom_sane(oom: &Oom) -> bool {
    let victim = &oom.victim;
    let sizes = [victim.anon_rss_bytes, victim.file_rss_bytes, victim.shmem_rss_bytes];
    let counts = oom.call.iter().flat_map(|call| [Some(call.number), call.total_pages]).flatten();
    all_below(MOST_BYTES, sizes.into_iter().flatten())
        && all_below(MOST, counts)
        && all_below(MOST_NS, oom.memory_back.map(|back| back.after_ns))
}

/// True when the sum of stalls on a stack is possible.
pub(super) fn is_stack_sane(sum: &StackSum) -> bool {
    sum.stalls < MOST && sum.total_ns < MOST_NS
}
