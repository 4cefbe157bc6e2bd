//! A tick to a message, and back. Counters are differences to the segment's base.

use memtrace_common::{histogram::BUCKETS, kind::StallKind, part::Spent, totals::OtherShrinks};

use super::{
    counters::{CounterNames, decode_lost, encode_loss, encode_lost, encode_readings},
    counts, evictors,
    model::{Meta, TickRecord},
    nodes::{decode_kswapd, decode_shrinks, decode_zones, encode_kswapd, encode_shrinks, encode_zones},
    optional::{difference, restore},
    shrinkers, unreleased,
    values::{
        decode_node, decode_open, decode_own, decode_pressure, decode_refaults, decode_sampled, decode_zone,
        encode_node, encode_open, encode_own, encode_pressure, encode_refaults, encode_sampled, encode_zone, kind,
        zone_pages,
    },
    wire,
};
use memtrace_core::{
    session::{
        counters::KernelCounters,
        faults::FaultDeltas,
        histogram::Histogram,
        input::{HostSample, InFlight, KernelTotals, KindTotals, Reported, TickInput, Zone},
        memory::Memory,
    },
    throttle::Throttles,
    untrusted::Text,
};

/// Values to which the numbers of a segment's ticks are differences.
#[derive(Debug, Default)]
pub(super) struct Base {
    totals: KernelTotals,
    reported: [Reported; StallKind::COUNT],
    counters: KernelCounters,
    vmstat: Vec<u64>,
    meminfo_bytes: Vec<u64>,
    vmstat_names: Vec<Text>,
    meminfo_names: Vec<Text>,
    page_bytes: u64,
    zones: Vec<Zone>,
}

impl Base {
    /// Base of the segment that begins with this META.
    pub(super) fn of(meta: &Meta) -> Self {
        let base = meta.base.as_ref().map(|base| &base.input);
        Self {
            totals: base.map(|base| base.totals.clone()).unwrap_or_default(),
            reported: base.map(|base| base.reported).unwrap_or_default(),
            counters: meta.baseline.readings.after.clone(),
            vmstat: meta.vmstat.clone(),
            meminfo_bytes: meta.meminfo_bytes.clone(),
            vmstat_names: meta.host.vmstat_names.clone(),
            meminfo_names: meta.host.meminfo_names.clone(),
            page_bytes: meta.host.page_size_bytes,
            zones: meta.zones.clone(),
        }
    }

