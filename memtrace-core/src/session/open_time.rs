//! Stalled time by the interval in which it passed. The totals count a stall as a whole when it ends: a hang would be 0
//! for as long as it lasts, and then all of it in one second.

use std::collections::BTreeMap;

use memtrace_common::kind::StallKind;

use super::input::OpenStall;

/// Number of stalls that are followed while they are open, the longest first. Further stalls count when they end.
pub const FOLLOWED: usize = 256;
/// Number of intervals for which time may be missing from the list of open stalls before it is dropped. A stall that
/// ended while the list was read, or that is hidden by a stall inside it, comes back sooner.
const PATIENCE: u8 = 3;

/// Time that passed in stalls of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Passed {
    /// Time in the interval, of stalls that ended in it or are still open, in ns.
    pub(super) stalled_ns: u64,
    /// Time so far in the stalls that are not over, in ns.
    pub(super) open_ns: u64,
}

/// Time of open stalls that intervals have counted before the totals do.
///
/// The sum of all intervals is the total of the stalls that ended plus the time so far of the open ones. It exceeds
/// that only by stalls whose end was not seen: the totals never include them.
#[derive(Debug, Default)]
pub(super) struct OpenTimes {
    kinds: BTreeMap<StallKind, Advance>,
    has_begun: bool,
}

/// Time of the open stalls of one kind.
#[derive(Clone, Copy, Debug, Default)]
struct Advance {
    /// Time that intervals have counted and the totals have not, in ns.
    ns: u64,
    /// Number of intervals in a row in which `ns` exceeds the time of the open stalls.
    missing: u8,
}

impl OpenTimes {
    /// Marks the time of stalls that are open at the begin as passed before it. No effect after the first call.
    pub(super) fn begin(&mut self, t_ns: u64, open: &[OpenStall]) {
        if self.has_begun {
            return;
        }
        let advance = |(kind, ns)| (kind, Advance { ns, missing: 0 });
        self.kinds = so_far(t_ns, open).into_iter().map(advance).collect();
        self.has_begun = true;
    }

    /// Ends an interval of a kind, given the time of the stalls that ended in it and of the stalls that are open at its
    /// end.
    pub(super) fn advance(&mut self, kind: StallKind, ended_ns: u64, open_ns: u64) -> Passed {
        let advance = self.kinds.entry(kind).or_default();
        let stalled_ns = ended_ns.saturating_add(open_ns).saturating_sub(advance.ns);
        let left_ns = advance.ns.saturating_sub(ended_ns);
        advance.missing = if left_ns > open_ns { advance.missing + 1 } else { 0 };
        advance.ns = if advance.missing < PATIENCE { left_ns.max(open_ns) } else { open_ns };
        Passed { stalled_ns, open_ns }
    }
}

/// The time so far of the open stalls, by kind, in ns.
pub(super) fn so_far(t_ns: u64, open: &[OpenStall]) -> BTreeMap<StallKind, u64> {
    let mut kinds = BTreeMap::new();
    for stall in open.iter().take(FOLLOWED) {
        let sum: &mut u64 = kinds.entry(stall.kind).or_default();
        *sum = sum.saturating_add(t_ns.saturating_sub(stall.begin_ns));
    }
    kinds
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const KIND: StallKind = StallKind::Direct;

    fn advance(times: &mut OpenTimes, ended_ns: u64, open_ns: u64) -> u64 {
        times.advance(KIND, ended_ns, open_ns).stalled_ns
    }

    #[test]
    fn a_hang_counts_while_it_lasts() {
        let mut times = OpenTimes::default();
        assert_eq!(advance(&mut times, 0, 100), 100);
        assert_eq!(advance(&mut times, 0, 1100), 1000);
        // Another stall ends meanwhile; then the hang ends, with a duration of 1,500.
        assert_eq!(advance(&mut times, 20, 1300), 220);
        assert_eq!(advance(&mut times, 1500, 0), 200);
        assert_eq!(advance(&mut times, 7, 0), 7);
    }

    #[test]
    fn one_from_before_the_begin_counts_from_there() {
        let mut times = OpenTimes::default();
        times.begin(5000, &[OpenStall { pid: 1, tid: 1, comm: None, kind: KIND, begin_ns: 1000 }]);
        assert_eq!(advance(&mut times, 0, 5000), 1000);
        assert_eq!(advance(&mut times, 5500, 0), 500);
    }

    #[test]
    fn one_whose_end_was_not_seen_hides_others_for_a_moment_only() {
        let mut times = OpenTimes::default();
        advance(&mut times, 0, 1_000_000);
        let after: Vec<_> = (0..4).map(|_| advance(&mut times, 70, 0)).collect();
        assert_eq!(after, [0, 0, 0, 70]);
    }

    /// A stall: begin and length.
    type Span = (u64, u64);

    fn end((begin, length): Span) -> u64 {
        begin + length
    }

    /// Time of the stalls that end in `from..until`, and time so far of the stalls that are open at `until`.
    fn observed(stalls: &[Span], from: u64, until: u64) -> (u64, u64) {
        let ended = stalls.iter().filter(|stall| (from..until).contains(&end(**stall)));
        let open = stalls.iter().filter(|stall| stall.0 < until && end(**stall) >= until);
        (ended.map(|stall| stall.1).sum(), open.map(|stall| until - stall.0).sum())
    }

    proptest! {
        #[test]
        fn each_interval_has_what_passed_in_it(
            stalls in vec((0..10_000_u64, 1..5_000_u64), 0..40),
            steps in vec(1..2_000_u64, 1..20),
        ) {
            let mut times = OpenTimes::default();
            let mut from = 0;
            for step in steps {
                let until = from + step;
                let (ended_ns, open_ns) = observed(&stalls, from, until);
                let passed = stalls.iter().map(|stall| end(*stall).min(until).saturating_sub(stall.0.max(from)));
                prop_assert_eq!(advance(&mut times, ended_ns, open_ns), passed.sum::<u64>());
                from = until;
            }
        }

        #[test]
        fn no_time_is_counted_twice_or_lost_when_a_list_is_incomplete(
            stalls in vec((0..10_000_u64, 1..5_000_u64), 0..40),
            listed_percent in vec(0..=100_u64, 20),
        ) {
            let mut times = OpenTimes::default();
            let mut sum = 0;
            for (tick, percent) in (1_u64..).zip(listed_percent) {
                let (ended_ns, open_ns) = observed(&stalls, (tick - 1) * 1_000, tick * 1_000);
                // Never often enough in a row for the time to be dropped.
                let listed_ns = if tick % 2 == 0 { open_ns } else { open_ns * percent / 100 };
                sum += advance(&mut times, ended_ns, listed_ns);
            }
            // By then all stalls are over.
            prop_assert_eq!(sum, stalls.iter().map(|stall| stall.1).sum::<u64>());
        }
    }
}
