//! Counters by node and zone to messages, and back: differences to the segment's base.

use std::collections::BTreeMap;

use memtrace_common::totals::{KswapdTotals, ORDERS, OtherShrinks};

use super::{
    optional::{difference, restore},
    wire,
};
use memtrace_core::session::zones::{StallZones, ZoneStalls};

pub(super) fn encode_kswapd(nid: u32, now: &KswapdTotals, base: Option<&KswapdTotals>) -> wire::KswapdTotals {
    let base = base.copied().unwrap_or_default();
    wire::KswapdTotals {
        nid,
        rounds: difference(now.rounds, base.rounds),
        wakes: difference(now.wakes, base.wakes),
        sleeps: difference(now.sleeps, base.sleeps),
        wakeups: difference(now.wakeups, base.wakeups),
        busy_ns: difference(now.busy_ns, base.busy_ns),
        scanned_pages: difference(now.scanned_pages, base.scanned_pages),
        reclaimed_pages: difference(now.reclaimed_pages, base.reclaimed_pages),
        soft_limit_ns: difference(now.soft_limit_ns, base.soft_limit_ns),
        last_ns: now.last_ns,
        awake: now.awake,
        tid: now.tid,
        balances: difference(now.balances, base.balances),
        failures: difference(now.failures, base.failures),
        hopeless: difference(now.hopeless, base.hopeless),
        cleared: difference(now.cleared, base.cleared),
        wakeups_by_order: encode_orders(&now.wakeups_by_order, &base.wakeups_by_order),
        rounds_by_order: encode_orders(&now.rounds_by_order, &base.rounds_by_order),
        failures_in_a_row: now.failures_in_a_row,
        most_failures_in_a_row: now.most_failures_in_a_row,
        failures_from: now.failures_from,
    }
}

pub(super) fn decode_kswapd(now: &wire::KswapdTotals, base: Option<&KswapdTotals>) -> KswapdTotals {
    let base = base.copied().unwrap_or_default();
    KswapdTotals {
        rounds: restore(now.rounds, base.rounds),
        wakes: restore(now.wakes, base.wakes),
        sleeps: restore(now.sleeps, base.sleeps),
        wakeups: restore(now.wakeups, base.wakeups),
        busy_ns: restore(now.busy_ns, base.busy_ns),
        balances: restore(now.balances, base.balances),
        scanned_pages: restore(now.scanned_pages, base.scanned_pages),
        reclaimed_pages: restore(now.reclaimed_pages, base.reclaimed_pages),
        soft_limit_ns: restore(now.soft_limit_ns, base.soft_limit_ns),
        last_ns: now.last_ns,
        failures: restore(now.failures, base.failures),
        hopeless: restore(now.hopeless, base.hopeless),
        cleared: restore(now.cleared, base.cleared),
        wakeups_by_order: decode_orders(&now.wakeups_by_order, &base.wakeups_by_order),
        rounds_by_order: decode_orders(&now.rounds_by_order, &base.rounds_by_order),
        awake: now.awake,
        tid: now.tid,
        failures_in_a_row: now.failures_in_a_row,
        most_failures_in_a_row: now.most_failures_in_a_row,
        failures_from: now.failures_from,
        pad: 0,
    }
}

/// Differences by order, without the zeros at the end.
fn encode_orders(now: &[u64; ORDERS], base: &[u64; ORDERS]) -> Vec<i64> {
    let mut column: Vec<_> = now.iter().zip(base).map(|(&now, &base)| difference(now, base)).collect();
    column.truncate(column.iter().rposition(|&n| n != 0).map_or(0, |last| last + 1));
    column
}

fn decode_orders(column: &[i64], base: &[u64; ORDERS]) -> [u64; ORDERS] {
    std::array::from_fn(|order| restore(column.get(order).copied().unwrap_or(0), base[order]))
}

