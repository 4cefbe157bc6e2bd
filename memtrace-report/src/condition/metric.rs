//! The metrics that conditions are about: one name each, the same in conditions, JSON and on screens.

use crate::metric::Unit;
use memtrace_core::{
    session::{input::Pressure, input::TickInput, tick::Tick},
    sum,
};

/// Something that each interval has a value of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Stalls per second.
    StallRate,
    /// Stalled seconds per second: the mean number of stalled tasks.
    StallTotal,
    /// Median of the stalls that ended in the interval.
    StallP50,
    /// Their 99th percentile.
    StallP99,
    /// The longest of them, or of those that are not over, whichever is longer.
    StallMax,
    /// Refaulted pages per second.
    RefaultRate,
    /// Pages read back from swap per second.
    SwapinRate,
    /// Share of the interval in which some task was stalled on memory (PSI).
    PsiSome,
    /// Share of the interval in which all tasks were (PSI).
    PsiFull,
    /// OOM kills.
    OomCount,
    /// The largest share of the interval that a node's kswapd was at work: a lower bound.
    KswapdBusy,
}

impl Metric {
    /// All of them, in the order of the help.
    pub const ALL: [Self; 11] = [
        Self::StallRate,
        Self::StallTotal,
        Self::StallP50,
        Self::StallP99,
        Self::StallMax,
        Self::RefaultRate,
        Self::SwapinRate,
        Self::PsiSome,
        Self::PsiFull,
        Self::OomCount,
        Self::KswapdBusy,
    ];

    /// Its name in every place.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StallRate => "stall.rate",
            Self::StallTotal => "stall.total",
            Self::StallP50 => "stall.p50",
            Self::StallP99 => "stall.p99",
            Self::StallMax => "stall.max",
            Self::RefaultRate => "refault.rate",
            Self::SwapinRate => "swapin.rate",
            Self::PsiSome => "psi.some",
            Self::PsiFull => "psi.full",
            Self::OomCount => "oom.count",
            Self::KswapdBusy => "kswapd.busy",
        }
    }

    /// What its values are measured in.
    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::StallRate | Self::RefaultRate | Self::SwapinRate => Unit::PerSecond,
            Self::StallTotal => Unit::SecondsPerSecond,
            Self::StallP50 | Self::StallP99 | Self::StallMax => Unit::Nanoseconds,
            Self::PsiSome | Self::PsiFull | Self::KswapdBusy => Unit::Share,
            Self::OomCount => Unit::Count,
        }
    }

    /// Its value in an interval; `None` when it was not read, or nothing happened that it could be of. `before` is the
    /// pressure at the end of the interval before.
    #[must_use]
    pub fn value(self, tick: &Tick, input: &TickInput, before: Option<&Pressure>) -> Option<f64> {
        match self {
            Self::StallRate => tick.rate(tick.all.count),
            Self::StallTotal => tick.stalled_per_s(),
            Self::StallP50 => tick.all.p50_ns.map(float),
            Self::StallP99 => tick.all.p99_ns.map(float),
            Self::StallMax => {
                // The longest open stall comes first. A hang is to be noticed before it ends.
                let open_ns = input.totals.open.first().map(|stall| tick.t_ns.saturating_sub(stall.begin_ns));
                tick.all.max_ns.max(open_ns).map(float)
            }
            Self::RefaultRate => {
                tick.refaults.and_then(|pages| tick.rate(pages.file_pages.saturating_add(pages.anon_pages)))
            }
            Self::SwapinRate => {
                let pages = sum::of(input.faults.processes.iter().map(|process| process.faults.swapin_pages));
                tick.faults_read.swapins.then_some(pages).and_then(|pages| tick.rate(pages))
            }
            Self::PsiSome => share(tick, before, |pressure| pressure.some_total_ns),
            Self::PsiFull => share(tick, before, |pressure| pressure.full_total_ns),
            Self::OomCount => Some(float(tick.oom_kills)),
            Self::KswapdBusy => {
                let busiest_ns = tick.kswapd.iter().map(|node| node.busy_ns).max()?;
                (tick.elapsed_ns > 0).then(|| float(busiest_ns) / float(tick.elapsed_ns))
            }
        }
    }
}

/// The share of the interval in which a total of the pressure grew.
fn share(tick: &Tick, before: Option<&Pressure>, total_ns: impl Fn(&Pressure) -> u64) -> Option<f64> {
    let grown_ns = total_ns(tick.pressure.as_ref()?).checked_sub(total_ns(before?))?;
    // The two are read a moment apart: a little more than all of it is all of it.
    (tick.elapsed_ns > 0).then(|| (float(grown_ns) / float(tick.elapsed_ns)).min(1.0))
}

#[expect(clippy::cast_precision_loss, reason = "compared with what a person wrote")]
fn float(value: u64) -> f64 {
    value as f64
}
