//! The session under any order, loss and churn; then ticks, one by one.

mod faults;
mod open;
mod sums;
mod ticks;

use std::collections::BTreeMap;

use memtrace_common::kind::StallKind;

use super::{
    Session, SessionConfig,
    input::{HostSample, KernelTotals},
};
use crate::{
    event::{Comm, Event, Stall},
    source::Sources,
};

/// memtrace's own pid in these tests.
const OWN: u32 = 9999;

pub(super) fn stall(pid: u32, kind: StallKind, dur_ns: u64) -> Stall {
    Stall {
        t_ns: 1,
        dur_ns,
        kind,
        source: Sources::default().of(kind),
        pid,
        tid: pid,
        comm: Comm::from(format!("t{pid}").as_bytes()),
        scanned_pages: Some(64),
        reclaimed_pages: Some(32),
        ..Stall::example()
    }
}

/// The exact totals of these stalls, as the kernel side keeps them.
fn totals<'a>(stalls: impl IntoIterator<Item = &'a Stall>) -> KernelTotals {
    let mut totals = KernelTotals::default();
    for stall in stalls {
        let kind = if stall.pid == OWN { &mut totals.own } else { totals.stalls.entry(stall.kind).or_default() };
        kind.count += 1;
        kind.total_ns += stall.dur_ns;
        kind.max_ns = kind.max_ns.max(stall.dur_ns);
        kind.scanned_pages += stall.scanned_pages.unwrap_or(0);
        kind.reclaimed_pages += stall.reclaimed_pages.unwrap_or(0);
        kind.latency.record(stall.dur_ns);
    }
    totals
}

fn session(config: SessionConfig) -> Session {
    Session::new(SessionConfig { own_pid: OWN, ..config })
}

fn apply(session: &mut Session, stalls: &[Stall]) {
    let names: BTreeMap<u64, &[u8]> =
        (0..4).map(|id| (id, [b"/a".as_slice(), b"/b", b"/a/c", b"/d"][id as usize])).collect();
    for stall in stalls {
        session.apply(&Event::Stall(*stall), &names);
    }
}

fn tick(session: &mut Session, now_ns: u64, totals: &KernelTotals) -> super::tick::Tick {
    session.close_interval(now_ns, totals, &HostSample::default())
}
