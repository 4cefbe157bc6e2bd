use memtrace_common::{
    kind::StallKind,
    part::Part,
    record::{KswapdStep, fields},
};
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

use super::{DecodeContext, DecodeError, decode};
use crate::{
    event::{
        Comm, Constraint, Event, Freed, FreedBy, Kswapd, LastReclaim, OffCpu, Oom, OomCall, PartTimes, Stall,
        TopShrinker, Trigger, Victim,
    },
    hook::{HookId, HookSet},
    source::{Source, Sources},
    throttle::Throttles,
};

const ALL: DecodeContext =
    DecodeContext { hooks: HookSet::ALL.without(HookId::OomCall), sources: Sources::EVENTS, mglru: false };

/// A record as bytes: its fields in their order, each with its width.
fn bytes(fields: &[&[u8]]) -> Vec<u8> {
    fields.concat()
}

fn header(kind: u16, len: u16, t_ns: u64) -> Vec<u8> {
    bytes(&[&kind.to_ne_bytes(), &len.to_ne_bytes(), &7_u32.to_ne_bytes(), &t_ns.to_ne_bytes()])
}

fn stall_bytes(stall_kind: u8, read: u32, shrinks: u32) -> Vec<u8> {
    bytes(&[
        &header(1, 184, 5_000_000),
        &3_210_000_u64.to_ne_bytes(), // dur_ns
        &42_u64.to_ne_bytes(),        // cgroup_id
        &99_u64.to_ne_bytes(),        // process_start_ns
        &1024_u64.to_ne_bytes(),      // scanned_pages
        &32_u64.to_ne_bytes(),        // reclaimed_pages
        &4_000_000_u64.to_ne_bytes(), // throttle
        &400_u64.to_ne_bytes(),       // scan
        &300_u64.to_ne_bytes(),       // shrinkers
        &1_000_u64.to_ne_bytes(),     // soft_limit
        &200_u64.to_ne_bytes(),       // reclaim
        &77_u64.to_ne_bytes(),        // shrinker
        &250_u64.to_ne_bytes(),       // shrinker_ns
        &700_u64.to_ne_bytes(),       // off_cpu_ns
        &3_000_u32.to_ne_bytes(),     // throttled_us: writeback
        &0_u32.to_ne_bytes(),         // isolated
        &1_000_u32.to_ne_bytes(),     // noprogress
        &0_u32.to_ne_bytes(),         // congested
        &1234_u32.to_ne_bytes(),      // tgid
        &1240_u32.to_ne_bytes(),      // tid
        &0xcc0_u32.to_ne_bytes(),     // gfp
        &(-1_i32).to_ne_bytes(),      // order
        &1_i32.to_ne_bytes(),         // nid
        &shrinks.to_ne_bytes(),       // shrinks
        &read.to_ne_bytes(),          // fields
        &[stall_kind, 0, 0, 0],
        b"java\0\0\0\0\0\0\0\0\0\0\0\0",
    ])
}

const STALL_READ: u32 = fields::ORDER
    | fields::GFP
    | fields::NID
    | fields::RECLAIMED
    | fields::CGROUP
    | fields::PROCESS_START
    | fields::OFF_CPU;

fn stall() -> Stall {
    Stall {
        t_ns: 5_000_000,
        dur_ns: 3_210_000,
        kind: StallKind::Memcg,
        source: Source::LowerBound,
        pid: 1234,
        tid: 1240,
        comm: Comm::from(b"java".as_slice()),
        process_start_ns: Some(99),
        cgroup_id: Some(42),
        nid: Some(1),
        order: Some(-1),
        gfp: Some(0xcc0),
        scanned_pages: Some(1024),
        reclaimed_pages: Some(32),
        times: PartTimes::default()
            .with(Part::Throttle, Some(4_000_000))
            .with(Part::Scan, Some(400))
            .with(Part::Shrinkers, Some(300))
            .with(Part::SoftLimit, Some(1_000)),
        throttles: Throttles::of([3_000_000, 0, 1_000_000, 0]),
        top_shrinker: Some(TopShrinker { function: 77, ns: 250 }),
        off_cpu: Some(OffCpu::Measured(700)),
    }
}

fn oom_bytes(read: u32) -> Vec<u8> {
    oom_bytes_of(read, 3)
}

