use std::collections::BTreeMap;

use memtrace_common::{
    kind::StallKind,
    part::Part,
    totals::{KswapdTotals, OtherShrinks},
};

use super::{Agreement, Baseline, Coverage, CoverageRow, KernelCounters, Note, Ours, Readings, RefaultTotals};
use crate::{
    session::{
        input::{InFlight, KernelTotals, KindTotals},
        loss::Ledger,
        tally::Tally,
    },
    source::{Source, Sources},
};

mod filtered;
mod functions;

/// A kernel and memtrace's counts on it since an attach at which all counters were 0.
struct Case {
    before: KernelCounters,
    after: KernelCounters,
    baseline: Baseline,
    totals: KernelTotals,
    loss: Ledger,
    sources: Sources,
    scans_read: bool,
    oom_kills: u64,
    ooms_pending: u64,
    oom_groups: u64,
    refaults: Option<RefaultTotals>,
    refaults_sampled: bool,
    cgroup: Option<Tally>,
}

fn counters(counts: &[(&'static str, u64)], scans_count_memcg: Option<bool>) -> KernelCounters {
    KernelCounters { host: counts.iter().copied().collect(), scans_count_memcg, cgroup: None }
}

/// The counters of the end; at attach all of them were 0.
fn case(counts: &[(&'static str, u64)], scans_count_memcg: bool) -> Case {
    let zero: Vec<_> = counts.iter().map(|(name, _)| (*name, 0)).collect();
    let zero = counters(&zero, Some(scans_count_memcg));
    let now = counters(counts, Some(scans_count_memcg));
    Case {
        before: now.clone(),
        after: now,
        baseline: Baseline {
            readings: Readings { before: zero.clone(), after: zero },
            mglru: false,
            cpus: 2,
            nodes: 1,
        },
        totals: KernelTotals {
            stalls: [StallKind::Direct, StallKind::Memcg, StallKind::Node]
                .map(|kind| (kind, KindTotals::default()))
                .into(),
            ..KernelTotals::default()
        },
        loss: Ledger::default(),
        sources: Sources::EVENTS,
        scans_read: true,
        oom_kills: 0,
        ooms_pending: 0,
        oom_groups: 0,
        refaults: None,
        refaults_sampled: false,
        cgroup: None,
    }
}

fn kind(count: u64, scanned_pages: u64, reclaimed_pages: u64) -> KindTotals {
    KindTotals { count, scanned_pages, reclaimed_pages, ..KindTotals::default() }
}

impl Case {
    fn stalls(mut self, kind: StallKind, totals: KindTotals) -> Self {
        self.totals.stalls.insert(kind, totals);
        self
    }

    fn lost(mut self, stage: &'static str, n: u64) -> Self {
        self.loss = Ledger([(stage, n)].into());
        self
    }

    fn coverage(&self) -> Coverage {
        let now = Readings { before: self.before.clone(), after: self.after.clone() };
        let ours = Ours {
            totals: &self.totals,
            loss: &self.loss,
            sources: self.sources,
            scans_read: self.scans_read,
            oom_kills: self.oom_kills,
            ooms_pending: self.ooms_pending,
            oom_groups: self.oom_groups,
            refaults: self.refaults,
            cgroup: self.cgroup.as_ref(),
            cgroup_refaults: self.refaults,
            refaults_sampled: self.refaults_sampled,
        };
        Coverage::new(&self.baseline, &now, &ours)
    }

    fn row(&self, counter: &str) -> CoverageRow {
        let row = self.coverage().row(counter).cloned();
        row.unwrap_or_else(|| panic!("no row {counter}"))
    }

    fn verdict(&self, counter: &str) -> (Agreement, Option<Note>) {
        let row = self.row(counter);
        (row.verdict, row.note)
    }
}

#[test]
fn allocstall_counts_retries_and_no_limits() {
    // A global OOM on 6.1: the kernel counts 44 for 38 begins.
    let oom = case(&[("allocstall", 44)], false)
        .stalls(StallKind::Direct, kind(38, 0, 0))
        .stalls(StallKind::Memcg, kind(5782, 0, 0));
    let row = oom.row("allocstall");
    assert_eq!((row.kernel, row.seen), (Some(44), Some(38)));
    assert_eq!((row.verdict, row.note), (Agreement::Explained, Some(Note::Retries)));
    assert!(row.ratio.is_some_and(|ratio| (ratio - 38.0 / 44.0).abs() < 1e-9));
    // Calm on 7.2: equal.
    let calm = case(&[("allocstall", 28)], true).stalls(StallKind::Direct, kind(28, 0, 0));
    assert_eq!(calm.verdict("allocstall"), (Agreement::Exact, None));
    // No number of retries explains that gap.
    let missed = case(&[("allocstall", 4000)], false).stalls(StallKind::Direct, kind(38, 0, 0));
    assert_eq!(missed.verdict("allocstall"), (Agreement::Gap, None));
}

#[test]
fn above_the_kernel_is_an_error_and_not_rounded_away() {
    let one_more = case(&[("allocstall", 10_000)], false).stalls(StallKind::Direct, kind(10_001, 0, 0));
    assert_eq!(one_more.verdict("allocstall"), (Agreement::Over, None));
    let twice = case(&[("pgscan_direct", 500)], false).stalls(StallKind::Direct, kind(1, 1000, 0));
    assert_eq!(twice.verdict("pgscan_direct"), (Agreement::Over, None));
}

#[test]
fn within_a_hundredth_below_is_close() {
    let scanned = |pages| case(&[("pgscan_direct", 100_000)], false).stalls(StallKind::Direct, kind(9, pages, 0));
    assert_eq!(scanned(99_000).verdict("pgscan_direct"), (Agreement::Close, None));
    assert_eq!(scanned(98_999).verdict("pgscan_direct"), (Agreement::Gap, None));
}

#[test]
fn known_loss_explains_what_it_can_and_no_more() {
    let lost =
        |n| case(&[("allocstall", 1000)], false).stalls(StallKind::Direct, kind(600, 0, 0)).lost("inflight_full", n);
    assert_eq!(lost(100).verdict("allocstall"), (Agreement::Explained, Some(Note::Lost(100))));
    assert_eq!(lost(99).verdict("allocstall"), (Agreement::Gap, Some(Note::LostFewer(99))));
    // A full ring loses records but no totals.
    let ring = case(&[("pgscan_direct", 10_000)], false).stalls(StallKind::Direct, kind(9, 9000, 0));
    assert_eq!(ring.lost("ring_stall", 5000).verdict("pgscan_direct"), (Agreement::Gap, None));
    // 100 pages a stall: a lost one may well have been four times as long.
    let pages = |n| {
        case(&[("pgscan_direct", 2000)], false).stalls(StallKind::Direct, kind(10, 1000, 0)).lost("skipped_runs", n)
    };
    assert_eq!(pages(3).verdict("pgscan_direct"), (Agreement::Explained, Some(Note::Lost(3))));
    assert_eq!(pages(2).verdict("pgscan_direct"), (Agreement::Gap, Some(Note::LostFewer(2))));
}

#[test]
fn scans_by_tasks_mean_global_reclaim_or_all_of_it() {
    // A memcg-only load on 7.2 moved pgscan_direct from 6,656 to 713,728 while there were 28 direct reclaims.
    let new = case(&[("pgscan_direct", 713_728)], true)
        .stalls(StallKind::Direct, kind(28, 6656, 0))
        .stalls(StallKind::Memcg, kind(4410, 707_072, 0));
    assert_eq!(new.verdict("pgscan_direct"), (Agreement::Exact, None));
    // On 6.18 and 6.1 a memcg storm does not move it.
    let old =
        case(&[("pgscan_direct", 0), ("pgscan", 707_072)], false).stalls(StallKind::Memcg, kind(4410, 707_072, 0));
    let row = old.row("pgscan_direct");
    assert_eq!((row.verdict, row.kernel, row.seen, row.ratio), (Agreement::Exact, Some(0), Some(0), None));
    assert_eq!(old.verdict("pgscan"), (Agreement::Exact, None), "anon and file count both");
    // When it is unknown whether the counter includes memcg reclaim, either value is right.
    for kernel in [6656, 713_728] {
        let mut unknown = case(&[("pgscan_direct", kernel)], true)
            .stalls(StallKind::Direct, kind(28, 6656, 0))
            .stalls(StallKind::Memcg, kind(4410, 707_072, 0));
        unknown.after.scans_count_memcg = None;
        assert_eq!(unknown.verdict("pgscan_direct").0, Agreement::Exact);
    }
}

fn kind_of(n: u64) -> KindTotals {
    kind(1, n, 0)
}

#[test]
fn khugepaged_and_proactive_reclaim_stall_tasks_too() {
    let counts = [("pgscan_direct", 100), ("pgscan_khugepaged", 20), ("pgscan_proactive", 3)];
    let all = case(&counts, false).stalls(StallKind::Direct, kind_of(120)).stalls(StallKind::Node, kind_of(3));
    assert_eq!(all.verdict("pgscan_direct"), (Agreement::Exact, None));
}

#[test]
fn slab_and_soft_limits_put_ours_above() {
    let slab = case(&[("pgsteal_direct", 1000)], false).stalls(StallKind::Direct, kind(9, 0, 1200));
    assert_eq!(slab.verdict("pgsteal_direct"), (Agreement::Explained, Some(Note::SlabToo)));
    let mut soft = kind(9, 5000, 0);
    soft.spent.add(Part::SoftLimit, 1);
    let old = case(&[("pgscan_direct", 1000)], false).stalls(StallKind::Direct, soft.clone());
    assert_eq!(old.verdict("pgscan_direct"), (Agreement::Explained, Some(Note::SoftLimit)));
    let new = case(&[("pgscan_direct", 1000)], true).stalls(StallKind::Direct, soft);
    assert_eq!(new.verdict("pgscan_direct"), (Agreement::Over, None), "counted by the kernel too");
}

#[test]
fn what_cannot_be_placed_makes_a_range() {
    // memtrace's own stalls are direct or memcg; some are in flight; a reclaim from before the attach belongs to no
    // kind.
    let mut open =
        case(&[("allocstall", 14), ("pgscan_direct", 1700)], false).stalls(StallKind::Direct, kind(10, 1000, 0));
    open.totals.own = kind(2, 100, 0);
    open.totals.in_flight = [(StallKind::Direct, InFlight { stalls: 2, scanned_pages: 400 })].into();
    open.totals.other_shrinks = OtherShrinks { scanned_pages: 72, reclaimed_pages: 0 };
    assert_eq!(open.verdict("allocstall"), (Agreement::Exact, None));
    let row = open.row("pgscan_direct");
    assert_eq!((row.verdict, row.seen), (Agreement::Exact, Some(1700)), "1000 + 100 + 400 + 72 + a shrink of each");
}

#[test]
fn what_happened_between_two_readings_may_be_in_or_out() {
    let at = |n| counters(&[("allocstall", n)], Some(false));
    let mut skewed = case(&[("allocstall", 0)], false);
    // The counter goes from 100 to 105 during the attaching, and from 140 to 150 during the reading of the totals: 35
    // to 50 in the window.
    skewed.baseline.readings = Readings { before: at(100), after: at(105) };
    (skewed.before, skewed.after) = (at(140), at(150));
    let wide = (Agreement::Close, Some(Note::Within(15)));
    for (ours, verdict) in
        [(34, (Agreement::Explained, Some(Note::Retries))), (35, wide), (50, wide), (51, (Agreement::Over, None))]
    {
        let totals = [(StallKind::Direct, kind(ours, 0, 0))].into();
        skewed.totals.stalls = totals;
        assert_eq!(skewed.verdict("allocstall"), verdict, "{ours}");
    }
    // In a longer window the uncertainty at the edges matters less.
    (skewed.before, skewed.after) = (at(100_140), at(100_150));
    skewed.totals.stalls = [(StallKind::Direct, kind(100_044, 0, 0))].into();
    assert_eq!(skewed.verdict("allocstall"), (Agreement::Exact, None));
}

#[test]
fn kswapds_of_all_nodes_are_one_counter() {
    let node =
        |scanned_pages, reclaimed_pages| KswapdTotals { scanned_pages, reclaimed_pages, ..KswapdTotals::default() };
    let counts = [("pgscan_kswapd", 5500), ("pgsteal_kswapd", 4400), ("pgscan", 5500), ("pgsteal", 4400)];
    let mut two = case(&counts, false);
    two.totals.kswapd = [(0, node(5000, 4000)), (1, node(500, 400))].into();
    for (counter, _) in counts {
        assert_eq!(two.verdict(counter), (Agreement::Exact, None), "{counter}");
    }
    two.totals.kswapd.remove(&1);
    assert_eq!(two.verdict("pgscan_kswapd"), (Agreement::Gap, None), "looking at kswapd0 only");
}

#[test]
fn mglru_scans_are_not_comparable() {
    let counts = [("pgscan_kswapd", 5000), ("pgsteal_kswapd", 4000), ("pgscan", 5000), ("pgsteal_direct", 70)];
    // 6.1 reports no scans; the end of a reclaim reports the pages freed.
    let mut silent = case(&counts, false).stalls(StallKind::Direct, kind(3, 0, 70));
    silent.baseline.mglru = true;
    for counter in ["pgscan_kswapd", "pgsteal_kswapd", "pgscan"] {
        let row = silent.row(counter);
        assert_eq!((row.verdict, row.note, row.ratio), (Agreement::NotComparable, Some(Note::MglruSilent), None));
    }
    assert_eq!(silent.verdict("pgsteal_direct"), (Agreement::Exact, None));
    // 6.12 reports scans, including pages that it only looked at; the number of pages freed is the same.
    let mut reported = case(&counts, false);
    reported.baseline.mglru = true;
    let node = KswapdTotals { scanned_pages: 9000, reclaimed_pages: 4000, ..KswapdTotals::default() };
    reported.totals.kswapd = [(0, node)].into();
    assert_eq!(reported.verdict("pgscan_kswapd"), (Agreement::NotComparable, Some(Note::MglruIsolated)));
    assert_eq!(reported.verdict("pgsteal_kswapd"), (Agreement::Exact, None));
}

#[test]
fn unread_is_said_and_no_zero() {
    let mut bare = case(&[("pgscan_direct", 9), ("pgscan_direct_throttle", 4)], false);
    let allocstall = bare.row("allocstall");
    assert_eq!((allocstall.kernel, allocstall.seen, allocstall.ratio), (None, Some(0), None));
    assert_eq!((allocstall.verdict, allocstall.note), (Agreement::Unread, Some(Note::NotInKernel)));
    bare.scans_read = false;
    let scans = bare.row("pgscan_direct");
    assert_eq!((scans.kernel, scans.seen, scans.note), (Some(9), None, Some(Note::NoHook)));
    assert_eq!(bare.verdict("pgscan_direct_throttle"), (Agreement::Unread, Some(Note::PfmemallocThrottle)));
    let mut no_hook = case(&[("allocstall", 7)], false);
    no_hook.totals.stalls = BTreeMap::new();
    assert_eq!(no_hook.verdict("allocstall"), (Agreement::Unread, Some(Note::NoHook)));
}

#[test]
fn refaults_lag_by_what_cpus_hold_back() {
    let counts = [("workingset_refault_file", 156_542), ("workingset_refault_anon", 31_014)];
    let mut old = case(&counts, false);
    assert_eq!(old.verdict("workingset_refault_file"), (Agreement::Unread, Some(Note::NoHook)));
    // 5.10: 156,718 and 31,103 by fentry, 176 and 89 more than the counters: two CPUs had not flushed these yet.
    old.refaults = Some(RefaultTotals { file_pages: 156_718, anon_pages: 31_103 });
    assert_eq!(old.verdict("workingset_refault_file"), (Agreement::Close, None));
    assert_eq!(old.verdict("workingset_refault_anon"), (Agreement::Close, None));
    // 7.2 calls the function once per folio: 48,108 calls for 446,404 pages.
    let mut new = case(&[("workingset_refault_file", 446_404), ("workingset_refault_anon", 0)], true);
    new.refaults = Some(RefaultTotals { file_pages: 48_108, anon_pages: 0 });
    assert_eq!(new.verdict("workingset_refault_file"), (Agreement::Gap, None));
    new.refaults = Some(RefaultTotals { file_pages: 500_000, anon_pages: 0 });
    assert_eq!(new.verdict("workingset_refault_file"), (Agreement::Over, None));
    new.baseline.mglru = true;
    assert_eq!(new.verdict("workingset_refault_file"), (Agreement::Explained, Some(Note::MglruElsewhere)));
}

#[test]
fn sampled_refaults_are_no_count_of_ours() {
    let mut sampled = case(&[("workingset_refault_file", 1000)], false);
    (sampled.refaults, sampled.refaults_sampled) = (Some(RefaultTotals { file_pages: 1000, anon_pages: 0 }), true);
    let row = sampled.row("workingset_refault_file");
    assert_eq!((row.kernel, row.seen, row.verdict), (Some(1000), None, Agreement::Unread));
    assert_eq!(row.note, Some(Note::Sampled));
}

#[test]
fn oom_kills() {
    let mut kills = case(&[("oom_kill", 3)], false);
    kills.oom_kills = 2;
    assert_eq!(kills.verdict("oom_kill"), (Agreement::Gap, None));
    kills.ooms_pending = 1;
    assert_eq!(kills.verdict("oom_kill"), (Agreement::Exact, None), "it waits for the kernel log");
    kills.oom_kills = 4;
    assert_eq!(kills.verdict("oom_kill"), (Agreement::Explained, Some(Note::AlreadyDying)));
    // A group of two: the kernel counts the chosen victim twice, which explains one additional kill and no more.
    (kills.oom_kills, kills.ooms_pending, kills.oom_groups) = (2, 0, 1);
    assert_eq!(kills.verdict("oom_kill"), (Agreement::Explained, Some(Note::GroupTwice)));
    kills.oom_kills = 1;
    assert_eq!(kills.verdict("oom_kill").0, Agreement::Gap);
}

#[test]
fn the_same_is_not_said_again() {
    let missed =
        |scanned| case(&[("pgscan_direct", 1000)], false).stalls(StallKind::Direct, kind_of(scanned)).coverage();
    let said = |now: &Coverage, before: &Coverage| now.worse_than(before).map(|row| row.counter).collect::<Vec<_>>();
    assert_eq!(said(&missed(500), &Coverage::default()), ["pgscan_direct"]);
    assert_eq!(said(&missed(500), &missed(1000)), ["pgscan_direct"]);
    assert!(said(&missed(500), &missed(500)).is_empty() && said(&missed(500), &missed(400)).is_empty());
    assert_eq!(said(&missed(400), &missed(500)), ["pgscan_direct"]);
}
