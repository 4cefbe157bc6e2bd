//! The rows of a comparison: what each is, and how it follows from what was counted.

use memtrace_common::histogram::{BUCKETS, lower_bound_ns};

use super::run::{Exposure, Measure, Sums};
use crate::metric::Unit;

/// A row. Of all of them less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Stalled seconds per second: the mean number of stalled tasks.
    StallTotal,
    /// Stalls per second.
    StallRate,
    /// Stalled seconds per GiB allocated.
    StallPerGib,
    /// Quantiles of the stalls.
    StallP50,
    /// 90 of 100 are shorter.
    StallP90,
    /// 99 of 100 are shorter.
    StallP99,
    /// 999 of 1000 are shorter.
    StallP999,
    /// Half of the stalled time is in stalls of at least so long.
    TimeP50,
    /// A tenth of it.
    TimeP90,
    /// A hundredth of it.
    TimeP99,
    /// The longest stall.
    StallMax,
    /// kswapd at work, in seconds per second over all nodes.
    KswapdBusy,
    /// Pages scanned for each page reclaimed.
    ScannedPerReclaimed,
    /// Pages refaulted per second.
    RefaultRate,
    /// Pages read from swap per second.
    SwapinRate,
    /// Pages written to swap per second.
    SwapoutRate,
    /// Share of the time in which some task was stalled on memory (PSI).
    PsiSome,
    /// Share in which all were.
    PsiFull,
    /// OOM kills per hour.
    OomCount,
}

/// Why a row has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It was not read.
    NotRead,
    /// There was nothing that it could be of.
    Nothing,
    /// There are too few stalls, and so many are needed.
    TooFew {
        /// Stalls.
        stalls: u64,
        /// How many it takes.
        needed: u64,
    },
}

impl Metric {
    /// All, in the order of the table.
    pub const ALL: [Self; 19] = [
        Self::StallTotal,
        Self::StallRate,
        Self::StallPerGib,
        Self::StallP50,
        Self::StallP90,
        Self::StallP99,
        Self::StallP999,
        Self::TimeP50,
        Self::TimeP90,
        Self::TimeP99,
        Self::StallMax,
        Self::KswapdBusy,
        Self::ScannedPerReclaimed,
        Self::RefaultRate,
        Self::SwapinRate,
        Self::SwapoutRate,
        Self::PsiSome,
        Self::PsiFull,
        Self::OomCount,
    ];
    /// Those that are tested, fixed before any data is seen: with each more of them a firm word gets harder.
    pub const HEADLINE: [Self; 3] = [Self::StallTotal, Self::StallRate, Self::StallP99];

