//! The counts of a tick, as differences by position.

use memtrace_common::count::Count;
use memtrace_core::session::counts::Counts;

use super::{
    optional::{difference, restore},
    wire,
};

/// The differences to the segment's base. Counts after the last one that is read are left out; an unread one before it
/// is written as 0 and marked in [`unread`].
pub(super) fn encode(now: &Counts, base: &Counts) -> Vec<i64> {
    let each = now.all().into_iter().zip(base.all()).take(length(now));
    each.map(|(now, base)| now.map_or(0, |now| difference(now, base.unwrap_or(0)))).collect()
}

/// Bit mask of the unread counts among those in [`encode`].
pub(super) fn unread(now: &Counts) -> u64 {
    let each = now.all().into_iter().take(length(now)).enumerate();
    each.map(|(at, count)| u64::from(count.is_none()) << at).sum()
}

/// Number of counts up to the last that is read.
fn length(counts: &Counts) -> usize {
    counts.all().iter().rposition(Option::is_some).map_or(0, |last| last + 1)
}

/// The counts of a tick of the segment with this base. A trace without `counts` may have the first one as `oom_calls`.
pub(super) fn decode(tick: &wire::Tick, base: &Counts) -> Counts {
    let old = tick.oom_calls.as_slice();
    let differences = if tick.counts.is_empty() { old } else { &tick.counts };
    let mut counts = Counts::default();
    for (at, (count, &n)) in Count::ALL.into_iter().zip(differences).enumerate() {
        if tick.counts_unread >> at & 1 == 0 {
            counts.set(count, restore(n, base.get(count).unwrap_or(0)));
        }
    }
    counts
}

const _: () = assert!(Count::COUNT <= u64::BITS as usize);
