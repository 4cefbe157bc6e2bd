//! Stalls whose end was not seen. If the kernel skips the program of an end, the span stays open until the next stall
//! of the thread, or its exit, and would be shown as a stall that never ends. The flags of the thread in /proc show
//! that it is no longer in reclaim.

use std::collections::BTreeMap;

use memtrace_core::session::input::{KernelTotals, OpenStall};

/// Age in ns from which an open stall is checked.
const DOUBTED_AFTER_NS: u64 = 1_000_000_000;
/// Most threads that are checked in a tick.
const LOOKED_AT: usize = 256;
/// Consecutive ticks in which a thread must be seen outside reclaim: some begin and end events fire a moment outside
/// it.
const LOOKS: u8 = 2;

/// Threads that were seen outside reclaim although they have an open stall.
#[derive(Debug, Default)]
pub(super) struct LostEnds {
    /// Number of consecutive ticks, by thread and begin of the stall.
    looks: BTreeMap<(u32, u64), u8>,
}

impl LostEnds {
    /// Removes stalls that are over from the open ones; checks the longest first. `is_reclaiming` gets a process and a
    /// thread id and returns true if the thread is inside reclaim; `None` if that is unknown.
    pub(super) fn take_out(
        &mut self,
        totals: &mut KernelTotals,
        now_ns: u64,
        is_reclaiming: impl Fn(u32, u32) -> Option<bool>,
    ) {
        let is_long = |stall: &&OpenStall| now_ns.saturating_sub(stall.begin_ns) >= DOUBTED_AFTER_NS;
        let doubted = totals.open.iter().filter(is_long).filter(|stall| stall.kind.holds_memalloc()).take(LOOKED_AT);
        let over = doubted.filter(|stall| is_reclaiming(stall.pid, stall.tid) == Some(false));
        let look = |stall: &OpenStall| {
            let key = (stall.tid, stall.begin_ns);
            (key, self.looks.get(&key).map_or(1, |looks| looks.saturating_add(1)))
        };
        self.looks = over.map(look).collect();
        let KernelTotals { open, in_flight, .. } = totals;
        open.retain(|stall| {
            let is_over = self.looks.get(&(stall.tid, stall.begin_ns)).is_some_and(|looks| *looks >= LOOKS);
            if is_over && let Some(of_kind) = in_flight.get_mut(&stall.kind) {
                of_kind.stalls = of_kind.stalls.saturating_sub(1);
            }
            !is_over
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use memtrace_common::kind::StallKind;
    use memtrace_core::session::input::InFlight;

    const S: u64 = 1_000_000_000;

    /// Stalls of these threads that began at 0.
    fn totals(stalls: &[(u32, StallKind)]) -> KernelTotals {
        let open = |&(tid, kind): &(u32, StallKind)| OpenStall { pid: tid, tid, comm: None, kind, begin_ns: 0 };
        let mut totals = KernelTotals { open: stalls.iter().map(open).collect(), ..KernelTotals::default() };
        for (_, kind) in stalls {
            let of_kind: &mut InFlight = totals.in_flight.entry(*kind).or_default();
            of_kind.stalls += 1;
        }
        totals
    }

    /// Threads that are left after a tick, and direct stalls in flight.
    fn tick(ends: &mut LostEnds, now_ns: u64, reclaiming: &[u32]) -> (Vec<u32>, u64) {
        let mut totals = totals(&[(1, StallKind::Direct), (2, StallKind::Direct), (3, StallKind::Swapin)]);
        // Nothing is known of thread 9.
        ends.take_out(&mut totals, now_ns, |_, tid| (tid != 9).then(|| reclaiming.contains(&tid)));
        (totals.open.iter().map(|stall| stall.tid).collect(), totals.in_flight[&StallKind::Direct].stalls)
    }

    #[test]
    fn a_thread_that_reclaims_no_more_is_not_stalled() {
        let mut ends = LostEnds::default();
        assert_eq!(tick(&mut ends, S / 2, &[]), (vec![1, 2, 3], 2), "short");
        assert_eq!(tick(&mut ends, 2 * S, &[1]), (vec![1, 2, 3], 2), "one look");
        assert_eq!(tick(&mut ends, 3 * S, &[1]), (vec![1, 3], 1));
        assert_eq!(tick(&mut ends, 4 * S, &[1]), (vec![1, 3], 1), "and stays so");
        assert_eq!(tick(&mut ends, 5 * S, &[1, 2]), (vec![1, 2, 3], 2), "a thread in reclaim is stalled");
    }

    #[test]
    fn another_stall_of_the_thread_is_doubted_anew() {
        let mut ends = LostEnds::default();
        let mut first = totals(&[(1, StallKind::Memcg)]);
        ends.take_out(&mut first, 2 * S, |_, _| Some(false));
        let mut second = totals(&[(1, StallKind::Memcg)]);
        second.open[0].begin_ns = S;
        ends.take_out(&mut second, 3 * S, |_, _| Some(false));
        assert_eq!((first.open.len(), second.open.len()), (1, 1));
    }

    #[test]
    fn spans_of_an_unknown_state_are_left() {
        let mut ends = LostEnds::default();
        for now in 2..6 {
            let mut unknown = totals(&[(9, StallKind::Direct)]);
            ends.take_out(&mut unknown, now * S, |_, _| None);
            assert_eq!(unknown.open.len(), 1);
        }
    }
}