    /// Its name in every place.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.words().0
    }

    /// What it is, for a person.
    #[must_use]
    pub const fn label(self) -> &'static str {
        self.words().1
    }

    /// What it is measured in.
    #[must_use]
    pub const fn unit(self) -> Unit {
        self.words().2
    }

    const fn words(self) -> (&'static str, &'static str, Unit) {
        match self {
            Self::StallTotal => ("stall.total", "stalled time", Unit::SecondsPerSecond),
            Self::StallRate => ("stall.rate", "stalls", Unit::PerSecond),
            Self::StallPerGib => ("stall.total_per_gib", "stalled time per GiB allocated", Unit::SecondsPerGib),
            Self::StallP50 => ("stall.p50", "stall p50", Unit::Nanoseconds),
            Self::StallP90 => ("stall.p90", "stall p90", Unit::Nanoseconds),
            Self::StallP99 => ("stall.p99", "stall p99", Unit::Nanoseconds),
            Self::StallP999 => ("stall.p999", "stall p99.9", Unit::Nanoseconds),
            Self::TimeP50 => ("stall.time_p50", "half of the time in stalls >=", Unit::Nanoseconds),
            Self::TimeP90 => ("stall.time_p90", "a tenth of it in stalls >=", Unit::Nanoseconds),
            Self::TimeP99 => ("stall.time_p99", "a hundredth in stalls >=", Unit::Nanoseconds),
            Self::StallMax => ("stall.max", "longest stall", Unit::Nanoseconds),
            Self::KswapdBusy => ("kswapd.busy", "kswapd at work", Unit::SecondsPerSecond),
            Self::ScannedPerReclaimed => ("scanned_per_reclaimed", "scanned per reclaimed", Unit::Ratio),
            Self::RefaultRate => ("refault.rate", "refaulted pages", Unit::PerSecond),
            Self::SwapinRate => ("swapin.rate", "pages from swap", Unit::PerSecond),
            Self::SwapoutRate => ("swapout.rate", "pages to swap", Unit::PerSecond),
            Self::PsiSome => ("psi.some", "memory pressure, some", Unit::Share),
            Self::PsiFull => ("psi.full", "memory pressure, full", Unit::Share),
            Self::OomCount => ("oom.count", "OOM kills", Unit::PerHour),
        }
    }

    /// Its value in ns, per second, or whatever its unit says. The longest stall is not in sums.
    ///
    /// # Errors
    /// Why there is none.
    pub fn value(self, sums: &Sums, page_bytes: f64) -> Result<f64, Missing> {
        let (over, under, scale) = match self.form() {
            Form::Product { over, under, scale } => (over, under, scale),
            Form::Quantile(q) => return quantile(sums, q),
            Form::QuantileOfTime(q) => return quantile_of_time(sums, q),
            Form::Longest => return Err(Missing::Nothing),
        };
        let is_unread = |term: &Term| matches!(term, Term::For(_)) && sums.term(*term) <= 0.0;
        if over.iter().chain(under).any(is_unread) {
            return Err(Missing::NotRead);
        }
        let product = |terms: &[Term]| terms.iter().map(|term| sums.term(*term)).product::<f64>();
        let below = product(under);
        let page_bytes = if self == Self::StallPerGib { page_bytes } else { 1.0 };
        if below > 0.0 { Ok(product(over) / below / page_bytes * scale) } else { Err(Missing::Nothing) }
    }

    /// Formula of the metric.
    pub(super) const fn form(self) -> Form {
        match self {
            Self::StallTotal => product(&[STALLED], &[TIME], 1.0),
            Self::StallRate => product(&[Term::Of(Measure::Stalls)], &[TIME], 1e9),
            // Both per second of their own time, of which the first slice may lack one.
            Self::StallPerGib => product(&[STALLED, OF_VMSTAT], &[Term::Of(Measure::Allocated), TIME], GIB_PER_NS),
            Self::StallP50 => Form::Quantile(0.5),
            Self::StallP90 => Form::Quantile(0.9),
            Self::StallP99 => Form::Quantile(0.99),
            Self::StallP999 => Form::Quantile(0.999),
            Self::TimeP50 => Form::QuantileOfTime(0.5),
            Self::TimeP90 => Form::QuantileOfTime(0.9),
            Self::TimeP99 => Form::QuantileOfTime(0.99),
            Self::StallMax => Form::Longest,
            Self::KswapdBusy => product(&[Term::Of(Measure::KswapdNs)], &[TIME], 1.0),
            // The time of both is the same, and has to be there.
            Self::ScannedPerReclaimed => {
                product(&[Term::Of(Measure::Scanned), OF_SCANS], &[Term::Of(Measure::Reclaimed), OF_SCANS], 1.0)
            }
            Self::RefaultRate => product(&[Term::Of(Measure::Refaulted)], &[Term::For(Exposure::Refaults)], 1e9),
            Self::SwapinRate => product(&[Term::Of(Measure::SwappedIn)], &[OF_VMSTAT], 1e9),
            Self::SwapoutRate => product(&[Term::Of(Measure::SwappedOut)], &[OF_VMSTAT], 1e9),
            Self::PsiSome => product(&[Term::Of(Measure::SomeNs)], &[Term::For(Exposure::Pressure)], 1.0),
            Self::PsiFull => product(&[Term::Of(Measure::FullNs)], &[Term::For(Exposure::Pressure)], 1.0),
            Self::OomCount => product(&[Term::Of(Measure::OomKills)], &[OF_VMSTAT], 3600e9),
        }
    }
}

