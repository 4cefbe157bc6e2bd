//! Refaults, major faults and swap-ins under overflow and filters: counts that exceed the tables are in `other`.

use std::collections::BTreeMap;

use memtrace_common::refault::RefaultCounts;
use proptest::prelude::{Just, Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::{OWN, apply, session, stall, tick};
use crate::{
    event::Comm,
    session::{
        Session, SessionConfig,
        faults::{FaultDeltas, Faults, FaultsRead, ProcessFaults},
        filter::Filter,
        input::KernelTotals,
        pattern::{CgroupPattern, CommPattern},
        summary::{Group, Summary},
        tally::Tally,
    },
};

const READ: FaultsRead =
    FaultsRead { refaults: Some("memcg:mod_memcg_lruvec_state"), fate: true, major_faults: true, swapins: true };

/// A session with fewer rows than processes and cgroups.
fn small(filter: Filter) -> Session {
    let config = SessionConfig { filter, faults_read: READ, ..SessionConfig::default() };
    session(SessionConfig { processes: 3, cgroups: 2, ..config })
}

fn names() -> BTreeMap<u64, &'static [u8]> {
    [(1, b"/a".as_slice()), (2, b"/b"), (3, b"/a/c"), (4, b"/d")].into()
}

fn counts() -> impl Strategy<Value = RefaultCounts> {
    (0..1000_u64, 0..1000_u64, 0..1000_u64, 0..100_u64, 0..100_u64).prop_map(
        |(file_pages, anon_pages, events, activated_pages, restored_pages)| RefaultCounts {
            file_pages,
            anon_pages,
            events,
            activated_pages,
            restored_pages,
        },
    )
}

fn faults() -> impl Strategy<Value = Faults> {
    (counts(), 0..50_u64, 0..50_u64).prop_map(|(refaults, major_faults, swapin_pages)| Faults {
        refaults,
        major_faults,
        swapin_pages,
    })
}

/// Faults of one process in a tick, and true when the table of the kernel side had room for them.
fn one() -> impl Strategy<Value = (ProcessFaults, bool)> {
    let pid = proptest::sample::select(vec![1_u32, 2, 3, 4, 5, 6, 7, OWN]);
    // 5 has no known path.
    (pid, proptest::option::of(0..2_u64), proptest::option::of(1..6_u64), faults(), proptest::bool::weighted(0.8))
        .prop_map(|(pid, process_start_ns, cgroup_id, faults, reported)| {
            let comm = Comm::from(format!("t{pid}").as_bytes());
            (ProcessFaults { pid, process_start_ns, comm, cgroup_id, faults }, reported)
        })
}

/// Some ticks with such faults.
fn ticks() -> impl Strategy<Value = Vec<Vec<(ProcessFaults, bool)>>> {
    proptest::collection::vec(proptest::collection::vec(one(), 0..20), 1..8)
}

fn filters() -> impl Strategy<Value = Filter> {
    let comm = |text| CommPattern::parse(text).expect("a pattern");
    let cgroup = |text| CgroupPattern::parse(text).expect("a pattern");
    prop_oneof![
        Just(Filter { pids: vec![2, 5], ..Filter::default() }),
        Just(Filter { comms: vec![comm("t3"), comm("t4")], ..Filter::default() }),
        Just(Filter { cgroups: vec![cgroup("/a")], ..Filter::default() }),
        Just(Filter { pids: vec![1, 2, 3], cgroups: vec![cgroup("/b")], ..Filter::default() }),
        Just(Filter { kinds: vec![memtrace_common::kind::StallKind::Memcg], ..Filter::default() }),
    ]
}

/// An independent implementation of the filter.
fn fits(filter: &Filter, process: &ProcessFaults) -> bool {
    let path = process.cgroup_id.and_then(|id| names().get(&id).copied());
    filter.kinds.is_empty()
        && (filter.pids.is_empty() || filter.pids.contains(&process.pid))
        && (filter.comms.is_empty() || [3, 4].contains(&process.pid))
        && (filter.cgroups.is_empty()
            || path.is_some_and(|path| filter.cgroups.iter().any(|pattern| pattern.matches(path))))
}

/// Gives a session these ticks as the kernel side does: exact totals without our own, and tables that may lack some.
fn run(session: &mut Session, ticks: &[Vec<(ProcessFaults, bool)>]) -> (Summary, RefaultCounts) {
    let mut all = Faults::default();
    let mut own = Faults::default();
    for (n, came) in (1..).zip(ticks) {
        let mut deltas = FaultDeltas::default();
        for (process, reported) in came {
            let is_own = process.pid == OWN;
            if is_own { &mut own } else { &mut all }.merge(&process.faults);
            if !reported {
                continue;
            }
            deltas.processes.push(*process);
            // The kernel side charges our own to no cgroup.
            if let (Some(id), false) = (process.cgroup_id, is_own) {
                deltas.cgroups.push((id, process.faults.refaults));
            }
        }
        session.apply_faults(&deltas, &names());
        let refaults = (Some(all.refaults), Some(own.refaults));
        let totals = KernelTotals { refaults: refaults.0, own_refaults: refaults.1, ..KernelTotals::default() };
        tick(session, n * 1_000_000_000, &totals);
    }
    (session.summary(), all.refaults)
}

/// Sum of a table, `other` included.
fn sum<T>(group: &Group<T>, tally: impl Fn(&T) -> &Tally) -> Faults {
    let mut sum = group.other.faults;
    group.rows.iter().for_each(|row| sum.merge(&tally(row).faults));
    sum
}

fn sum_of<'a>(faults: impl IntoIterator<Item = &'a ProcessFaults>) -> Faults {
    let mut sum = Faults::default();
    faults.into_iter().for_each(|process| sum.merge(&process.faults));
    sum
}