    /// The message of a tick, without the rows of processes and cgroups.
    pub(super) fn encode(&self, tick: &TickRecord) -> wire::Tick {
        let TickInput { t_ns, totals, host, reported, lost, .. } = &tick.input;
        let refaults = |now: Option<_>, base: Option<_>| now.map(|now| encode_refaults(now, base.unwrap_or_default()));
        let same_zones = same_zones(&host.zones, &self.zones);
        let zone_pages = host.zones.iter().zip(&self.zones).flat_map(|(now, base)| {
            zone_pages(now).into_iter().zip(zone_pages(base)).map(|(now, base)| difference(now, base))
        });
        wire::Tick {
            t_ns: *t_ns,
            stalls: totals
                .stalls
                .iter()
                .map(|(kind, now)| encode_kind(*kind as u32, now, self.totals.stalls.get(kind)))
                .collect(),
            own: Some(encode_kind(0, &totals.own, Some(&self.totals.own))),
            kswapd: totals
                .kswapd
                .iter()
                .map(|(nid, now)| encode_kswapd(*nid, now, self.totals.kswapd.get(nid)))
                .collect(),
            proactive: totals.proactive.as_ref().map(|now| encode_kind(0, now, self.totals.proactive.as_ref())),
            shrinkers: shrinkers::encode(&totals.shrinkers, &self.totals.shrinkers),
            refaults: refaults(totals.refaults, self.totals.refaults),
            own_refaults: refaults(totals.own_refaults, self.totals.own_refaults),
            other_scanned_pages: difference(
                totals.other_shrinks.scanned_pages,
                self.totals.other_shrinks.scanned_pages,
            ),
            other_reclaimed_pages: difference(
                totals.other_shrinks.reclaimed_pages,
                self.totals.other_shrinks.reclaimed_pages,
            ),
            node_shrinks: totals
                .node_shrinks
                .iter()
                .map(|shrinks| encode_shrinks(shrinks, &self.totals.node_shrinks))
                .collect(),
            stall_zones: totals.zones.as_ref().map(|zones| encode_zones(zones, self.totals.zones.as_ref())),
            in_flight: totals.in_flight.iter().map(encode_in_flight).collect(),
            open: totals.open.iter().take(MAX_OPEN).map(encode_open).collect(),
            loss: encode_loss(&totals.loss, &self.totals.loss),
            lost: encode_lost(lost),
            pressure: host.pressure.as_ref().map(encode_pressure),
            zone_pages: if same_zones { zone_pages.collect() } else { Vec::new() },
            zones: if same_zones { Vec::new() } else { host.zones.iter().map(encode_zone).collect() },
            node_refaults: host.node_refaults.iter().map(encode_node).collect(),
            own_cost: Some(encode_own(host.own)),
            readings: host.counters.as_ref().map(|now| encode_readings(now, Some(&self.counters))),
            ooms_pending: host.ooms_pending,
            oom_calls: None,
            counts: counts::encode(&totals.counts, &self.totals.counts),
            counts_unread: counts::unread(&totals.counts),
            reported: StallKind::ALL
                .iter()
                .filter_map(|kind| encode_reported(*kind, reported, &self.reported))
                .collect(),
            evictors: tick.input.evictors.as_ref().map(evictors::encode),
            vmstat: differences(&tick.vmstat, &self.vmstat, 1),
            meminfo_kib: differences(&tick.meminfo_bytes, &self.meminfo_bytes, 1024),
            processes: None,
            cgroups: None,
            epoch: 0,
            epoch_ends: false,
            segment: 0,
            sampled: tick.input.faults.sampled.map(encode_sampled),
        }
    }

    /// The tick of a message, without the rows of processes and cgroups.
    pub(super) fn decode(&self, message: &wire::Tick, names: &CounterNames) -> TickRecord {
        let base = &self.totals;
        let stalls = message.stalls.iter().filter_map(|now| {
            let kind = kind(now.kind)?;
            Some((kind, decode_kind(now, base.stalls.get(&kind))))
        });
        let in_flight = message.in_flight.iter().filter_map(|now| {
            Some((kind(now.kind)?, InFlight { stalls: now.stalls, scanned_pages: now.scanned_pages }))
        });
        let kswapd = message.kswapd.iter().map(|now| (now.nid, decode_kswapd(now, base.kswapd.get(&now.nid))));
        let totals = KernelTotals {
            stalls: stalls.collect(),
            own: message.own.as_ref().map(|own| decode_kind(own, Some(&base.own))).unwrap_or_default(),
            kswapd: kswapd.collect(),
            refaults: message.refaults.as_ref().map(|now| decode_refaults(now, base.refaults.unwrap_or_default())),
            own_refaults: message
                .own_refaults
                .as_ref()
                .map(|now| decode_refaults(now, base.own_refaults.unwrap_or_default())),
            proactive: message.proactive.as_ref().map(|now| decode_kind(now, base.proactive.as_ref())),
            shrinkers: shrinkers::decode(&message.shrinkers, &base.shrinkers),
            other_shrinks: OtherShrinks {
                scanned_pages: restore(message.other_scanned_pages, base.other_shrinks.scanned_pages),
                reclaimed_pages: restore(message.other_reclaimed_pages, base.other_shrinks.reclaimed_pages),
            },
            node_shrinks: message.node_shrinks.iter().map(|now| decode_shrinks(now, &base.node_shrinks)).collect(),
            zones: message.stall_zones.as_ref().map(|now| decode_zones(now, base.zones.as_ref())),
            in_flight: in_flight.collect(),
            open: message.open.iter().filter_map(decode_open).collect(),
            counts: counts::decode(message, &base.counts),
            loss: names.loss(&message.loss, &base.loss),
        };
        let vmstat = restored(&message.vmstat, &self.vmstat, 1);
        let meminfo_bytes = restored(&message.meminfo_kib, &self.meminfo_bytes, 1024);
        let host = HostSample {
            memory: Memory::of(
                named(&self.meminfo_names, &meminfo_bytes),
                named(&self.vmstat_names, &vmstat),
                self.page_bytes,
            ),
            pressure: message.pressure.as_ref().map(decode_pressure),
            zones: self.zones(message),
            node_refaults: message.node_refaults.iter().map(decode_node).collect(),
            own: message.own_cost.as_ref().map(decode_own).unwrap_or_default(),
            counters: message.readings.as_ref().map(|now| names.readings(now, Some(&self.counters))),
            ooms_pending: message.ooms_pending,
        };
        TickRecord {
            input: TickInput {
                t_ns: message.t_ns,
                totals,
                host,
                // Without the rows.
                faults: FaultDeltas { sampled: message.sampled.as_ref().map(decode_sampled), ..FaultDeltas::default() },
                stacks: None,
                evictors: message.evictors.as_ref().map(evictors::decode),
                lost: decode_lost(&message.lost),
                reported: self.reported(&message.reported),
            },
            vmstat,
            meminfo_bytes,
            unrecorded_processes: Vec::new(),
            unrecorded_cgroups: Vec::new(),
        }
    }