/// Formula of a metric, over sums of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Form {
    /// A product of sums by a product of others, in a unit that is `scale` of it.
    Product { over: &'static [Term], under: &'static [Term], scale: f64 },
    /// The length of which this share of all stalls is not longer.
    Quantile(f64),
    /// The length of stall of which this share of all stalled time is not longer.
    QuantileOfTime(f64),
    /// The longest stall.
    Longest,
}

/// A sum that metrics are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Term {
    /// A sum of counts.
    Of(Measure),
    /// The time for which something was looked at, in ns.
    For(Exposure),
}

const STALLED: Term = Term::Of(Measure::StalledNs);
const TIME: Term = Term::For(Exposure::All);
const OF_VMSTAT: Term = Term::For(Exposure::Vmstat);
const OF_SCANS: Term = Term::For(Exposure::Scans);
/// Seconds per GiB, in ns a byte.
const GIB_PER_NS: f64 = (1_u64 << 30) as f64 * 1e-9;

const fn product(over: &'static [Term], under: &'static [Term], scale: f64) -> Form {
    Form::Product { over, under, scale }
}

impl Sums {
    pub(super) fn term(&self, term: Term) -> f64 {
        match term {
            Term::Of(measure) => self.counted(measure),
            Term::For(exposure) => self.exposed_s(exposure).unwrap_or(0.0) * 1e9,
        }
    }
}

/// Middle of a bucket, in ns.
#[expect(clippy::cast_precision_loss, reason = "at most an hour")]
pub(super) fn middle_ns(bucket: usize) -> f64 {
    let low = lower_bound_ns(bucket);
    let high = if bucket + 1 < BUCKETS { lower_bound_ns(bucket + 1) } else { low };
    (low + (high - low) / 2) as f64
}

/// Where the running sum reaches the share `q` of all, over weights by bucket.
pub(super) fn reached(weights: impl Iterator<Item = f64> + Clone, q: f64) -> Option<f64> {
    let wanted = weights.clone().sum::<f64>() * q;
    let mut sum = 0.0;
    let at = weights.enumerate().find(|(_, weight)| {
        sum += weight;
        *weight > 0.0 && sum >= wanted * (1.0 - 1e-12)
    });
    at.map(|(bucket, _)| middle_ns(bucket))
}

/// A quantile, where at least ten stalls lie beyond it.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts of stalls, and how many it takes")]
fn quantile(sums: &Sums, q: f64) -> Result<f64, Missing> {
    let stalls: f64 = sums.latency.iter().sum();
    let needed = (10.0 / (1.0 - q)).round();
    if stalls <= 0.0 {
        Err(Missing::Nothing)
    } else if stalls < needed {
        Err(Missing::TooFew { stalls: stalls as u64, needed: needed as u64 })
    } else {
        reached(sums.latency.iter().copied(), q).ok_or(Missing::Nothing)
    }
}

/// The same, each stall counting by its time: the share `q` of the time is in stalls that are not longer. It takes ten
/// stalls that are longer, too.
fn quantile_of_time(sums: &Sums, q: f64) -> Result<f64, Missing> {
    let stalls: f64 = sums.latency.iter().sum();
    if stalls <= 0.0 {
        return Err(Missing::Nothing);
    }
    let weights = sums.latency.iter().enumerate().map(|(bucket, count)| count * middle_ns(bucket));
    let found = reached(weights, q).ok_or(Missing::Nothing)?;
    let longer: f64 =
        sums.latency.iter().enumerate().filter(|(bucket, _)| middle_ns(*bucket) >= found).map(|(_, count)| count).sum();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of stalls")]
    if longer < 10.0 { Err(Missing::TooFew { stalls: longer as u64, needed: 10 }) } else { Ok(found) }
}