fn oom_bytes_of(read: u32, constraint: u32) -> Vec<u8> {
    bytes(&[
        &header(2, 152, 6_000_000),
        &43_u64.to_ne_bytes(),        // cgroup_id
        &(1_u64 << 20).to_ne_bytes(), // anon_rss_bytes
        &4096_u64.to_ne_bytes(),      // file_rss_bytes
        &0_u64.to_ne_bytes(),         // shmem_rss_bytes
        &7_u64.to_ne_bytes(),         // call
        &44_u64.to_ne_bytes(),        // limit_cgroup_id
        &10_240_u64.to_ne_bytes(),    // total_pages
        &(-3_i64).to_ne_bytes(),      // points
        &500_u32.to_ne_bytes(),       // pid
        &501_u32.to_ne_bytes(),       // tid
        &1234_u32.to_ne_bytes(),      // trigger_tgid
        &1240_u32.to_ne_bytes(),      // trigger_tid
        &read.to_ne_bytes(),          // fields
        &(-17_i32).to_ne_bytes(),     // oom_score_adj
        &2_u32.to_ne_bytes(),         // victim_of_call
        &constraint.to_ne_bytes(),    // constraint
        &0xcc0_u32.to_ne_bytes(),     // gfp
        &(-1_i32).to_ne_bytes(),      // order
        b"victim\0\0\0\0\0\0\0\0\0\0",
        b"fifteen bytes!!\0",
    ])
}

fn kswapd_bytes(step: u8, nid: i32) -> Vec<u8> {
    bytes(&[
        &header(3, 64, 7_000_000),
        &nid.to_ne_bytes(),       // nid
        &3_i32.to_ne_bytes(),     // order
        &0xcc0_u32.to_ne_bytes(), // gfp
        &1234_u32.to_ne_bytes(),  // tgid
        &1240_u32.to_ne_bytes(),  // tid
        &(fields::ORDER | fields::GFP).to_ne_bytes(),
        &[step, 0, 0, 0, 0, 0, 0, 0],
        b"java\0\0\0\0\0\0\0\0\0\0\0\0",
    ])
}

#[test]
fn a_stall_with_all_its_fields() {
    assert_eq!(decode(&stall_bytes(1, STALL_READ, 3), &ALL), Ok(Event::Stall(stall())));
}

#[test]
#[cfg(target_endian = "little")]
fn a_record_as_the_kernel_side_wrote_it() {
    let raw: [u8; 64] = [
        3, 0, 64, 0, 1, 0, 0, 0, 0x15, 0xcd, 0x5b, 0x07, 0, 0, 0, 0, // header: kind, len, cpu, t_ns 123456789
        1, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0x39, 0x30, 0, 0, // nid, order, gfp, tgid 12345
        0x39, 0x30, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, // tid, fields ORDER, step WAKE, padding
        b'k', b's', b'w', b'a', b'p', b'd', b'1', 0, 0, 0, 0, 0, 0, 0, 0, 0, // comm
    ];
    let want = Kswapd { t_ns: 123_456_789, nid: 1, step: KswapdStep::Wake, order: Some(9), gfp: None, waker: None };
    assert_eq!(decode(&raw, &ALL), Ok(Event::Kswapd(want)));
}

#[test]
fn what_was_not_read_is_none() {
    let Stall { t_ns, dur_ns, kind, source, pid, tid, comm, .. } = stall();
    let none = Stall { t_ns, dur_ns, kind, source, pid, tid, comm, ..Stall::example() };
    assert_eq!(decode(&stall_bytes(1, 0, 3), &DecodeContext::default()), Ok(Event::Stall(none)));
    // An estimate for a long stall needs no hook, and is never taken for a measurement.
    let estimated = Stall { off_cpu: Some(OffCpu::Estimated(700)), ..none };
    for hooks in [HookSet::default(), HookSet::default().with(HookId::OffCpu)] {
        let context = DecodeContext { hooks, ..DecodeContext::default() };
        assert_eq!(decode(&stall_bytes(1, fields::OFF_CPU_ESTIMATED, 3), &context), Ok(Event::Stall(estimated)));
    }
}

