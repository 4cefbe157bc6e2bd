//! A window that begins at a later tick than the attaching: counts from before that tick are subtracted.

use std::collections::BTreeMap;

use memtrace_common::{
    histogram::bucket_of,
    kind::StallKind,
    totals::{KswapdTotals, ORDERS, OtherShrinks},
};

use super::{
    counters::Readings,
    faults::Faults,
    input::{InFlight, KernelTotals, KindTotals, OwnCost, Reported, TickInput},
    loss::Loss,
};

/// Pages that a running shrink may have counted in the kernel and not reported yet.
const PAGES_PER_SHRINK: u64 = 64;

/// Begin of a window, and the state that belongs to the window itself.
#[derive(Debug)]
pub(super) struct Window {
    base: Box<TickInput>,
    /// The longest stall that events reported in the window, by kind, in ns.
    longest_ns: [u64; StallKind::COUNT],
}

impl Window {
    /// A window from this tick on.
    pub(super) fn new(base: &TickInput) -> Self {
        Self { base: Box::new(base.clone()), longest_ns: [0; StallKind::COUNT] }
    }

    /// Number of losses in user space before the window, by the number of the stage.
    pub(super) fn lost(&self) -> [u64; Loss::COUNT] {
        self.base.lost
    }

    /// Reduces the input of a tick to the window.
    pub(super) fn of(&mut self, input: &TickInput) -> TickInput {
        for (longest, reported) in self.longest_ns.iter_mut().zip(&input.reported) {
            *longest = (*longest).max(reported.longest_ns);
        }
        let base = &self.base;
        let mut totals = input.totals.since(&base.totals);
        for (kind, now) in &mut totals.stalls {
            now.max_ns = longest(now, &input.totals.stalls[kind], self.longest_ns[*kind as usize]);
        }
        totals.own.max_ns = longest(&totals.own, &input.totals.own, 0);
        if let (Some(window), Some(now)) = (&mut totals.proactive, &input.totals.proactive) {
            window.max_ns = longest(window, now, 0);
        }
        let mut host = input.host.clone();
        host.own = own_since(&host.own, &base.host.own);
        TickInput {
            t_ns: input.t_ns,
            totals,
            host,
            faults: input.faults.clone(),
            stacks: input.stacks.clone(),
            evictors: input.evictors.clone(),
            lost: std::array::from_fn(|stage| input.lost[stage].saturating_sub(base.lost[stage])),
            reported: std::array::from_fn(|kind| Reported {
                count: input.reported[kind].count.saturating_sub(base.reported[kind].count),
                total_ns: input.reported[kind].total_ns.saturating_sub(base.reported[kind].total_ns),
                longest_ns: input.reported[kind].longest_ns,
            }),
        }
    }
}

/// The kernel's counters at the begin of a window. The kernel counted stalls in flight before the begin, while our
/// totals count them in the window. The reading `before` is lowered by that number, since they may be on either side.
pub(super) fn readings(base: &TickInput) -> Option<Readings> {
    let mut readings = base.host.counters.clone()?;
    let open = |is_one: &dyn Fn(StallKind) -> bool| {
        let of = |kind| base.totals.in_flight.get(&kind).copied().unwrap_or_default();
        StallKind::with(is_one).map(of).fold(InFlight::default(), |sum, more| InFlight {
            stalls: sum.stalls.saturating_add(more.stalls),
            scanned_pages: sum.scanned_pages.saturating_add(more.scanned_pages),
        })
    };
    let pages = |is_one: &dyn Fn(StallKind) -> bool| {
        let open = open(is_one);
        open.scanned_pages.saturating_add(open.stalls.saturating_mul(PAGES_PER_SHRINK))
    };
    let one = |wanted: StallKind| open(&|kind| kind == wanted).stalls;
    let awake = base.totals.kswapd.values().filter(|node| node.awake != 0).count() as u64 * PAGES_PER_SHRINK;
    let (direct, all) = (pages(&StallKind::scans), pages(&|_| true).saturating_add(awake));
    for (counter, unplaced) in [
        ("allocstall", one(StallKind::Direct)),
        ("pgscan_direct_throttle", one(StallKind::Pfmemalloc)),
        ("compact_stall", one(StallKind::Compaction)),
        ("pgscan_direct", direct),
        ("pgsteal_direct", direct),
        ("pgscan_kswapd", awake),
        ("pgsteal_kswapd", awake),
        ("pgscan", all),
        ("pgsteal", all),
        ("oom_kill", base.host.ooms_pending),
    ] {
        for counters in [Some(&mut readings.before.host), readings.before.cgroup.as_mut()].into_iter().flatten() {
            counters.entry(counter).and_modify(|count| *count = count.saturating_sub(unplaced));
        }
    }
    Some(readings)
}

/// The longest stall of a window, in ns. The exact maximum is since attach: it belongs to the window only when it grew
/// in it. Otherwise it is the longest that events reported, unless the exact histogram shows a longer one, whose record
/// was lost.
fn longest(window: &KindTotals, now: &KindTotals, reported_ns: u64) -> u64 {
    if window.max_ns > 0 {
        return window.max_ns;
    }
    window.latency.quantile(1.0).map_or(0, |about_ns| {
        if bucket_of(reported_ns) == bucket_of(about_ns) { reported_ns } else { about_ns.min(now.max_ns) }
    })
}

