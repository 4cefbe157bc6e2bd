use memtrace_common::kind::StallKind;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, proptest};

use super::{OWN, apply, session, stall, tick, totals};
use crate::{
    event::{Comm, Stall},
    session::{
        SessionConfig,
        filter::Filter,
        pattern::CgroupPattern,
        summary::{Group, Summary},
        tally::Tally,
    },
    source::Sources,
};

fn any_stall() -> impl Strategy<Value = Stall> {
    let pid = proptest::sample::select(vec![1_u32, 2, 3, 4, 5, 6, 7, 8, 9, OWN]);
    let kind = proptest::sample::select(StallKind::ALL.to_vec());
    let start = proptest::option::of(0..2_u64);
    let cgroup = proptest::option::of(0..6_u64);
    (pid, kind, 0..100_000_000_000_u64, start, cgroup, proptest::option::of(0..10_000_u64)).prop_map(
        |(pid, kind, dur_ns, process_start_ns, cgroup_id, scanned_pages)| Stall {
            process_start_ns,
            cgroup_id,
            scanned_pages,
            ..stall(pid, kind, dur_ns)
        },
    )
}

/// Stalls, each with true when its record reached user space.
fn some_stalls() -> impl Strategy<Value = Vec<(Stall, bool)>> {
    proptest::collection::vec((any_stall(), any::<bool>()), 0..120)
}

fn reported(stalls: &[(Stall, bool)]) -> Vec<Stall> {
    stalls.iter().filter(|(_, reported)| *reported).map(|(stall, _)| *stall).collect()
}

/// Sum of a group, over all its rows.
fn sum<T>(group: &Group<T>, tally: impl Fn(&T) -> &Tally) -> Tally {
    let mut sum = group.other.clone();
    for row in &group.rows {
        sum.merge(tally(row));
    }
    sum
}

fn sums(summary: &Summary) -> [Tally; 2] {
    [sum(&summary.processes, |row| &row.tally), sum(&summary.cgroups, |row| &row.tally)]
}

fn tally<'a>(stalls: impl IntoIterator<Item = &'a Stall>) -> Tally {
    let mut tally = Tally::default();
    for stall in stalls {
        tally.add(stall);
    }
    tally
}

const SMALL: SessionConfig = SessionConfig {
    start_ns: 0,
    own_pid: 0,
    filter: Filter {
        pids: Vec::new(),
        comms: Vec::new(),
        cgroups: Vec::new(),
        containers: Vec::new(),
        kinds: Vec::new(),
    },
    scans_read: true,
    kswapd_read: true,
    sources: Sources::EVENTS,
    faults_read: crate::session::faults::FaultsRead {
        refaults: None,
        fate: false,
        major_faults: false,
        swapins: false,
    },
    mglru: false,
    processes: 3,
    cgroups: 2,
    ooms: 1,
    recorded: false,
    stacks: false,
    rows: false,
};

