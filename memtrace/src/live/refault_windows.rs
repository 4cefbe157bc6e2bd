//! Refaults in windows: where only `memcg:mod_memcg_lruvec_state` counts refaults, memtrace samples them during a storm
//! of that event, to keep to its budget.

use memtrace_core::{
    budget::{Budget, Governor, Load, STALL_NS, Step},
    session::{
        counters::KernelCounters,
        faults::{FaultDeltas, RefaultTotals, refaults_since, refaults_sum},
        input::KernelTotals,
        sampled::{self, Extended, Sampled},
    },
    units::duration::nanoseconds,
};
use memtrace_probe::{faults::FaultTables, programs::Programs};
use memtrace_report::text::count;
use std::time::Duration;

use crate::host::busy::BusyCpus;

/// Time without a pause after which a storm is over.
const CALM_NS: u64 = 5_000_000_000;

/// Windows in which refaults are counted, and the counts.
#[derive(Debug)]
pub(super) struct RefaultWindows {
    /// `None` where counting refaults is cheap, the budget is unlimited, or the kernel's own counters cannot be read.
    governor: Option<Governor>,
    budget: Budget,
    busy: Option<BusyCpus>,
    busy_cpus: f64,
    is_open: bool,
    /// True if the hook could not be attached again.
    is_lost: bool,
    /// Time up to which `interval` is accounted, `CLOCK_MONOTONIC` in ns.
    accounted_ns: u64,
    interval: Sampled,
    /// True once the interval had a pause.
    is_sampled: bool,
    /// True from the first pause of a storm to its end.
    is_storm: bool,
    last: Last,
}

/// The state at the last tick.
#[derive(Debug, Default)]
struct Last {
    counted: Extended,
    extended: Extended,
    kernel: Option<RefaultTotals>,
}

impl RefaultWindows {
    /// Windows for programs that count since `now_ns` (`CLOCK_MONOTONIC`); `kernel` are the kernel's counters then.
    pub(super) fn new(budget: Budget, programs: &Programs, kernel: &KernelCounters, now_ns: u64) -> Self {
        let kernel = refaults_of(kernel);
        let governor = match budget {
            // The refaults of a pause are known only from the kernel's own counters.
            Budget::Share(share) if programs.has_lruvec_state() && kernel.is_some() => {
                Some(Governor::new(share, now_ns))
            }
            Budget::Share(_) | Budget::Unlimited => None,
        };
        Self {
            busy: governor.as_ref().and_then(|_| BusyCpus::open().ok()),
            governor,
            budget,
            busy_cpus: 1.0,
            is_open: true,
            is_lost: false,
            accounted_ns: now_ns,
            interval: Sampled { windows: 1, ..Sampled::default() },
            is_sampled: false,
            is_storm: false,
            last: Last { kernel, ..Last::default() },
        }
    }

    /// Attaches or detaches the hook when that is due, and returns a message when a storm begins or ends. Called often.
    pub(super) fn advance(
        &mut self,
        now_ns: u64,
        programs: &mut Programs,
        faults: &FaultTables,
        stalls: u64,
        interval: Duration,
    ) -> Option<String> {
        let governor = self.governor.as_mut().filter(|_| !self.is_lost)?;
        let runs = faults.lruvec_runs().ok()?;
        let load = Load {
            now_ns,
            runs,
            other_ns: stalls.saturating_mul(STALL_NS),
            busy_cpus: self.busy_cpus,
            interval_ns: nanoseconds(interval),
        };
        match governor.advance(load) {
            Some(Step::Pause) => {
                let per_s = governor.runs_per_s();
                self.account(now_ns);
                programs.pause_lruvec_state();
                (self.is_open, self.is_sampled) = (false, true);
                let begins = !std::mem::replace(&mut self.is_storm, true);
                begins.then(|| self.words(per_s))
            }
            Some(Step::Run) => {
                self.account(now_ns);
                if let Err(why) = programs.resume_lruvec_state() {
                    self.is_lost = true;
                    return Some(format!("refaults are no longer counted by process: {why}"));
                }
                self.is_open = true;
                self.interval.windows += 1;
                None
            }
            None if self.is_storm && self.is_open && governor.unchanged_ns() >= CALM_NS => {
                self.is_storm = false;
                Some("all refaults are counted again".to_owned())
            }
            None => None,
        }
    }

    /// Time until the next call that matters, at most `otherwise`.
    pub(super) fn patience(&self, otherwise: Duration) -> Duration {
        let near = self.governor.as_ref().filter(|_| !self.is_lost).and_then(Governor::patience);
        near.map_or(otherwise, |near| near.min(otherwise))
    }

    /// Ends an interval. If it had a pause, the totals of the host become the kernel's own, and the counts of processes
    /// and cgroups become estimates.
    pub(super) fn tick(
        &mut self,
        now_ns: u64,
        totals: &mut KernelTotals,
        faults: &mut FaultDeltas,
        kernel: &KernelCounters,
    ) {
        if self.governor.is_none() {
            return;
        }
        if let Some(busy_cpus) = self.busy.as_mut().and_then(|busy| busy.read(now_ns)) {
            self.busy_cpus = busy_cpus;
        }
        self.account(now_ns);
        let kernel = std::mem::replace(&mut self.last.kernel, refaults_of(kernel)).zip(self.last.kernel);
        let kernel = kernel.map(|(before, now)| RefaultTotals {
            file_pages: now.file_pages.saturating_sub(before.file_pages),
            anon_pages: now.anon_pages.saturating_sub(before.anon_pages),
        });
        let counted =
            Extended { all: totals.refaults.unwrap_or_default(), own: totals.own_refaults.unwrap_or_default() };
        let before = std::mem::replace(&mut self.last.counted, counted);
        let (all, own) = (refaults_since(counted.all, before.all), refaults_since(counted.own, before.own));
        let of_interval = std::mem::take(&mut self.interval);
        let extended = if std::mem::replace(&mut self.is_sampled, !self.is_open) {
            sampled::extend(all, own, faults, kernel, of_interval)
        } else {
            Extended { all, own }
        };
        let sum = &mut self.last.extended;
        *sum = Extended { all: refaults_sum(sum.all, extended.all), own: refaults_sum(sum.own, extended.own) };
        (totals.refaults, totals.own_refaults) = (Some(sum.all), Some(sum.own));
        self.interval.windows = u64::from(self.is_open);
    }

    fn account(&mut self, now_ns: u64) {
        // The time of a tick may lie before the last change.
        let ns = now_ns.saturating_sub(self.accounted_ns);
        self.accounted_ns += ns;
        self.interval.of_ns += ns;
        self.interval.counted_ns += if self.is_open { ns } else { 0 };
    }

    fn words(&self, per_s: f64) -> String {
        let percent = if let Budget::Share(share) = self.budget { share * 100.0 } else { 100.0 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate for a person")]
        let per_s = count(per_s as u64);
        format!(
            "refaults are sampled now: counting all of them ({per_s} events/s) costs more than --budget \
             {percent}%. Totals of the host stay exact; those of processes and cgroups are estimates"
        )
    }
}

fn refaults_of(kernel: &KernelCounters) -> Option<RefaultTotals> {
    let counter = |name| kernel.host.get(name).copied();
    Some(RefaultTotals {
        file_pages: counter("workingset_refault_file")?,
        anon_pages: counter("workingset_refault_anon")?,
    })
}