#[test]
fn scans_that_mglru_hides_are_unread() {
    let scanned = |read, shrinks, mglru| match decode(&stall_bytes(0, read, shrinks), &DecodeContext { mglru, ..ALL }) {
        Ok(Event::Stall(stall)) => stall.scanned_pages,
        other => panic!("{other:?}"),
    };
    assert_eq!(scanned(STALL_READ, 0, true), None);
    assert_eq!(scanned(STALL_READ, 1, true), Some(1024));
    assert_eq!(scanned(STALL_READ, 0, false), Some(1024));
}

#[test]
fn an_oom_kill() {
    let all = fields::VICTIM_COMM | fields::VICTIM_RSS | fields::VICTIM_ADJ | fields::CGROUP;
    let victim = Victim {
        pid: 500,
        tid: 501,
        comm: Some(Comm::from(b"victim".as_slice())),
        cgroup_id: Some(43),
        anon_rss_bytes: Some(1 << 20),
        file_rss_bytes: Some(4096),
        shmem_rss_bytes: Some(0),
        oom_score_adj: Some(-17),
    };
    let trigger = Trigger { pid: 1234, comm: Comm(*b"fifteen bytes!!\0") };
    let (memcg, global) = (Some(LastReclaim::Memcg), Some(LastReclaim::Global));
    let want = |victim, last_reclaim: Option<LastReclaim>| {
        let constraint = last_reclaim.filter(|last| *last == LastReclaim::Memcg).map(|_| Constraint::Memcg);
        Ok(Event::Oom(Oom { t_ns: 6_000_000, victim, trigger, constraint, last_reclaim, ..Oom::default() }))
    };
    assert_eq!(decode(&oom_bytes(all), &ALL), want(victim, None));
    assert_eq!(decode(&oom_bytes(all | fields::AFTER_MEMCG), &ALL), want(victim, memcg));
    assert_eq!(decode(&oom_bytes(all | fields::AFTER_GLOBAL), &ALL), want(victim, global));
    let unread = Victim { pid: 500, tid: 501, ..Victim::default() };
    assert_eq!(decode(&oom_bytes(0), &ALL), want(unread, None));
}