fn reported(ticks: &[Vec<(ProcessFaults, bool)>]) -> impl Iterator<Item = &ProcessFaults> {
    ticks.iter().flatten().filter(|(_, reported)| *reported).map(|(process, _)| process)
}

proptest! {
    #[test]
    fn rows_and_the_rest_are_the_total(ticks in ticks()) {
        let (summary, total) = run(&mut small(Filter::default()), &ticks);
        prop_assert_eq!(summary.refaults, Some(total));
        prop_assert!(summary.processes.rows.len() <= 3 && summary.cgroups.rows.len() <= 2);
        let processes = sum(&summary.processes, |row| &row.tally);
        prop_assert_eq!(processes.refaults, total);
        prop_assert_eq!(sum(&summary.cgroups, |row| &row.tally).refaults, total);
        // The kernel side keeps no totals of these: they are the sums of its table.
        let known = sum_of(reported(&ticks).filter(|process| process.pid != OWN));
        prop_assert_eq!(processes.major_faults, known.major_faults);
        prop_assert_eq!(processes.swapin_pages, known.swapin_pages);
        prop_assert!(summary.processes.rows.iter().all(|row| row.pid != OWN));
    }

    #[test]
    fn a_filter_leaves_what_it_matches(ticks in ticks(), filter in filters()) {
        let (summary, total) = run(&mut small(filter.clone()), &ticks);
        prop_assert_eq!(summary.refaults, Some(total));
        let matching = sum_of(reported(&ticks).filter(|process| process.pid != OWN && fits(&filter, process)));
        prop_assert_eq!(sum(&summary.processes, |row| &row.tally), matching);
        // A cgroup's count covers all its processes: with a filter on processes there is none.
        let by_path = filter.pids.is_empty() && filter.comms.is_empty();
        let cgroups = sum(&summary.cgroups, |row| &row.tally);
        prop_assert_eq!(cgroups.refaults, if by_path { matching.refaults } else { RefaultCounts::default() });
    }

    #[test]
    fn stalls_and_refaults_share_rows_and_spoil_none(ticks in ticks(), pids in proptest::collection::vec(1..12_u32, 0..40)) {
        let mut session = small(Filter::default());
        let stalls: Vec<_> = pids.iter().map(|&pid| stall(pid, memtrace_common::kind::StallKind::Memcg, 1000)).collect();
        apply(&mut session, &stalls[..stalls.len() / 2]);
        run(&mut session, &ticks[..ticks.len() / 2]);
        apply(&mut session, &stalls[stalls.len() / 2..]);
        // Cumulative totals continue.
        let refaults = sum_of(ticks.iter().flatten().map(|(process, _)| process).filter(|process| process.pid != OWN));
        let rest = &ticks[ticks.len() / 2..];
        let mut deltas = FaultDeltas::default();
        deltas.processes.extend(reported(rest));
        session.apply_faults(&deltas, &names());
        let totals = KernelTotals { refaults: Some(refaults.refaults), ..KernelTotals::default() };
        tick(&mut session, 100_000_000_000, &totals);
        let summary = session.summary();
        prop_assert_eq!(sum(&summary.processes, |row| &row.tally).refaults, refaults.refaults);
        let counted: u64 = summary.processes.rows.iter().map(|row| row.tally.stalls).sum();
        prop_assert_eq!(counted + summary.processes.other.stalls, stalls.len() as u64);
    }

    #[test]
    fn what_came_since_is_never_negative(now in faults(), before in faults()) {
        let since = now.since(&before);
        prop_assert!(since.refaults.file_pages <= now.refaults.file_pages);
        let mut later = before;
        later.merge(&now);
        prop_assert_eq!(later.since(&before), now);
    }
}

#[test]
fn refaults_that_are_not_read_are_none() {
    let mut session = session(SessionConfig::default());
    tick(&mut session, 1_000_000_000, &KernelTotals::default());
    let summary = session.summary();
    assert_eq!((summary.refaults, summary.own_refaults), (None, None));
    assert!(summary.processes.other.faults.is_empty() && summary.cgroups.other.faults.is_empty());
}

#[test]
fn thousands_of_short_tasks_do_not_push_out_the_heaviest() {
    let mut session = session(SessionConfig { faults_read: READ, processes: 128, ..SessionConfig::default() });
    // One process with long stalls and one with many refaults, both gone before the storm.
    apply(&mut session, &vec![stall(1, memtrace_common::kind::StallKind::Memcg, 50_000_000); 20]);
    let of = |pid, file_pages| ProcessFaults {
        pid,
        process_start_ns: None,
        comm: Comm::default(),
        cgroup_id: None,
        faults: Faults {
            refaults: RefaultCounts { file_pages, events: 1, ..RefaultCounts::default() },
            ..Faults::default()
        },
    };
    let deltas = |processes| FaultDeltas { processes, ..FaultDeltas::default() };
    session.apply_faults(&deltas(vec![of(2, 100_000)]), &names());
    for n in 0..20 {
        session.apply_faults(&deltas((0..4000).map(|pid| of(10 + 4000 * n + pid, 1)).collect()), &names());
    }
    let refaults = RefaultCounts { file_pages: 180_000, events: 80_001, ..RefaultCounts::default() };
    tick(&mut session, 1_000_000_000, &KernelTotals { refaults: Some(refaults), ..KernelTotals::default() });
    let summary = session.summary();
    let pids: Vec<u32> = summary.processes.rows.iter().take(2).map(|row| row.pid).collect();
    assert_eq!(pids, [1, 2]);
    assert_eq!(sum(&summary.processes, |row| &row.tally).refaults, refaults);
}