proptest! {
    #[test]
    fn tables_that_are_too_small_still_add_up(stalls in some_stalls()) {
        let mut session = session(SMALL);
        let reported = reported(&stalls);
        apply(&mut session, &reported);
        tick(&mut session, 1, &totals(stalls.iter().map(|(stall, _)| stall)));
        let summary = session.summary();
        let want = tally(reported.iter().filter(|stall| stall.pid != OWN));
        prop_assert_eq!(sums(&summary), [want.clone(), want]);
        prop_assert!(summary.processes.rows.len() <= 3 && summary.cgroups.rows.len() <= 2);
        prop_assert!((summary.processes.folded > 0) == (summary.processes.other.stalls > 0));
    }

    #[test]
    fn the_summary_is_exact_whatever_the_ring_lost(stalls in some_stalls()) {
        let mut session = session(SMALL);
        let reported = reported(&stalls);
        apply(&mut session, &reported);
        let exact = totals(stalls.iter().map(|(stall, _)| stall));
        tick(&mut session, 1, &exact);
        let summary = session.summary();
        for (kind, totals) in &exact.stalls {
            let shown = &summary.stalls[kind];
            let want = (totals.count, totals.total_ns, Some(totals.max_ns));
            prop_assert_eq!((shown.count, shown.total_ns, shown.max_ns), want);
        }
        let [rows, _] = sums(&summary);
        prop_assert_eq!(rows.stalls + summary.unattributed.count, summary.all.count);
        prop_assert_eq!(rows.total_ns + summary.unattributed.total_ns, summary.all.total_ns);
        prop_assert_eq!(summary.own_stalls.count, exact.own.count);
    }

    #[test]
    fn order_does_not_matter_where_all_have_a_row(
        (stalls, shuffled) in proptest::collection::vec(any_stall(), 0..80)
            .prop_flat_map(|stalls| (Just(stalls.clone()), Just(stalls).prop_shuffle()))
    ) {
        let summary = |stalls: &[Stall]| {
            let mut session = session(SessionConfig { processes: 64, cgroups: 64, ..SMALL });
            apply(&mut session, stalls);
            tick(&mut session, 1, &totals(stalls));
            let mut summary = session.summary();
            // The cgroup of a process is that of its latest stall.
            for row in &mut summary.processes.rows {
                row.cgroup_id = None;
            }
            summary
        };
        prop_assert_eq!(summary(&stalls), summary(&shuffled));
    }

    #[test]
    fn a_filter_takes_from_the_tables_and_not_from_the_totals(stalls in some_stalls()) {
        let filter = Filter {
            pids: vec![1, 2, 3],
            kinds: vec![StallKind::Direct, StallKind::Memcg, StallKind::Node],
            cgroups: vec![CgroupPattern::parse("/a").unwrap()],
            ..Filter::default()
        };
        let mut session = session(SessionConfig { filter, ..SMALL });
        let all: Vec<_> = stalls.iter().map(|(stall, _)| *stall).collect();
        apply(&mut session, &all);
        let exact = totals(&all);
        let tick = tick(&mut session, 1, &exact);
        let fits = |stall: &&Stall| {
            stall.pid <= 3
                && matches!(stall.kind, StallKind::Direct | StallKind::Memcg | StallKind::Node)
                && matches!(stall.cgroup_id, Some(0 | 2))
        };
        let want = tally(all.iter().filter(fits));
        let summary = session.summary();
        prop_assert_eq!(sums(&summary), [want.clone(), want.clone()]);
        prop_assert_eq!(tick.matched.map(|matched| matched.count), Some(want.stalls));
        prop_assert_eq!(summary.matched, Some(want));
        prop_assert_eq!(summary.all.count, exact.stalls.values().map(|kind| kind.count).sum::<u64>());
        prop_assert_eq!(summary.unattributed.count, 0);
    }

    #[test]
    fn quantiles_lie_between_nothing_and_the_longest(
        stalls in proptest::collection::vec(any_stall(), 1..60),
        q in 0.0..=1.0,
    ) {
        let tally = tally(&stalls);
        let mut sorted: Vec<_> = stalls.iter().map(|stall| stall.dur_ns).collect();
        sorted.sort_unstable();
        let rank = crate::session::histogram::rank(q, sorted.len() as u64).unwrap();
        let exact = sorted[usize::try_from(rank).unwrap() - 1];
        let got = tally.quantile(q).unwrap();
        prop_assert!(got <= tally.max_ns);
        // The quantile is accurate to a sixteenth from 4 us to a minute.
        if (4096..60_000_000_000).contains(&exact) {
            prop_assert!(got.abs_diff(exact) <= exact / 16 + 64, "{got} is not {exact}");
        }
    }
}

#[test]
fn the_row_that_was_idle_longest_goes() {
    let mut session = session(SMALL);
    let direct = |pid| stall(pid, StallKind::Direct, 1000);
    apply(&mut session, &[direct(1), direct(2), direct(3), direct(1), direct(4)]);
    let mut pids: Vec<_> = session.summary().processes.rows.iter().map(|row| row.pid).collect();
    pids.sort_unstable();
    assert_eq!(pids, [1, 3, 4]);
    assert_eq!((session.summary().processes.folded, session.summary().processes.other.stalls), (1, 1));
}

#[test]
fn a_reused_pid_is_another_process_and_a_name_can_be_learnt() {
    let mut session = session(SMALL);
    let at = |start| Stall { process_start_ns: Some(start), ..stall(7, StallKind::Direct, 1000 * start) };
    apply(&mut session, &[at(1), at(2), at(2)]);
    session.name_process(7, Some(2), Comm::from(b"mysqld".as_slice()));
    session.name_process(8, None, Comm::from(b"nobody".as_slice()));
    let rows = session.summary().processes.rows;
    let got: Vec<_> =
        rows.iter().map(|row| (row.process_start_ns, row.comm.bytes().to_vec(), row.tally.stalls)).collect();
    assert_eq!(got, [(Some(2), b"mysqld".to_vec(), 2), (Some(1), b"t7".to_vec(), 1)]);
}

#[test]
fn a_sum_with_an_unread_part_is_unread() {
    let mut session = session(SMALL);
    let unread = Stall { scanned_pages: None, ..stall(1, StallKind::Direct, 1) };
    apply(&mut session, &[stall(1, StallKind::Direct, 1), unread, stall(2, StallKind::Direct, 1)]);
    let rows = session.summary().processes.rows;
    let got: Vec<_> = rows.iter().map(|row| (row.tally.scanned_pages(), row.tally.reclaimed_pages())).collect();
    assert_eq!(got, [(None, Some(64)), (Some(64), Some(32))]);
}