    fn zones(&self, message: &wire::Tick) -> Vec<Zone> {
        if message.zone_pages.is_empty() || message.zone_pages.len() != 5 * self.zones.len() {
            return message.zones.iter().map(decode_zone).collect();
        }
        let zone = |(base, now): (&Zone, &[i64])| {
            let [free, min, low, high, managed] = zone_pages(base);
            let value = |at: usize, base| now.get(at).map_or(base, |&now| restore(now, base));
            Zone {
                free_pages: value(0, free),
                min_pages: value(1, min),
                low_pages: value(2, low),
                high_pages: value(3, high),
                managed_pages: value(4, managed),
                ..base.clone()
            }
        };
        self.zones.iter().zip(message.zone_pages.chunks(5)).map(zone).collect()
    }

    fn reported(&self, message: &[wire::ReportedStalls]) -> [Reported; StallKind::COUNT] {
        // A kind without changes is not written.
        let mut all = self.reported.map(|reported| Reported { longest_ns: 0, ..reported });
        for reported in message {
            if let Some(kind) = kind(reported.kind) {
                let base = self.reported[kind as usize];
                all[kind as usize] = Reported {
                    count: restore(reported.count, base.count),
                    total_ns: restore(reported.total_ns, base.total_ns),
                    longest_ns: reported.longest_ns,
                };
            }
        }
        all
    }
}

/// Open stalls that a tick lists; there may be thousands in a storm.
const MAX_OPEN: usize = memtrace_core::session::open_time::FOLLOWED;

/// Values with their names; a name that is no text is empty.
pub(super) fn named<'a>(names: &'a [Text], values: &'a [u64]) -> impl Iterator<Item = (&'a str, u64)> {
    let known = |name: &'a Text| std::str::from_utf8(name.raw()).unwrap_or_default();
    names.iter().map(known).zip(values.iter().copied())
}

fn same_zones(now: &[Zone], base: &[Zone]) -> bool {
    now.len() == base.len() && now.iter().zip(base).all(|(now, base)| now.nid == base.nid && now.name == base.name)
}

/// Differences in units of `unit`; to 0 where `base` is shorter.
fn differences(now: &[u64], base: &[u64], unit: u64) -> Vec<i64> {
    now.iter().enumerate().map(|(at, &now)| difference(now / unit, base.get(at).copied().unwrap_or(0) / unit)).collect()
}

fn restored(column: &[i64], base: &[u64], unit: u64) -> Vec<u64> {
    let value =
        |(at, &now): (usize, &i64)| restore(now, base.get(at).copied().unwrap_or(0) / unit).saturating_mul(unit);
    column.iter().enumerate().map(value).collect()
}

