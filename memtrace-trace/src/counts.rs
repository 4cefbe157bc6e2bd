//! The counts of a tick, as differences by position.

use memtrace_common::count::Count;
use memtrace_core::session::counts::Counts;

use super::optional::{difference, restore};

/// The differences to the tick before; counts at the end that are unread are left out, others are 0.
pub(super) fn encode(now: &Counts, base: &Counts) -> Vec<i64> {
    let each = now.all().into_iter().zip(base.all()).take(length(now));
    each.map(|(now, base)| now.map_or(0, |now| difference(now, base.unwrap_or(0)))).collect()
}

/// A bit for each count that is unread, of those in [`encode`].
pub(super) fn unread(now: &Counts) -> u64 {
    let each = now.all().into_iter().take(length(now)).enumerate();
    each.map(|(at, count)| u64::from(count.is_none()) << at).sum()
}

/// Number of counts up to the last that is read.
fn length(counts: &Counts) -> usize {
    counts.all().iter().rposition(Option::is_some).map_or(0, |last| last + 1)
}

/// The counts of a tick after `base`.
pub(super) fn decode(differences: &[i64], unread: u64, base: &Counts) -> Counts {
    let mut counts = Counts::default();
    for (at, (count, &n)) in Count::ALL.into_iter().zip(differences).enumerate() {
        if unread >> at & 1 == 0 {
            counts.set(count, restore(n, base.get(count).unwrap_or(0)));
        }
    }
    counts
}

const _: () = assert!(Count::COUNT <= u64::BITS as usize);
