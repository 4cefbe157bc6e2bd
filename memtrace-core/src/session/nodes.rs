//! Summary of the nodes: their kswapds, with the failures and the premature sleeps of these.

use memtrace_common::{
    totals::{KswapdTotals, ORDERS, failures_from},
    zone::HOPELESS,
};

use super::{
    counters::{Baseline, KernelCounters, Readings},
    kswapd::Kswapds,
    summary::NodeSummary,
    tick::Reclaim,
};
use crate::source::Source;

/// Rounds in which a node's kswapd reclaimed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failures {
    /// Number of rounds.
    pub count: u64,
    /// Number of times that enough rounds in a row failed for the node to be hopeless: its kswapd is not woken any
    /// more.
    pub hopeless: u64,
    /// Number of times that a hopeless node got another try.
    pub cleared: u64,
    /// Number of failed rounds in a row up to the end, as far as is known.
    pub in_a_row: u32,
    /// `True` when each failure was reported; a lower bound when their number was read at kswapd's rounds.
    pub source: Source,
}

impl Failures {
    /// The failures of a node; `None` where they are not known.
    fn of(totals: &KswapdTotals) -> Option<Self> {
        let source = match totals.failures_from {
            failures_from::READINGS => Source::LowerBound,
            failures_from::EVENTS => Source::True,
            _ => return None,
        };
        let &KswapdTotals { failures, hopeless, cleared, failures_in_a_row, .. } = totals;
        Some(Self { count: failures, hopeless, cleared, in_a_row: failures_in_a_row, source })
    }

    /// True when the node is hopeless at the end.
    #[must_use]
    pub const fn is_hopeless(&self) -> bool {
        self.in_a_row >= HOPELESS
    }
}

/// Sleeps of all kswapds that ended or failed too soon, by the kernel's own counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrematureSleeps {
    /// `kswapd_low_wmark_hit_quickly`: woken again within the 0.1 s nap before the sleep.
    pub low: u64,
    /// `kswapd_high_wmark_hit_quickly`: not woken, but the node was not (or no longer) above its high watermarks when
    /// kswapd was about to sleep.
    pub high: u64,
}

impl PrematureSleeps {
    /// Growth of the counters since the attaching; `None` when they were not read.
    pub(super) fn since(baseline: Option<&Baseline>, now: Option<&Readings>) -> Option<Self> {
        let (before, now) = (&baseline?.readings.after, &now?.after);
        let grown = |name| {
            let count = |counters: &KernelCounters| counters.host.get(name).copied();
            Some(count(now)?.saturating_sub(count(before)?))
        };
        Some(Self { low: grown("kswapd_low_wmark_hit_quickly")?, high: grown("kswapd_high_wmark_hit_quickly")? })
    }
}

/// Counts by order of an allocation; `None` when the orders are not known.
fn by_order(orders: &[u64; ORDERS], count: u64) -> Option<[u64; ORDERS]> {
    (count == 0 || orders.iter().any(|n| *n > 0)).then_some(*orders)
}

/// One node's kswapd.
pub(super) fn summary(
    nid: u32,
    totals: &KswapdTotals,
    kswapds: &Kswapds,
    scans_reported: bool,
    reached_reported: bool,
) -> NodeSummary {
    NodeSummary {
        nid,
        wakes: totals.wakes,
        sleeps: totals.sleeps,
        wakeups: totals.wakeups,
        wakeups_by_order: by_order(&totals.wakeups_by_order, totals.wakeups),
        rounds_by_order: by_order(&totals.rounds_by_order, totals.rounds),
        awake_ns: kswapds.awake_ns(nid),
        busy_ns: totals.busy_ns,
        busy_source: if totals.balances > 0 { Source::True } else { Source::LowerBound },
        awake: totals.awake != 0,
        reclaim: Reclaim::of(totals.scanned_pages, totals.reclaimed_pages, scans_reported),
        failures: Failures::of(totals),
        top_waker: kswapds.top_waker(nid),
        reached: reached_reported.then(|| kswapds.reached(nid)),
    }
}

#[cfg(test)]
mod tests {
    use memtrace_common::totals::{KswapdTotals, ORDERS, failures_from};

    use super::{Failures, PrematureSleeps, by_order};
    use crate::{
        session::counters::{Baseline, KernelCounters, Readings},
        source::Source,
    };

    fn counters(low: Option<u64>, high: u64) -> Readings {
        let low = low.map(|low| ("kswapd_low_wmark_hit_quickly", low));
        let host = low.into_iter().chain([("kswapd_high_wmark_hit_quickly", high)]).collect();
        let counters = KernelCounters { host, ..KernelCounters::default() };
        Readings { before: KernelCounters::default(), after: counters }
    }

    #[test]
    fn premature_sleeps_are_those_since_the_attaching_and_unread_without_a_counter() {
        let baseline = Baseline { readings: counters(Some(5), 7), ..Baseline::default() };
        let since = |now: &Readings| PrematureSleeps::since(Some(&baseline), Some(now));
        assert_eq!(since(&counters(Some(9), 7)), Some(PrematureSleeps { low: 4, high: 0 }));
        assert_eq!(since(&counters(None, 9)), None);
        assert_eq!(PrematureSleeps::since(Some(&baseline), None), None);
        assert_eq!(PrematureSleeps::since(None, Some(&counters(Some(9), 7))), None);
    }

    #[test]
    fn failures_that_no_event_reports_are_unknown() {
        let of = |failures_from, in_a_row| {
            let totals =
                KswapdTotals { failures: 20, failures_from, failures_in_a_row: in_a_row, ..KswapdTotals::default() };
            Failures::of(&totals)
        };
        assert_eq!(of(failures_from::NOWHERE, 16), None);
        assert_eq!(of(77, 16), None, "of a later version");
        let read = of(failures_from::READINGS, 15).unwrap();
        assert_eq!((read.source, read.is_hopeless()), (Source::LowerBound, false));
        let reported = of(failures_from::EVENTS, 16).unwrap();
        assert_eq!((reported.source, reported.is_hopeless(), reported.count), (Source::True, true, 20));
    }

    #[test]
    fn orders_of_an_older_trace_are_not_known() {
        let none = [0; ORDERS];
        let mut some = none;
        some[3] = 1;
        assert_eq!((by_order(&none, 5), by_order(&none, 0), by_order(&some, 5)), (None, Some(none), Some(some)));
    }
}
