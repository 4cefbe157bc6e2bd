//! Free memory of the zones against their watermarks, at the moment at which a task begins direct reclaim.

use memtrace_common::{
    verifier::below,
    zone::{ZoneTotals, ZonesTotals},
};

use crate::{
    config::{CONFIG, loaded},
    hooks::node,
    maps::ZONES,
    memory::Address,
};

/// State of the zones, one bit per zone.
#[derive(Default)]
struct Seen {
    below_min: u64,
    above_high: u64,
    unread: u64,
}

/// Counts the state of each zone. Unrolled: the verifier knows each index, and drops those without a zone.
#[inline(always)]
pub(crate) fn count() {
    if loaded(&CONFIG.zones.count) == 0 {
        return;
    }
    let Some(all) = ZONES.get_ptr_mut(0) else { return };
    let mut seen = Seen::default();
    // SAFETY: a map value of this CPU.
    unsafe {
        look::<0>(all, &mut seen);
        look::<1>(all, &mut seen);
        look::<2>(all, &mut seen);
        look::<3>(all, &mut seen);
        look::<4>(all, &mut seen);
        look::<5>(all, &mut seen);
        look::<6>(all, &mut seen);
        look::<7>(all, &mut seen);
        compare::<0>(all, &seen);
        compare::<1>(all, &seen);
        compare::<2>(all, &seen);
        compare::<3>(all, &seen);
        compare::<4>(all, &seen);
        compare::<5>(all, &seen);
        compare::<6>(all, &seen);
        compare::<7>(all, &seen);
        (*all).unread += seen.unread;
    }
}

/// Counts one zone.
///
/// # Safety
/// `all` must be a valid map value.
#[inline(always)]
unsafe fn look<const N: usize>(all: *mut ZonesTotals, seen: &mut Seen) {
    if N as u32 >= loaded(&CONFIG.zones.count) {
        return;
    }
    let Some(zone) = address::<N>() else {
        seen.unread = 1;
        return;
    };
    let layout = &CONFIG.zones;
    let Some(free) = zone.read::<i64>(&layout.free) else {
        seen.unread = 1;
        return;
    };
    let Some(marks) = zone.read::<[u64; 3]>(&layout.watermarks) else {
        seen.unread = 1;
        return;
    };
    let boost = zone.read::<u64>(&layout.boost).unwrap_or(0);
    // Counts that the CPUs hold back can make it negative for a moment.
    let free = if free > 0 { free as u64 } else { 0 };
    // SAFETY: by contract; the programs of one CPU do not run inside each other.
    unsafe {
        let totals = &raw mut (*all).zones[N];
        if (*totals).begins() == 0 || free < (*totals).least_free_pages {
            (*totals).least_free_pages = free;
        }
        (*totals).free_pages += free;
        if boost > 0 {
            (*totals).boosted += 1;
        }
        classify::<N>(totals, seen, free, [marks[0] + boost, marks[1] + boost, marks[2] + boost]);
    }
}

/// Counts the class of the free pages. This uses arithmetic alone: with branches the verifier would go through every
/// combination of the classes of all zones.
///
/// # Safety
/// `totals` must be a valid map value.
#[inline(always)]
unsafe fn classify<const N: usize>(totals: *mut ZoneTotals, seen: &mut Seen, free: u64, [min, low, high]: [u64; 3]) {
    let (min, low, high) = (below(free, min), below(free, low), below(free, high));
    // SAFETY: by contract.
    unsafe {
        (*totals).below_min += min;
        (*totals).below_low += low - min;
        (*totals).below_high += high - low;
        (*totals).above_high += 1 - high;
    }
    seen.below_min |= min << N;
    seen.above_high |= (1 - high) << N;
}

/// Counts a zone that is short while the main zone of another node is not.
///
/// # Safety
/// `all` must be a valid map value.
#[inline(always)]
unsafe fn compare<const N: usize>(all: *mut ZonesTotals, seen: &Seen) {
    let elsewhere = u64::from(loaded(&CONFIG.zones.zones[N].elsewhere));
    if seen.below_min & (1 << N) != 0 && seen.above_high & elsewhere != 0 {
        // SAFETY: by contract.
        unsafe { (*all).zones[N].plenty_elsewhere += 1 };
    }
}

/// Address of a zone.
#[inline(always)]
fn address<const N: usize>() -> Option<Address> {
    let layout = &CONFIG.zones;
    let node = node::address(loaded(&layout.zones[N].nid))?;
    let zones = u64::from(loaded(&layout.node_zones).offset()?);
    let before = u64::from(loaded(&layout.zones[N].index)) * u64::from(loaded(&layout.zone_bytes));
    Some(Address(node.0 + zones + before))
}