pub(super) fn encode_shrinks(
    (&nid, now): (&u32, &OtherShrinks),
    base: &BTreeMap<u32, OtherShrinks>,
) -> wire::NodeShrinks {
    let base = base.get(&nid).copied().unwrap_or_default();
    wire::NodeShrinks {
        nid,
        scanned_pages: difference(now.scanned_pages, base.scanned_pages),
        reclaimed_pages: difference(now.reclaimed_pages, base.reclaimed_pages),
    }
}

pub(super) fn decode_shrinks(now: &wire::NodeShrinks, base: &BTreeMap<u32, OtherShrinks>) -> (u32, OtherShrinks) {
    let base = base.get(&now.nid).copied().unwrap_or_default();
    let shrinks = OtherShrinks {
        scanned_pages: restore(now.scanned_pages, base.scanned_pages),
        reclaimed_pages: restore(now.reclaimed_pages, base.reclaimed_pages),
    };
    (now.nid, shrinks)
}

pub(super) fn encode_zones(now: &StallZones, base: Option<&StallZones>) -> wire::StallZones {
    let nothing = ZoneStalls::default();
    let zone = |now: &ZoneStalls| {
        let base = base.and_then(|base| base.same(now)).unwrap_or(&nothing);
        wire::ZoneStalls {
            nid: now.nid,
            name: now.name.stored(),
            below_min: difference(now.below_min, base.below_min),
            below_low: difference(now.below_low, base.below_low),
            below_high: difference(now.below_high, base.below_high),
            above_high: difference(now.above_high, base.above_high),
            boosted: difference(now.boosted, base.boosted),
            plenty_elsewhere: difference(now.plenty_elsewhere, base.plenty_elsewhere),
            free_pages: difference(now.free_pages, base.free_pages),
            least_free_pages: now.least_free_pages,
        }
    };
    let unread = difference(now.unread, base.map_or(0, |base| base.unread));
    wire::StallZones { zones: now.zones.iter().map(zone).collect(), unread }
}

pub(super) fn decode_zones(now: &wire::StallZones, base: Option<&StallZones>) -> StallZones {
    let nothing = ZoneStalls::default();
    let zone = |now: &wire::ZoneStalls| {
        let key = ZoneStalls { nid: now.nid, name: now.name.as_str().into(), ..ZoneStalls::default() };
        let base = base.and_then(|base| base.same(&key)).unwrap_or(&nothing);
        ZoneStalls {
            below_min: restore(now.below_min, base.below_min),
            below_low: restore(now.below_low, base.below_low),
            below_high: restore(now.below_high, base.below_high),
            above_high: restore(now.above_high, base.above_high),
            boosted: restore(now.boosted, base.boosted),
            plenty_elsewhere: restore(now.plenty_elsewhere, base.plenty_elsewhere),
            free_pages: restore(now.free_pages, base.free_pages),
            least_free_pages: now.least_free_pages,
            ..key
        }
    };
    StallZones {
        zones: now.zones.iter().map(zone).collect(),
        unread: restore(now.unread, base.map_or(0, |base| base.unread)),
    }
}

/// Counters of a kswapd, for the check of their size.
pub(super) fn numbers_of_kswapd(now: &KswapdTotals) -> impl Iterator<Item = u64> {
    [now.balances, now.failures, now.hopeless, now.cleared]
        .into_iter()
        .chain(now.wakeups_by_order)
        .chain(now.rounds_by_order)
}

/// Counters of the zones, for the check of their size.
pub(super) fn numbers_of_zones(zones: &StallZones) -> impl Iterator<Item = u64> {
    let numbers = |zone: &ZoneStalls| {
        let stalls = [zone.below_min, zone.below_low, zone.below_high, zone.above_high];
        stalls.into_iter().chain([zone.boosted, zone.plenty_elsewhere, zone.free_pages]).chain(zone.least_free_pages)
    };
    zones.zones.iter().flat_map(numbers).chain([zones.unread])
}
