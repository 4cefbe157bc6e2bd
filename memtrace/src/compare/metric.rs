//! The rows of a comparison: what each is, and how it follows from what was counted.

use memtrace_common::histogram::{BUCKETS, lower_bound_ns};

use super::{
    number::Unit,
    run::{Exposure, Measure, Sums},
};

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
            Self::ScannedPerReclaimed => ("scanned_per_reclaimed", "scanned per reclaimed", Unit::Plain),
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
        use Measure as M;
        let per_second = |measure, exposure| {
            let exposed_s = sums.exposed_s(exposure).ok_or(Missing::NotRead)?;
            Ok(sums.counted(measure) / exposed_s)
        };
        match self {
            Self::StallTotal => per_second(M::StalledNs, Exposure::All).map(|ns| ns / 1e9),
            Self::StallRate => per_second(M::Stalls, Exposure::All),
            Self::StallPerGib => {
                // Both per second of their own time, of which the first slice may lack one.
                let gib = per_second(M::Allocated, Exposure::Vmstat)? * page_bytes / f64::from(1 << 30);
                let stalled = per_second(M::StalledNs, Exposure::All)? / 1e9;
                if gib > 0.0 { Ok(stalled / gib) } else { Err(Missing::Nothing) }
            }
            Self::StallP50 => quantile(sums, 0.5),
            Self::StallP90 => quantile(sums, 0.9),
            Self::StallP99 => quantile(sums, 0.99),
            Self::StallP999 => quantile(sums, 0.999),
            Self::TimeP50 => quantile_of_time(sums, 0.5),
            Self::TimeP90 => quantile_of_time(sums, 0.9),
            Self::TimeP99 => quantile_of_time(sums, 0.99),
            Self::StallMax => Err(Missing::Nothing),
            Self::KswapdBusy => per_second(M::KswapdNs, Exposure::All).map(|ns| ns / 1e9),
            Self::ScannedPerReclaimed => {
                sums.exposed_s(Exposure::Scans).ok_or(Missing::NotRead)?;
                let reclaimed = sums.counted(M::Reclaimed);
                if reclaimed > 0.0 { Ok(sums.counted(M::Scanned) / reclaimed) } else { Err(Missing::Nothing) }
            }
            Self::RefaultRate => per_second(M::Refaulted, Exposure::Refaults),
            Self::SwapinRate => per_second(M::SwappedIn, Exposure::Vmstat),
            Self::SwapoutRate => per_second(M::SwappedOut, Exposure::Vmstat),
            Self::PsiSome => per_second(M::SomeNs, Exposure::Pressure).map(|ns| ns / 1e9),
            Self::PsiFull => per_second(M::FullNs, Exposure::Pressure).map(|ns| ns / 1e9),
            Self::OomCount => per_second(M::OomKills, Exposure::Vmstat).map(|kills| kills * 3600.0),
        }
    }
}

/// Middle of a bucket, in ns.
#[expect(clippy::cast_precision_loss, reason = "at most an hour")]
fn middle_ns(bucket: usize) -> f64 {
    let low = lower_bound_ns(bucket);
    let high = if bucket + 1 < BUCKETS { lower_bound_ns(bucket + 1) } else { low };
    (low + (high - low) / 2) as f64
}

/// Where the running sum reaches the share `q` of all, over weights by bucket.
fn reached(weights: impl Iterator<Item = f64> + Clone, q: f64) -> Option<f64> {
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
