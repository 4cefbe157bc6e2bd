//! Cost of the BPF programs, by samples. The kernel's run-time statistics slow every program on the host, so they are
//! on for a fifth of a second in every ten seconds, and the samples are scaled.

use std::os::fd::OwnedFd;

use memtrace_probe::programs::{ProgramCounts, Programs};

const WINDOW_NS: u64 = 200_000_000;
const PERIOD_NS: u64 = 10_000_000_000;
/// Delay of the first sample: short, so that a short run has one.
const FIRST_NS: u64 = 500_000_000;

/// Cost of all programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cost {
    /// Run time in ns.
    pub(super) ns: u64,
    /// Number of runs.
    pub(super) runs: u64,
}

/// Samples the cost of the programs.
#[derive(Debug)]
pub(super) struct CostSampler {
    open: Option<(OwnedFd, u64)>,
    next_ns: u64,
    start_ns: u64,
    watched_ns: u64,
    refused: bool,
}

impl CostSampler {
    /// A sampler for programs that run since `start_ns` (`CLOCK_MONOTONIC`).
    pub(super) fn new(start_ns: u64) -> Self {
        Self { open: None, next_ns: start_ns + FIRST_NS, start_ns, watched_ns: 0, refused: false }
    }

    /// Opens or closes the window when its time has come. Called often.
    pub(super) fn advance(&mut self, now_ns: u64) {
        match self.open.take() {
            Some((statistics, since)) if now_ns < since + WINDOW_NS => self.open = Some((statistics, since)),
            Some((statistics, since)) => {
                drop(statistics);
                self.watched_ns += now_ns - since;
                self.next_ns = since + PERIOD_NS;
            }
            None if now_ns >= self.next_ns && !self.refused => match Programs::enable_statistics() {
                Ok(statistics) => self.open = Some((statistics, now_ns)),
                Err(_) => self.refused = true,
            },
            None => {}
        }
    }

    /// The cost of all programs since the start, scaled from the samples; `None` before the first.
    pub(super) fn estimate(&self, now_ns: u64, counts: &ProgramCounts) -> Option<Cost> {
        let open_ns = self.open.as_ref().map_or(0, |(_, since)| now_ns.saturating_sub(*since));
        let watched = u128::from(self.watched_ns + open_ns);
        if watched == 0 {
            return None;
        }
        let scaled = |n: u128| u64::try_from(n * u128::from(now_ns.saturating_sub(self.start_ns)) / watched).ok();
        Some(Cost { ns: scaled(counts.run_time.as_nanos())?, runs: scaled(counts.runs.into())? })
    }
}
