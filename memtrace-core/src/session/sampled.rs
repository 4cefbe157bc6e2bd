//! Refaults that were counted for a part of an interval, and the estimate for the whole interval.

use memtrace_common::refault::RefaultCounts;

use super::faults::{FaultDeltas, RefaultTotals};

/// The part of an interval in which refaults were counted, or the sum over several sampled intervals. The counts of
/// processes and cgroups are then estimates; those of the host are the kernel's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sampled {
    /// Time in which refaults were counted, in ns.
    pub counted_ns: u64,
    /// Length of the interval, in ns.
    pub of_ns: u64,
    /// Number of windows in this time.
    pub windows: u64,
}

impl Sampled {
    /// Adds the interval that follows.
    #[must_use]
    pub fn then(self, later: Self) -> Self {
        Self {
            counted_ns: self.counted_ns.saturating_add(later.counted_ns),
            of_ns: self.of_ns.saturating_add(later.of_ns),
            windows: self.windows.saturating_add(later.windows),
        }
    }

    /// Share of the time in which refaults were counted; `None` for an empty interval.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        (self.of_ns > 0).then(|| (self.counted_ns as f64 / self.of_ns as f64).min(1.0))
    }

    /// Half the width of the 95 % interval for a share of one half; `None` without a window. This is the worst case:
    /// each window saw the refaults of one process only.
    #[must_use]
    pub fn error(&self) -> Option<f64> {
        (self.windows > 0).then(|| (1.96 * 0.5 / (self.windows as f64).sqrt()).min(0.5))
    }
}

/// The sum of two intervals. An interval that was not sampled adds nothing.
#[must_use]
pub fn sum(earlier: Option<Sampled>, later: Option<Sampled>) -> Option<Sampled> {
    match (earlier, later) {
        (Some(earlier), Some(later)) => Some(earlier.then(later)),
        (one, other) => one.or(other),
    }
}

/// The refaults of an interval, extended from its windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extended {
    /// Refaults of all processes but memtrace.
    pub all: RefaultCounts,
    /// memtrace's own refaults.
    pub own: RefaultCounts,
}

/// Extends counts of windows to their interval: `all` and `own` were counted, with `deltas` by process and cgroup. The
/// pages of the host are the kernel's own count for the interval; without its counters the rate of the windows is
/// assumed for the whole interval.
#[must_use]
pub fn extend(
    all: RefaultCounts,
    own: RefaultCounts,
    deltas: &mut FaultDeltas,
    kernel: Option<RefaultTotals>,
    sampled: Sampled,
) -> Extended {
    let counted =
        RefaultTotals { file_pages: all.file_pages + own.file_pages, anon_pages: all.anon_pages + own.anon_pages };
    let by_time = |pages| scale(pages, sampled.of_ns, sampled.counted_ns);
    let kernel = kernel.unwrap_or_else(|| RefaultTotals {
        file_pages: by_time(counted.file_pages),
        anon_pages: by_time(counted.anon_pages),
    });
    let pages = |totals: &RefaultTotals| totals.file_pages.saturating_add(totals.anon_pages);
    let extended = |counts: &RefaultCounts| {
        let as_pages = |n| scale(n, pages(&kernel), pages(&counted));
        RefaultCounts {
            file_pages: scale(counts.file_pages, kernel.file_pages, counted.file_pages),
            anon_pages: scale(counts.anon_pages, kernel.anon_pages, counted.anon_pages),
            events: as_pages(counts.events),
            activated_pages: as_pages(counts.activated_pages),
            restored_pages: as_pages(counts.restored_pages),
        }
    };
    deltas.sampled = Some(sampled);
    for process in &mut deltas.processes {
        process.faults.refaults = extended(&process.faults.refaults);
    }
    for (_, refaults) in &mut deltas.cgroups {
        *refaults = extended(refaults);
    }
    let own = extended(&own);
    // These include the pages that no window saw.
    let all = RefaultCounts {
        file_pages: kernel.file_pages.saturating_sub(own.file_pages),
        anon_pages: kernel.anon_pages.saturating_sub(own.anon_pages),
        ..extended(&all)
    };
    Extended { all, own }
}

/// Scales `count` by `of / counted`, to the nearest integer; 0 where nothing was counted.
fn scale(count: u64, of: u64, counted: u64) -> u64 {
    let (count, of, counted) = (u128::from(count), u128::from(of), u128::from(counted));
    let scaled = (count * of + counted / 2).checked_div(counted).unwrap_or(0);
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::Comm,
        session::faults::{Faults, ProcessFaults},
    };

    fn file(file_pages: u64) -> RefaultCounts {
        RefaultCounts { file_pages, events: file_pages, ..RefaultCounts::default() }
    }

    fn process(pid: u32, refaults: RefaultCounts) -> ProcessFaults {
        ProcessFaults {
            pid,
            process_start_ns: None,
            comm: Comm::default(),
            cgroup_id: None,
            faults: Faults { refaults, major_faults: 5, swapin_pages: 0 },
        }
    }

    const TENTH: Sampled = Sampled { counted_ns: 100, of_ns: 1000, windows: 4 };

    #[test]
    fn rows_are_shares_of_the_kernels_count() {
        let mut deltas = FaultDeltas {
            processes: vec![process(1, file(30)), process(2, file(10))],
            cgroups: vec![(7, file(40))],
            sampled: None,
        };
        let kernel = RefaultTotals { file_pages: 1000, anon_pages: 8 };
        let extended = extend(file(40), RefaultCounts::default(), &mut deltas, Some(kernel), TENTH);
        assert_eq!((extended.all.file_pages, extended.all.anon_pages), (1000, 8), "the kernel's, seen or not");
        assert_eq!(deltas.processes.iter().map(|p| p.faults.refaults.file_pages).collect::<Vec<_>>(), [750, 250]);
        assert_eq!(deltas.processes[0].faults.major_faults, 5, "they are counted all the time");
        assert_eq!(deltas.cgroups, [(7, RefaultCounts { file_pages: 1000, events: 1008, ..RefaultCounts::default() })]);
        assert_eq!(deltas.sampled, Some(TENTH));
    }

    #[test]
    fn without_the_kernels_counters_the_rate_is_that_of_the_windows() {
        let mut deltas = FaultDeltas { processes: vec![process(1, file(30))], ..FaultDeltas::default() };
        let extended = extend(file(30), file(3), &mut deltas, None, TENTH);
        assert_eq!((extended.all, extended.own), (file(300), file(30)));
        assert_eq!(deltas.processes[0].faults.refaults, file(300));
    }

    #[test]
    fn a_window_that_saw_nothing_says_nothing_of_processes() {
        let mut deltas = FaultDeltas::default();
        let kernel = RefaultTotals { file_pages: 9, anon_pages: 0 };
        let extended = extend(file(0), file(0), &mut deltas, Some(kernel), TENTH);
        assert_eq!(extended.all, RefaultCounts { file_pages: 9, ..RefaultCounts::default() });
        let never = Sampled { counted_ns: 0, windows: 0, ..TENTH };
        assert_eq!(extend(file(0), file(0), &mut deltas, None, never).all, file(0));
        assert_eq!((never.share(), never.error()), (Some(0.0), None));
    }

    #[test]
    fn numbers_of_a_trace_do_not_overflow() {
        let most = Sampled { counted_ns: 1, of_ns: u64::MAX, windows: u64::MAX };
        assert_eq!(most.then(most).windows, u64::MAX);
        assert_eq!(scale(u64::MAX, u64::MAX, 1), u64::MAX);
        assert_eq!(Sampled { windows: 1, ..most }.error(), Some(0.5));
    }
}
