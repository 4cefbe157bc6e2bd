//! Times by part in traces from before the first release: each part had a field of its own, in `Events` and in
//! `KindTotals`.

use memtrace_common::part::Part;

use crate::wire;

/// The columns of the parts in such a block of events.
pub(crate) fn columns(message: &wire::Events) -> [(Part, &[u64]); 5] {
    [
        (Part::Throttle, &message.throttled_ns),
        (Part::Scan, &message.scan_ns),
        (Part::Shrinkers, &message.shrinkers_ns),
        (Part::SoftLimit, &message.soft_limit_ns),
        (Part::Reclaim, &message.nested_ns),
    ]
}

/// The differences by part of such totals.
pub(crate) fn totals(totals: &wire::KindTotals) -> [i64; Part::COUNT] {
    let mut ns = [0; Part::COUNT];
    for (part, difference) in [
        (Part::Throttle, totals.throttled_ns),
        (Part::Scan, totals.scan_ns),
        (Part::Shrinkers, totals.shrinkers_ns),
        (Part::SoftLimit, totals.soft_limit_ns),
        (Part::Reclaim, totals.nested_ns),
    ] {
        ns[part as usize] = difference;
    }
    ns
}
