//! Pairs each counter of the kernel with a count of memtrace's: the one place that knows their meaning.

use memtrace_common::{kind::StallKind, part::Part};

use super::{
    Baseline, CoverageRow, KernelCounters, Note, Readings, RefaultTotals,
    judge::{Case, Lost, Range},
};
use crate::{
    session::{
        input::{KernelTotals, KindTotals},
        loss::Ledger,
        tally::Tally,
    },
    source::{Source, Sources},
    sum,
};

/// memtrace's counts since attach.
#[derive(Clone, Copy, Debug)]
pub struct Ours<'a> {
    /// The exact totals.
    pub totals: &'a KernelTotals,
    /// Number of losses, by stage.
    pub loss: &'a Ledger,
    /// Relation of the durations of each kind to the true stall.
    pub sources: Sources,
    /// True when scanned pages are read (the shrink hook is attached).
    pub scans_read: bool,
    /// OOM kills that were reported.
    pub oom_kills: u64,
    /// OOM kills that are known and not reported yet.
    pub ooms_pending: u64,
    /// Calls of the OOM killer that killed a whole cgroup, or may have.
    pub oom_groups: u64,
    /// Refaults on the host; `None` when they are not traced.
    pub refaults: Option<RefaultTotals>,
    /// The stalls of the one cgroup that the filter selects, with its descendants; `None` without one.
    pub cgroup: Option<&'a Tally>,
    /// The refaults of that cgroup; `None` when they are not traced.
    pub cgroup_refaults: Option<RefaultTotals>,
    /// True where refaults were counted for a part of the time.
    pub refaults_sampled: bool,
}

/// Stages at which a loss makes the exact totals too low. A full ring is not one of them. Nor is an end without its
/// begin: that stall began before the attaching, and the kernel counted it then.
const MISSED: [&str; 6] = ["inflight_full", "second_begin", "lost_end", "nest_overflow", "node_range", "skipped_runs"];
/// Additional stages at which a loss makes the tables too low.
const MISSED_BY_TABLES: [&str; 2] = ["ring_stall", "decode"];

/// Pages that one shrink may have counted in the kernel and not reported yet: it takes 32 off a list, MGLRU 64.
const PAGES_PER_SHRINK: u64 = 64;
/// Largest number of times that one reclaim counts as an `allocstall`: it starts over at most once each for protected
/// cgroups, for lists that it skipped, and for a full walk.
const COUNTS_PER_RECLAIM: u64 = 4;
/// Largest count that a CPU holds back from a node's counter (the largest `stat_threshold`).
const HELD_BACK_OF_NODE: u64 = 125;
/// Largest count that a CPU holds back from a cgroup's counter (`MEMCG_CHARGE_BATCH`).
const HELD_BACK_OF_CGROUP: u64 = 64;

/// Sums of pages over some kinds of stall, with the pages that are not in the totals yet.
#[derive(Clone, Copy, Default)]
struct Pages {
    stalls: u64,
    scanned: u64,
    reclaimed: u64,
    /// Pages scanned in stalls that are not over.
    in_flight: u64,
    soft_limit_ns: u64,
}

impl Pages {
    /// Pages that a lost event may have counted.
    fn each(&self) -> u64 {
        pages_each(self.scanned.max(self.reclaimed), self.stalls)
    }
}

struct Window<'a> {
    baseline: &'a Baseline,
    now: &'a Readings,
    ours: &'a Ours<'a>,
}

