//! The time of stalls by shrinker, to messages and back.

use memtrace_common::shrinker::ShrinkerTotals;

use super::{
    optional::{difference, restore},
    values::kind,
    wire,
};
use memtrace_core::session::shrinkers::Shrinkers;

/// The rows of a tick: differences to `base`.
pub(super) fn encode(now: &Shrinkers, base: &Shrinkers) -> Vec<wire::ShrinkerTotals> {
    let row = |(key, now_sum): (&(_, u64), &ShrinkerTotals)| {
        let base = base.totals.get(key).copied().unwrap_or_default();
        let &(kind, function) = key;
        wire::ShrinkerTotals {
            kind: kind as u32,
            function,
            name: now.names.get(&function).map(|name| name.stored()).unwrap_or_default(),
            total_ns: difference(now_sum.total_ns, base.total_ns),
            stalls: difference(now_sum.stalls, base.stalls),
        }
    };
    now.totals.iter().map(row).collect()
}

/// The rows of a message.
pub(super) fn decode(rows: &[wire::ShrinkerTotals], base: &Shrinkers) -> Shrinkers {
    let mut shrinkers = Shrinkers::default();
    for row in rows {
        let Some(kind) = kind(row.kind) else { continue };
        let key = (kind, row.function);
        let base = base.totals.get(&key).copied().unwrap_or_default();
        let (total_ns, stalls) = (restore(row.total_ns, base.total_ns), restore(row.stalls, base.stalls));
        shrinkers.totals.insert(key, ShrinkerTotals { total_ns, stalls });
        if !row.name.is_empty() {
            shrinkers.names.insert(row.function, row.name.as_str().into());
        }
    }
    shrinkers
}
