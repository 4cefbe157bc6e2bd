//! Stalls that are not over, in ticks and in their rows.

use memtrace_common::kind::StallKind;

use super::{apply, session, stall, tick, totals};
use crate::{
    event::{Comm, Stall},
    session::{
        Session, SessionConfig,
        input::{KernelTotals, OpenStall},
        tick::{RecentRow, Tick, Who},
    },
};

const S: u64 = 1_000_000_000;
const HUNG: u32 = 7;

fn with_rows() -> Session {
    session(SessionConfig { start_ns: 10 * S, rows: true, ..SessionConfig::default() })
}

/// A direct reclaim that began at 10.5 s.
fn hang() -> OpenStall {
    let comm = Some(Comm::from(b"hung".as_slice()));
    OpenStall { pid: HUNG, tid: HUNG, comm, kind: StallKind::Direct, begin_ns: 10 * S + S / 2 }
}

fn open() -> KernelTotals {
    let mut totals = totals(&[]);
    totals.stalls.entry(StallKind::Direct).or_default();
    totals.open.push(hang());
    totals
}

fn row(tick: &Tick, who: Who) -> Option<&RecentRow> {
    tick.rows.as_ref()?.tables().into_iter().flatten().find(|row| row.who == who)
}

#[test]
fn a_hang_is_stalled_time_of_each_interval_and_of_its_process() {
    let mut session = with_rows();
    let first = tick(&mut session, 11 * S, &open());
    assert_eq!((first.all.count, first.all.stalled_ns, first.all.open_ns), (0, S / 2, Some(S / 2)));
    let second = tick(&mut session, 12 * S, &open());
    assert_eq!((second.stalled_per_s(), second.all.total_ns), (Some(1.0), 0));
    assert_eq!(second.stalls[&StallKind::Direct].open_ns, Some(3 * S / 2));
    for who in [Who::Process(HUNG, None), Who::Thread(HUNG, HUNG)] {
        let row = row(&second, who).unwrap();
        assert_eq!((row.comm, row.stalls.stalled_ns, row.stalls.count), (hang().comm.unwrap(), S, 0));
    }
    // It ends with a duration of 1.75 s.
    let ended = Stall { t_ns: 12 * S + S / 4, ..stall(HUNG, StallKind::Direct, 7 * S / 4) };
    apply(&mut session, &[ended]);
    let last = tick(&mut session, 13 * S, &totals(&[ended]));
    assert_eq!((last.all.count, last.all.total_ns, last.all.stalled_ns), (1, 7 * S / 4, S / 4));
    let process = row(&last, Who::Process(HUNG, ended.process_start_ns)).unwrap();
    assert_eq!((process.stalls.stalled_ns, process.stalls.total_ns), (S / 4, 7 * S / 4));
}

#[test]
fn a_window_has_of_a_hang_what_passed_in_it() {
    let mut session = with_rows();
    let base = crate::session::input::TickInput { t_ns: 20 * S, totals: open(), ..Default::default() };
    session.begin_at(&base);
    let first = tick(&mut session, 21 * S, &open());
    assert_eq!((first.all.stalled_ns, first.all.open_ns), (S, Some(21 * S - hang().begin_ns)));
}