/// Decodes the kill in these bytes, with calls traced.
fn called(bytes: &[u8]) -> Oom {
    match decode(bytes, &DecodeContext { hooks: HookSet::ALL, ..ALL }) {
        Ok(Event::Oom(oom)) => oom,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_call_of_the_oom_killer() {
    let all = fields::CALL
        | fields::CONSTRAINT
        | fields::LIMIT_CGROUP
        | fields::POINTS
        | fields::TOTAL_PAGES
        | fields::GFP
        | fields::ORDER;
    let call = OomCall {
        number: 7,
        victim: 2,
        constraint: Some(Constraint::Memcg),
        cgroup_id: Some(44),
        order: Some(-1),
        gfp: Some(0xcc0),
        points: Some(-3),
        total_pages: Some(10_240),
    };
    let oom = called(&oom_bytes(all));
    assert_eq!((oom.call, oom.constraint, oom.dying), (Some(call), Some(Constraint::Memcg), false));
    // The call takes precedence over the trigger's last reclaim.
    let oom = called(&oom_bytes_of(all | fields::AFTER_MEMCG, 0));
    assert_eq!((oom.constraint, oom.signs_disagree()), (Some(Constraint::None), true));
    let oom = called(&oom_bytes(fields::CALL | fields::AFTER_MEMCG));
    let bare = OomCall { number: 7, victim: 2, ..OomCall::default() };
    assert_eq!((oom.call, oom.constraint), (Some(bare), Some(Constraint::Memcg)));
    let oom = called(&oom_bytes(0));
    assert_eq!((oom.call, oom.dying), (None, true), "no call though calls are traced");
    assert_eq!(decode(&oom_bytes_of(all, 4), &ALL), Err(DecodeError::UnknownConstraint(4)));
}

#[test]
fn the_end_of_a_victim() {
    let freed = |read: u32, by: u32| {
        decode(
            &bytes(&[
                &header(4, 56, 9_000_000),
                &6_000_000_u64.to_ne_bytes(), // marked_ns
                &500_u32.to_ne_bytes(),       // pid
                &501_u32.to_ne_bytes(),       // tid
                &by.to_ne_bytes(),            // by
                &read.to_ne_bytes(),          // fields
                b"victim\0\0\0\0\0\0\0\0\0\0",
            ]),
            &ALL,
        )
    };
    let want = |comm, by| Freed { t_ns: 9_000_000, marked_ns: 6_000_000, pid: 500, tid: 501, comm, by };
    let named = want(Some(Comm::from(b"victim".as_slice())), FreedBy::Exit);
    assert_eq!(freed(fields::VICTIM_COMM, 0), Ok(Event::Freed(named)));
    assert_eq!(named.memory_back().after_ns, 3_000_000);
    assert_eq!(freed(0, 1), Ok(Event::Freed(want(None, FreedBy::Reaper))));
    assert_eq!(freed(0, 2), Err(DecodeError::UnknownEnd(2)));
}

#[test]
fn only_a_wakeup_has_a_waker() {
    let waker = Some(Trigger { pid: 1234, comm: Comm::from(b"java".as_slice()) });
    for (number, step, waker) in
        [(0, KswapdStep::Wakeup, waker), (1, KswapdStep::Wake, None), (2, KswapdStep::Sleep, None)]
    {
        let want = Kswapd { t_ns: 7_000_000, nid: 2, step, order: Some(3), gfp: Some(0xcc0), waker };
        assert_eq!(decode(&kswapd_bytes(number, 2), &ALL), Ok(Event::Kswapd(want)));
    }
}

#[test]
fn every_truncation_and_every_excess_is_an_error() {
    for record in [stall_bytes(0, 0, 0), oom_bytes(0), kswapd_bytes(0, 0)] {
        assert!(decode(&record, &ALL).is_ok());
        for len in 0..record.len() {
            let error = decode(&record[..len], &ALL).unwrap_err();
            let want = if len < 16 {
                DecodeError::NoHeader { len }
            } else {
                let kind = u16::from_ne_bytes([record[0], record[1]]);
                let said = u16::from_ne_bytes([record[2], record[3]]);
                DecodeError::WrongLength { kind, len, said, want: record.len() }
            };
            assert_eq!(error, want);
        }
        let mut longer = record.clone();
        longer.push(0);
        assert!(matches!(decode(&longer, &ALL), Err(DecodeError::WrongLength { .. })));
        let mut wrong = record;
        wrong[2..4].copy_from_slice(&17_u16.to_ne_bytes());
        assert!(matches!(decode(&wrong, &ALL), Err(DecodeError::WrongLength { said: 17, .. })));
    }
}

#[test]
fn numbers_that_cannot_be_are_errors() {
    assert_eq!(decode(&header(9, 16, 0), &ALL), Err(DecodeError::UnknownKind(9)));
    assert_eq!(decode(&stall_bytes(8, 0, 0), &ALL), Err(DecodeError::UnknownStallKind(8)));
    assert_eq!(decode(&kswapd_bytes(3, 0), &ALL), Err(DecodeError::UnknownStep(3)));
    assert_eq!(decode(&kswapd_bytes(1, -1), &ALL), Err(DecodeError::BadNode(-1)));
    assert!(DecodeError::UnknownKind(9).is_unknown_kind());
    assert!(!DecodeError::BadNode(-1).is_unknown_kind());
}

proptest! {
    #[test]
    fn any_bytes_give_a_value(raw in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&raw, &ALL);
    }

    /// As above with a header that fits, so that the fields are reached.
    #[test]
    fn any_fields_give_a_value(
        (kind, len) in proptest::sample::select(vec![(1_u16, 184_u16), (2, 152), (3, 64), (4, 56)]),
        body in proptest::collection::vec(any::<u8>(), 168),
        t_ns: u64,
    ) {
        let mut raw = header(kind, len, t_ns);
        raw.extend(&body[..usize::from(len) - 16]);
        match decode(&raw, &ALL) {
            Ok(Event::Stall(stall)) => prop_assert_eq!((kind, stall.t_ns), (1, t_ns)),
            Ok(Event::Oom(oom)) => prop_assert_eq!((kind, oom.t_ns), (2, t_ns)),
            Ok(Event::Kswapd(kswapd)) => prop_assert_eq!((kind, kswapd.t_ns), (3, t_ns)),
            Ok(Event::Freed(freed)) => prop_assert_eq!((kind, freed.t_ns), (4, t_ns)),
            Err(error) => prop_assert!(error.is_unknown_kind() || matches!(error, DecodeError::BadNode(_))),
        }
    }
}
