//! The counters of the cgroup that the filter selects.

use super::{Agreement, Case, Note, RefaultTotals, StallKind, Tally, case, kind};
use crate::{event::Stall, session::tests::stall};

/// The cgroup that the filter selects: 10 stalls of 100 pages each, all freed.
fn filtered(stat: &[(&'static str, u64)]) -> Case {
    let mut tally = Tally::default();
    let stall = Stall { scanned_pages: Some(100), reclaimed_pages: Some(100), ..stall(1, StallKind::Memcg, 1) };
    (0..10).for_each(|_| tally.add(&stall));
    let mut case = case(&[], false).stalls(StallKind::Memcg, kind(10, 1000, 1000));
    case.baseline.cpus = 0;
    case.baseline.readings.before.cgroup = Some(stat.iter().map(|(name, _)| (*name, 0)).collect());
    case.baseline.readings.after.cgroup.clone_from(&case.baseline.readings.before.cgroup);
    case.before.cgroup = Some(stat.iter().copied().collect());
    case.after.cgroup.clone_from(&case.before.cgroup);
    case.cgroup = Some(tally);
    case
}

#[test]
fn the_cgroup_that_is_filtered_for() {
    let stat = [("pgscan_direct", 990), ("pgscan_proactive", 10), ("pgsteal_direct", 1000), ("pgscan", 99_999)];
    let alone = filtered(&stat);
    assert_eq!(alone.verdict("memory.stat:pgscan_direct"), (Agreement::Exact, None));
    assert_eq!(alone.verdict("memory.stat:pgsteal_direct"), (Agreement::Exact, None));
    let missed = filtered(&[("pgscan_direct", 2000), ("pgsteal_direct", 2000)]);
    assert_eq!(missed.verdict("memory.stat:pgscan_direct"), (Agreement::Gap, None));
    // Records that the ring lost are missing from the rows of a cgroup, but not from the totals.
    let ring = missed.lost("ring_stall", 3);
    assert_eq!(ring.verdict("memory.stat:pgscan_direct"), (Agreement::Explained, Some(Note::Lost(3))));
    // As soon as others reclaim, they scan its pages too.
    let others =
        filtered(&[("pgscan_direct", 2000), ("pgsteal_direct", 0)]).stalls(StallKind::Direct, kind(1, 1000, 0));
    assert_eq!(others.verdict("memory.stat:pgscan_direct"), (Agreement::NotComparable, Some(Note::Others)));
    // 5.10 does not split the counters; v1 has only refaults.
    assert_eq!(filtered(&[("pgscan", 1000)]).verdict("memory.stat:pgscan"), (Agreement::Exact, None));
    let mut v1 = filtered(&[("workingset_refault_file", 157_845), ("workingset_refault_anon", 0)]);
    assert_eq!(v1.verdict("memory.stat:pgscan"), (Agreement::Unread, Some(Note::NotInKernel)));
    v1.refaults = Some(RefaultTotals { file_pages: 157_845, anon_pages: 0 });
    assert_eq!(v1.verdict("memory.stat:workingset_refault_file"), (Agreement::Exact, None));
    assert!(case(&[], false).coverage().row("memory.stat:pgscan").is_none(), "no filter, no rows");
}