fn encode_kind(number: u32, now: &KindTotals, base: Option<&KindTotals>) -> wire::KindTotals {
    let nothing = KindTotals::default();
    let base = base.unwrap_or(&nothing);
    let (mut bucket, mut bucket_count, mut last) = (Vec::new(), Vec::new(), 0);
    let counts = now.latency.counts().iter().zip(base.latency.counts());
    for (at, (now, base)) in (0..).zip(counts).filter(|(_, (now, base))| now != base) {
        bucket.push(at - last);
        bucket_count.push(difference(*now, *base));
        last = at;
    }
    wire::KindTotals {
        kind: number,
        count: difference(now.count, base.count),
        total_ns: difference(now.total_ns, base.total_ns),
        max_ns: now.max_ns,
        scanned_pages: difference(now.scanned_pages, base.scanned_pages),
        reclaimed_pages: difference(now.reclaimed_pages, base.reclaimed_pages),
        part_ns: encode_spent(now.spent, base.spent),
        throttles_ns: encode_throttles(now.throttles, base.throttles),
        off_cpu_ns: now.off_cpu_ns.map(|now| difference(now, base.off_cpu_ns.unwrap_or(0))),
        bucket,
        bucket_count,
        ..wire::KindTotals::default()
    }
}

/// Differences by part; none while all are 0.
fn encode_spent(now: Spent, base: Spent) -> Vec<i64> {
    let differences = now.all().into_iter().zip(base.all()).map(|(now, base)| difference(now, base));
    if now == base { Vec::new() } else { differences.collect() }
}

/// Times by part; parts of a later version are not read.
fn decode_spent(now: &[i64], base: Spent) -> Spent {
    let mut times = base.all();
    times.iter_mut().zip(now).for_each(|(ns, now)| *ns = restore(*now, *ns));
    Spent::of(times)
}

fn decode_kind(now: &wire::KindTotals, base: Option<&KindTotals>) -> KindTotals {
    let nothing = KindTotals::default();
    let base = base.unwrap_or(&nothing);
    let mut counts = *base.latency.counts();
    let mut at = 0_usize;
    for (&step, &count) in now.bucket.iter().zip(&now.bucket_count) {
        at = at.saturating_add(step as usize);
        if let Some(bucket) = counts.get_mut(at).filter(|_| at < BUCKETS) {
            *bucket = restore(count, *bucket);
        }
    }
    let mut latency = Histogram::default();
    latency.add(&counts);
    KindTotals {
        count: restore(now.count, base.count),
        total_ns: restore(now.total_ns, base.total_ns),
        max_ns: now.max_ns,
        scanned_pages: restore(now.scanned_pages, base.scanned_pages),
        reclaimed_pages: restore(now.reclaimed_pages, base.reclaimed_pages),
        spent: match now.part_ns.as_slice() {
            [] => decode_spent(&unreleased::totals(now), base.spent),
            parts => decode_spent(parts, base.spent),
        },
        throttles: decode_throttles(&now.throttles_ns, base.throttles),
        off_cpu_ns: now.off_cpu_ns.map(|now| restore(now, base.off_cpu_ns.unwrap_or(0))),
        latency,
    }
}

fn encode_throttles(now: Throttles, base: Throttles) -> Vec<i64> {
    let differences = now.ns().into_iter().zip(base.ns()).map(|(now, base)| difference(now, base));
    if now == base { Vec::new() } else { differences.collect() }
}

fn decode_throttles(now: &[i64], base: Throttles) -> Throttles {
    let mut ns = base.ns();
    ns.iter_mut().zip(now).for_each(|(ns, now)| *ns = restore(*now, *ns));
    Throttles::of(ns)
}

fn encode_in_flight((kind, now): (&StallKind, &InFlight)) -> wire::InFlight {
    wire::InFlight { kind: *kind as u32, stalls: now.stalls, scanned_pages: now.scanned_pages }
}

fn encode_reported(
    kind: StallKind,
    now: &[Reported; StallKind::COUNT],
    base: &[Reported; StallKind::COUNT],
) -> Option<wire::ReportedStalls> {
    let (now, base) = (now[kind as usize], base[kind as usize]);
    let reported = wire::ReportedStalls {
        kind: kind as u32,
        count: difference(now.count, base.count),
        total_ns: difference(now.total_ns, base.total_ns),
        longest_ns: now.longest_ns,
    };
    (reported.count != 0 || reported.total_ns != 0 || reported.longest_ns != 0).then_some(reported)
}