/// All rows, in the order in which they are shown.
pub(super) fn all(baseline: &Baseline, now: &Readings, ours: &Ours<'_>) -> Vec<CoverageRow> {
    let window = Window { baseline, now, ours };
    let mut cases = vec![
        window.allocstall(),
        window.direct("pgscan_direct", &["pgscan_khugepaged", "pgscan_proactive"]),
        window.direct("pgsteal_direct", &["pgsteal_khugepaged", "pgsteal_proactive"]),
        window.kswapd("pgscan_kswapd"),
        window.kswapd("pgsteal_kswapd"),
        window.everything("pgscan"),
        window.everything("pgsteal"),
        window.refault("workingset_refault_file", |refaults| refaults.file_pages),
        window.refault("workingset_refault_anon", |refaults| refaults.anon_pages),
        window.oom_kill(),
        window.throttle(),
        window.compaction(),
    ];
    if let Some(tally) = ours.cgroup {
        cases.extend(window.cgroup(tally));
    }
    cases.iter().map(Case::judge).collect()
}

impl Window<'_> {
    /// The kernel's count over the window, by a function that reads it from the counters.
    fn range(&self, count: impl Fn(&KernelCounters) -> Option<u64>) -> Option<Range> {
        let base = &self.baseline.readings;
        Some(Range {
            low: count(&self.now.before)?.saturating_sub(count(&base.after)?),
            high: count(&self.now.after)?.saturating_sub(count(&base.before)?),
        })
    }

    fn host(&self, counter: &'static str) -> Option<Range> {
        self.range(|counters| counters.host.get(counter).copied())
    }

    /// The sum of a counter and of `more`, as far as the kernel has them.
    fn host_sum(&self, counter: &'static str, more: &[&str]) -> Option<Range> {
        self.range(|counters| {
            let count = |name| counters.host.get(name).copied();
            Some(count(counter)?.saturating_add(sum::of(more.iter().filter_map(|&name| count(name)))))
        })
    }

    /// Number of events that the totals lack, and the largest count that these can account for.
    fn lost(&self, stages: &[&str], each: u64) -> Lost {
        let events = sum::of(stages.iter().filter_map(|stage| self.ours.loss.0.get(stage)));
        Lost { events, accounts_for: events.saturating_mul(each) }
    }

    fn pages(&self, is_one: impl Fn(StallKind) -> bool) -> Pages {
        let mut pages = Pages::default();
        for kind in StallKind::with(is_one) {
            if let Some(totals) = self.ours.totals.stalls.get(&kind) {
                sum::add(&mut pages.stalls, totals.count);
                sum::add(&mut pages.scanned, totals.scanned_pages);
                sum::add(&mut pages.reclaimed, totals.reclaimed_pages);
                sum::add(&mut pages.soft_limit_ns, totals.spent.ns(Part::SoftLimit));
            }
            if let Some(open) = self.ours.totals.in_flight.get(&kind) {
                sum::add(&mut pages.in_flight, open.scanned_pages);
                sum::add(&mut pages.in_flight, open.stalls.saturating_mul(PAGES_PER_SHRINK));
            }
        }
        pages
    }

    fn is_traced(&self, kind: StallKind) -> bool {
        self.ours.totals.stalls.contains_key(&kind)
    }

    /// True when MGLRU reclaims and the kernel reports none of its scans.
    fn is_silent(&self) -> bool {
        self.baseline.mglru && reclaim_scans(self.ours.totals) == 0
    }

    fn held_back(&self) -> u64 {
        HELD_BACK_OF_NODE * self.baseline.cpus * self.baseline.nodes.max(1)
    }

    /// Largest count held back from `pgscan_*` and `pgsteal_*`: 0 where they are event counters.
    fn scan_slack(&self) -> u64 {
        if self.now.after.scans_count_memcg == Some(false) { 0 } else { self.held_back() }
    }

    /// Global direct reclaims; limits of cgroups never count here.
    fn allocstall(&self) -> Case {
        let totals = self.ours.totals;
        let in_flight = totals.in_flight.get(&StallKind::Direct).map_or(0, |open| open.stalls);
        let seen = match totals.stalls.get(&StallKind::Direct) {
            // The kinds of memtrace's own stalls are not kept.
            Some(direct) => Ok(Range::upwards(direct.count, totals.own.count + in_flight)),
            None => Err(Note::NoHook),
        };
        let retries = seen.map_or(0, |seen| seen.high.saturating_mul(COUNTS_PER_RECLAIM - 1));
        Case {
            lost: self.lost(&MISSED, COUNTS_PER_RECLAIM),
            gap: Some((Note::Retries, retries)),
            ..Case::new("allocstall", self.host("allocstall"), seen)
        }
    }

    /// Pages scanned or reclaimed by tasks for themselves: by global reclaim alone, or at limits as well.
    fn direct(&self, counter: &'static str, beside: &[&str]) -> Case {
        let scan = counter.starts_with("pgscan");
        let (global, memcg) = (self.pages(is_global), self.pages(StallKind::is_at_limit));
        let totals = self.ours.totals;
        let of = |pages: &Pages| if scan { pages.scanned } else { pages.reclaimed };
        let asked_for = |of: fn(&KindTotals) -> u64| totals.proactive.as_ref().map_or(0, of);
        // The kernel version decides which counter includes reclaim on request.
        let (own, other) = if scan {
            (totals.own.scanned_pages, totals.other_shrinks.scanned_pages + asked_for(|kind| kind.scanned_pages))
        } else {
            (totals.own.reclaimed_pages, totals.other_shrinks.reclaimed_pages + asked_for(|kind| kind.reclaimed_pages))
        };
        let with_memcg = self.now.after.scans_count_memcg;
        let range = match with_memcg {
            Some(true) => Range::upwards(of(&global) + of(&memcg) + own, other + global.in_flight + memcg.in_flight),
            Some(false) => Range::upwards(of(&global), own + other + global.in_flight),
            None => Range::upwards(of(&global), of(&memcg) + own + other + global.in_flight + memcg.in_flight),
        };
        let traced = self.is_traced(StallKind::Direct)
            && (with_memcg == Some(false) || self.is_traced(StallKind::Memcg))
            && (!scan || self.ours.scans_read);
        let soft_limit = with_memcg == Some(false) && global.soft_limit_ns > 0;
        Case {
            slack: self.scan_slack(),
            lost: self.lost(&MISSED, global.each().max(memcg.each())),
            over: match (soft_limit, scan) {
                (true, _) => Some(Note::SoftLimit),
                (false, true) => None,
                (false, false) => Some(Note::SlabToo),
            },
            unlike: scan.then(|| self.mglru_note()).flatten(),
            ..Case::new(counter, self.host_sum(counter, beside), traced.then_some(range).ok_or(Note::NoHook))
        }
    }

    fn mglru_note(&self) -> Option<Note> {
        let note = if self.is_silent() { Note::MglruSilent } else { Note::MglruIsolated };
        self.baseline.mglru.then_some(note)
    }

    /// Pages scanned or reclaimed by the kswapds of all nodes.
    fn kswapd(&self, counter: &'static str) -> Case {
        let scan = counter.starts_with("pgscan");
        let nodes = self.ours.totals.kswapd.values();
        let count = sum::of(nodes.clone().map(|node| if scan { node.scanned_pages } else { node.reclaimed_pages }));
        let other = self.ours.totals.other_shrinks;
        // A kswapd that was at work at attach is not recognised until its next round.
        let unplaced = if scan { other.scanned_pages } else { other.reclaimed_pages };
        let at_work = nodes.clone().filter(|node| node.awake != 0).count() as u64 * PAGES_PER_SHRINK;
        let soft_limit = self.now.after.scans_count_memcg == Some(false) && nodes.clone().any(|n| n.soft_limit_ns > 0);
        let seen = self.ours.scans_read.then(|| Range::upwards(count, unplaced + at_work)).ok_or(Note::NoHook);
        Case {
            slack: self.scan_slack(),
            lost: self.lost(&MISSED, 2 * PAGES_PER_SHRINK),
            over: soft_limit.then_some(Note::SoftLimit),
            unlike: if scan || self.is_silent() { self.mglru_note() } else { None },
            ..Case::new(counter, self.host(counter), seen)
        }
    }

    /// Pages scanned or reclaimed by all: the only counter that includes reclaim at a cgroup's limit on every kernel.
    fn everything(&self, counter: &'static str) -> Case {
        let scan = counter == "pgscan";
        let pages = self.pages(|_| true);
        let (scanned, reclaimed) = self.ours.totals.reclaim_sums();
        let at_work = self.ours.totals.kswapd.values().filter(|node| node.awake != 0).count() as u64;
        let more = pages.in_flight + at_work * PAGES_PER_SHRINK;
        let range = Range::upwards(if scan { scanned } else { reclaimed }, more);
        Case {
            slack: self.scan_slack(),
            lost: self.lost(&MISSED, pages.each()),
            over: (!scan).then_some(Note::SlabToo),
            unlike: if scan || self.is_silent() { self.mglru_note() } else { None },
            ..Case::new(counter, self.host(counter), self.ours.scans_read.then_some(range).ok_or(Note::NoHook))
        }
    }

    fn refault(&self, counter: &'static str, of: fn(&RefaultTotals) -> u64) -> Case {
        let seen = match self.ours.refaults.as_ref() {
            // A sampled total comes from this very counter: a comparison would prove nothing.
            Some(_) if self.ours.refaults_sampled => Err(Note::Sampled),
            Some(refaults) => Ok(Range::exactly(of(refaults))),
            None => Err(Note::NoHook),
        };
        Case {
            slack: self.held_back(),
            lost: self.lost(&MISSED, PAGES_PER_SHRINK),
            over: self.baseline.mglru.then_some(Note::MglruElsewhere),
            ..Case::new(counter, self.host(counter), seen)
        }
    }

    fn oom_kill(&self) -> Case {
        let seen = Ok(Range::upwards(self.ours.oom_kills, self.ours.ooms_pending));
        Case {
            lost: self.lost(&["skipped_runs"], 1),
            over: Some(Note::AlreadyDying),
            gap: (self.ours.oom_groups > 0).then_some((Note::GroupTwice, self.ours.oom_groups)),
            ..Case::new("oom_kill", self.host("oom_kill"), seen)
        }
    }

    /// Tasks that stalled before their reclaim began. Where no hook reports them, this is why begin to end is a lower
    /// bound of the stall.
    fn throttle(&self) -> Case {
        let gap = Some((Note::DidNotSleep, u64::MAX));
        Case { gap, ..self.counted("pgscan_direct_throttle", StallKind::Pfmemalloc, Note::PfmemallocThrottle) }
    }

    /// Direct compactions, where each is one traced call. Some kernels also count compactions that were deferred in
    /// every zone; 7.2 does not.
    fn compaction(&self) -> Case {
        let gap = Some((Note::PutOff, u64::MAX));
        Case { gap, ..self.counted("compact_stall", StallKind::Compaction, Note::NoHook) }
    }

    /// A counter that grows by one with each stall of a kind.
    fn counted(&self, counter: &'static str, kind: StallKind, untraced: Note) -> Case {
        let totals = self.ours.totals;
        let whole = self.ours.sources.of(kind) == Source::True;
        let seen = totals.stalls.get(&kind).filter(|_| whole).ok_or(untraced).map(|stalls| {
            let in_flight = totals.in_flight.get(&kind).map_or(0, |open| open.stalls);
            // The kinds of memtrace's own stalls are not kept.
            Range::upwards(stalls.count, totals.own.count + in_flight)
        });
        Case { lost: self.lost(&MISSED, 1), ..Case::new(counter, self.host(counter), seen) }
    }

    /// The counters of the one cgroup that the filter selects.
    fn cgroup(&self, tally: &Tally) -> Vec<Case> {
        let split = self.now.after.cgroup.as_ref().is_some_and(|stat| stat.contains_key("pgscan_direct"));
        let (scan, steal) = if split {
            (
                ("memory.stat:pgscan_direct", ["pgscan_direct", "pgscan_khugepaged", "pgscan_proactive"]),
                ("memory.stat:pgsteal_direct", ["pgsteal_direct", "pgsteal_khugepaged", "pgsteal_proactive"]),
            )
        } else {
            (("memory.stat:pgscan", ["pgscan", "", ""]), ("memory.stat:pgsteal", ["pgsteal", "", ""]))
        };
        let stat = |names: [&'static str; 3]| {
            self.range(|counters| {
                let stat = counters.cgroup.as_ref()?;
                let first = *stat.get(names[0])?;
                Some(first.saturating_add(sum::of(names[1..].iter().filter_map(|name| stat.get(name)))))
            })
        };
        let mut cases = vec![
            Case { over: None, ..self.cgroup_pages(scan.0, stat(scan.1), tally.scanned_pages(), tally) },
            self.cgroup_pages(steal.0, stat(steal.1), tally.reclaimed_pages(), tally),
        ];
        cases.push(self.cgroup_refault(
            "memory.stat:workingset_refault_file",
            stat(["workingset_refault_file", "", ""]),
            self.ours.cgroup_refaults.map(|refaults| refaults.file_pages),
        ));
        cases.push(self.cgroup_refault(
            "memory.stat:workingset_refault_anon",
            stat(["workingset_refault_anon", "", ""]),
            self.ours.cgroup_refaults.map(|refaults| refaults.anon_pages),
        ));
        cases
    }

    fn cgroup_refault(&self, counter: &'static str, kernel: Option<Range>, seen: Option<u64>) -> Case {
        Case {
            slack: HELD_BACK_OF_CGROUP * self.baseline.cpus,
            lost: self.lost(&MISSED, PAGES_PER_SHRINK),
            over: self.baseline.mglru.then_some(Note::MglruElsewhere),
            unlike: self.ours.refaults_sampled.then_some(Note::Sampled),
            ..Case::new(counter, kernel, seen.map(Range::exactly).ok_or(Note::NoHook))
        }
    }

    fn cgroup_pages(&self, counter: &'static str, kernel: Option<Range>, seen: Option<u64>, tally: &Tally) -> Case {
        let totals = self.ours.totals;
        let count = |kind| totals.stalls.get(&kind).map_or(0, |totals| totals.count);
        let reclaimed_here = sum::of(StallKind::with(|kind| !is_global(kind)).map(count));
        // Only tasks of the cgroup reclaimed, so no other task can have scanned its pages.
        let alone = sum::of(StallKind::with(is_global).map(count)) == 0
            && totals.proactive.as_ref().is_none_or(|asked_for| asked_for.count == 0)
            && reclaimed_here == tally.stalls
            && totals.kswapd.values().all(|node| node.scanned_pages == 0);
        let open = self.pages(|_| true).in_flight;
        let each = pages_each(tally.scanned_pages().unwrap_or(0), tally.stalls);
        let stages = [&MISSED[..], &MISSED_BY_TABLES].concat();
        Case {
            slack: HELD_BACK_OF_CGROUP * self.baseline.cpus,
            lost: self.lost(&stages, each),
            over: Some(Note::SlabToo),
            unlike: if alone { self.mglru_note() } else { Some(Note::Others) },
            ..Case::new(counter, kernel, seen.map(|n| Range::upwards(n, open)).ok_or(Note::NoHook))
        }
    }
}

/// Pages that a lost event may have counted: those of a long stall, as a rule of thumb.
fn pages_each(pages: u64, stalls: u64) -> u64 {
    (pages.saturating_mul(4) / stalls.max(1)).max(2 * PAGES_PER_SHRINK)
}

/// Pages that all shrinks reported as scanned.
fn reclaim_scans(totals: &KernelTotals) -> u64 {
    totals.reclaim_sums().0
}

/// True for reclaim that no limit of a memory cgroup caused.
fn is_global(kind: StallKind) -> bool {
    kind.scans() && !kind.is_at_limit()
}