fn own_since(now: &OwnCost, base: &OwnCost) -> OwnCost {
    let since = |now: Option<u64>, base: Option<u64>| Some(now?.saturating_sub(base?));
    OwnCost {
        cpu_ns: since(now.cpu_ns, base.cpu_ns),
        rss_bytes: now.rss_bytes,
        bpf_ns: since(now.bpf_ns, base.bpf_ns),
        bpf_runs: since(now.bpf_runs, base.bpf_runs),
    }
}

impl KernelTotals {
    /// The growth since `base`, an older state of the same totals. States, which are not counts, remain unchanged.
    #[must_use]
    pub fn since(&self, base: &Self) -> Self {
        let nothing = KindTotals::default();
        let kind =
            |(&kind, now): (&StallKind, &KindTotals)| (kind, now.since(base.stalls.get(&kind).unwrap_or(&nothing)));
        let node = |(&nid, now): (&u32, &KswapdTotals)| {
            (nid, kswapd_since(now, &base.kswapd.get(&nid).copied().unwrap_or_default()))
        };
        let shrinks = |(&nid, now): (&u32, &OtherShrinks)| {
            (nid, shrinks_since(*now, base.node_shrinks.get(&nid).copied().unwrap_or_default()))
        };
        let faults = |refaults| Faults { refaults, ..Faults::default() };
        let refaults = |now: Option<_>, base: Option<_>| {
            now.map(|now| faults(now).since(&faults(base.unwrap_or_default())).refaults)
        };
        let loss =
            |(&stage, &n): (&&'static str, &u64)| (stage, n.saturating_sub(base.loss.get(stage).copied().unwrap_or(0)));
        Self {
            stalls: self.stalls.iter().map(kind).collect(),
            own: self.own.since(&base.own),
            proactive: self.proactive.as_ref().map(|now| now.since(base.proactive.as_ref().unwrap_or(&nothing))),
            kswapd: self.kswapd.iter().map(node).collect(),
            refaults: refaults(self.refaults, base.refaults),
            own_refaults: refaults(self.own_refaults, base.own_refaults),
            shrinkers: self.shrinkers.since(&base.shrinkers),
            other_shrinks: shrinks_since(self.other_shrinks, base.other_shrinks),
            node_shrinks: self.node_shrinks.iter().map(shrinks).collect(),
            zones: self.zones.as_ref().map(|zones| zones.since(base.zones.as_ref())),
            in_flight: self.in_flight.clone(),
            open: self.open.clone(),
            counts: self.counts.since(&base.counts),
            loss: self.loss.iter().map(loss).collect::<BTreeMap<_, _>>(),
        }
    }
}

impl KindTotals {
    /// The growth since `base`, an older state of the same totals. The maximum is 0 unless it grew since then:
    /// otherwise the totals do not show which of the later stalls was the longest.
    #[must_use]
    pub fn since(&self, base: &Self) -> Self {
        Self {
            count: self.count.saturating_sub(base.count),
            total_ns: self.total_ns.saturating_sub(base.total_ns),
            max_ns: if self.max_ns > base.max_ns { self.max_ns } else { 0 },
            scanned_pages: self.scanned_pages.saturating_sub(base.scanned_pages),
            reclaimed_pages: self.reclaimed_pages.saturating_sub(base.reclaimed_pages),
            spent: self.spent.since(&base.spent),
            throttles: self.throttles.since(base.throttles),
            off_cpu_ns: self.off_cpu_ns.map(|now| now.saturating_sub(base.off_cpu_ns.unwrap_or(0))),
            latency: self.latency.since(&base.latency),
        }
    }
}

fn kswapd_since(now: &KswapdTotals, base: &KswapdTotals) -> KswapdTotals {
    KswapdTotals {
        rounds: now.rounds.saturating_sub(base.rounds),
        wakes: now.wakes.saturating_sub(base.wakes),
        sleeps: now.sleeps.saturating_sub(base.sleeps),
        wakeups: now.wakeups.saturating_sub(base.wakeups),
        busy_ns: now.busy_ns.saturating_sub(base.busy_ns),
        balances: now.balances.saturating_sub(base.balances),
        scanned_pages: now.scanned_pages.saturating_sub(base.scanned_pages),
        reclaimed_pages: now.reclaimed_pages.saturating_sub(base.reclaimed_pages),
        soft_limit_ns: now.soft_limit_ns.saturating_sub(base.soft_limit_ns),
        last_ns: now.last_ns,
        failures: now.failures.saturating_sub(base.failures),
        hopeless: now.hopeless.saturating_sub(base.hopeless),
        cleared: now.cleared.saturating_sub(base.cleared),
        wakeups_by_order: orders_since(&now.wakeups_by_order, &base.wakeups_by_order),
        rounds_by_order: orders_since(&now.rounds_by_order, &base.rounds_by_order),
        awake: now.awake,
        tid: now.tid,
        failures_in_a_row: now.failures_in_a_row,
        most_failures_in_a_row: now.most_failures_in_a_row,
        failures_from: now.failures_from,
        pad: 0,
    }
}

fn orders_since(now: &[u64; ORDERS], base: &[u64; ORDERS]) -> [u64; ORDERS] {
    std::array::from_fn(|order| now[order].saturating_sub(base[order]))
}

fn shrinks_since(now: OtherShrinks, base: OtherShrinks) -> OtherShrinks {
    OtherShrinks {
        scanned_pages: now.scanned_pages.saturating_sub(base.scanned_pages),
        reclaimed_pages: now.reclaimed_pages.saturating_sub(base.reclaimed_pages),
    }
}
