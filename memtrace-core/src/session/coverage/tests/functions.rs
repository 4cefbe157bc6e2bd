//! Counters of events that hooks on functions report.

use super::{Agreement, Note, Source, StallKind, case, kind};

#[test]
fn what_functions_tell_is_held_against_the_counter_of_the_same_function() {
    let counts = [("compact_stall", 24), ("pgscan_direct_throttle", 8)];
    let traced =
        case(&counts, false).stalls(StallKind::Compaction, kind(24, 0, 0)).stalls(StallKind::Pfmemalloc, kind(6, 0, 0));
    assert_eq!(traced.verdict("compact_stall"), (Agreement::Exact, None));
    // Two of them found the reserves full again and did not sleep.
    assert_eq!(traced.verdict("pgscan_direct_throttle"), (Agreement::Explained, Some(Note::DidNotSleep)));
    let too_many = case(&counts, false).stalls(StallKind::Compaction, kind(25, 0, 0));
    assert_eq!(too_many.verdict("compact_stall"), (Agreement::Over, None));
    let put_off = case(&counts, false).stalls(StallKind::Compaction, kind(20, 0, 0));
    assert_eq!(put_off.verdict("compact_stall"), (Agreement::Explained, Some(Note::PutOff)));
    // With the events of each zone one compaction can be several stalls.
    let mut by_zone = traced;
    by_zone.sources.set(StallKind::Compaction, Source::LowerBound);
    assert_eq!(by_zone.verdict("compact_stall"), (Agreement::Unread, Some(Note::NoHook)));
}
