//! Forms: formulas of metrics over measures, in one interval and over a run.

use memtrace_common::histogram::{BUCKETS, lower_bound_ns};
use memtrace_core::session::tick::Tick;

use super::{Measure, Slice, Sums};

/// Formula of a metric.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// A count per time for which it was read: `scale` times the count per ns.
    Rate {
        /// Count.
        of: Measure,
        /// Factor to the unit of the metric.
        scale: f64,
    },
    /// One such rate divided by another.
    Ratio {
        /// Count above the line.
        of: Measure,
        /// Count below the line.
        by: Measure,
        /// Factor to the unit of the metric.
        scale: f64,
    },
    /// The length that this share of all stalls does not exceed.
    Quantile(f64),
    /// The length of stall up to which this share of all stalled time lies.
    QuantileOfTime(f64),
    /// The longest stall, open ones included.
    Longest,
    /// A value of single intervals, which does not add up over a run.
    OfInterval(fn(&Tick) -> Option<f64>),
}

/// Reason why a metric has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It was not read.
    NotRead,
    /// There was nothing to measure.
    Nothing,
    /// There are too few stalls.
    TooFew {
        /// Stalls.
        stalls: u64,
        /// Stalls that it takes.
        needed: u64,
    },
}

/// Counts of an interval: of the whole host, or of one row of a table.
pub trait Counts {
    /// The count of a measure; `None` where it was not read.
    fn count(&self, measure: Measure) -> Option<u64>;
    /// Length of the interval, in ns.
    fn elapsed_ns(&self) -> u64;
    /// The length that this share of the stalls does not exceed, in ns; `None` where it is not known.
    fn quantile_ns(&self, q: f64) -> Option<f64>;
    /// The length of stall up to which this share of the stalled time lies, in ns; `None` where it is not known.
    fn quantile_of_time_ns(&self, q: f64) -> Option<f64>;
    /// The longest stall in ns, open ones included; `None` without a stall.
    fn longest_ns(&self) -> Option<u64>;
}

impl Counts for Tick {
    fn count(&self, measure: Measure) -> Option<u64> {
        measure.of(self)
    }

    fn elapsed_ns(&self) -> u64 {
        self.elapsed_ns
    }

    fn quantile_ns(&self, q: f64) -> Option<f64> {
        reached_in(self, |_| 1.0, q)
    }

    fn quantile_of_time_ns(&self, q: f64) -> Option<f64> {
        reached_in(self, middle_ns, q)
    }

    fn longest_ns(&self) -> Option<u64> {
        // The longest open stall comes first. A hang is to be noticed before it ends.
        let open_ns = self.open.first().map(|stall| self.t_ns.saturating_sub(stall.begin_ns));
        self.all.max_ns.max(open_ns)
    }
}

/// A quantile of the stalls of an interval. A bucket's middle may lie above the longest; only the longest is exact.
fn reached_in(tick: &Tick, weight: fn(usize) -> f64, q: f64) -> Option<f64> {
    let weights = tick.latency.iter().map(|&(bucket, count)| {
        let bucket = usize::from(bucket) % BUCKETS;
        (bucket, f64::from(count) * weight(bucket))
    });
    let ns = reached(weights, q)?;
    Some(tick.all.max_ns.map_or(ns, |max| ns.min(float(max))))
}

/// A sum in a product of sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Term {
    /// Count of a measure.
    Count(Measure),
    /// Time for which a measure was read, in ns.
    Time(Measure),
}

/// Sums whose product is divided by the product of others.
#[derive(Clone, Debug)]
pub(crate) struct Product {
    pub(crate) over: Vec<Term>,
    pub(crate) under: Vec<Term>,
    pub(crate) scale: f64,
}

impl Form {
    /// The form as a product of sums; `None` for quantiles and single values.
    pub(crate) fn product(self) -> Option<Product> {
        match self {
            Self::Rate { of, scale } => {
                Some(Product { over: vec![Term::Count(of)], under: vec![Term::Time(of)], scale })
            }
            Self::Ratio { of, by, scale } => Some(Product {
                over: vec![Term::Count(of), Term::Time(by)],
                under: vec![Term::Count(by), Term::Time(of)],
                scale,
            }),
            Self::Quantile(_) | Self::QuantileOfTime(_) | Self::Longest | Self::OfInterval(_) => None,
        }
    }

    /// The value over sums. The longest stall is not in sums.
    pub(crate) fn over(self, sums: &Sums) -> Result<f64, Missing> {
        if let Some(product) = self.product() {
            return product.value(|term| sums.term(term));
        }
        match self {
            Self::Quantile(q) => quantile(sums, q),
            Self::QuantileOfTime(q) => quantile_of_time(sums, q),
            _ => Err(Missing::Nothing),
        }
    }

    /// The value in an interval; `None` when it was not read, or there was nothing to measure.
    pub(crate) fn of_interval(self, tick: &Tick) -> Option<f64> {
        if let Self::OfInterval(value) = self { value(tick) } else { self.of(tick) }
    }

    /// The value of these counts; `None` as well for a form of whole intervals.
    pub(crate) fn of(self, counts: &impl Counts) -> Option<f64> {
        if let Some(product) = self.product() {
            let term = |term| match term {
                Term::Count(measure) => float(counts.count(measure).unwrap_or(0)),
                Term::Time(measure) => float(counts.count(measure).map_or(0, |_| counts.elapsed_ns())),
            };
            return product.value(term).ok();
        }
        match self {
            Self::Quantile(q) => counts.quantile_ns(q),
            Self::QuantileOfTime(q) => counts.quantile_of_time_ns(q),
            Self::Longest => counts.longest_ns().map(float),
            Self::OfInterval(_) | Self::Rate { .. } | Self::Ratio { .. } => None,
        }
    }
}

impl Product {
    fn value(&self, term: impl Fn(Term) -> f64) -> Result<f64, Missing> {
        let is_unread = |wanted: &Term| matches!(wanted, Term::Time(_)) && term(*wanted) <= 0.0;
        if self.over.iter().chain(&self.under).any(is_unread) {
            return Err(Missing::NotRead);
        }
        let product = |terms: &[Term]| terms.iter().map(|of| term(*of)).product::<f64>();
        let below = product(&self.under);
        if below > 0.0 { Ok(product(&self.over) / below * self.scale) } else { Err(Missing::Nothing) }
    }
}

impl Sums {
    /// The value of a sum.
    pub(crate) fn term(&self, term: Term) -> f64 {
        match term {
            Term::Count(measure) => self.counted(measure),
            Term::Time(measure) => self.read_s(measure).unwrap_or(0.0) * 1e9,
        }
    }
}

impl Slice {
    /// The part of a sum that is in the slice.
    pub(crate) fn term(&self, term: Term) -> f64 {
        match term {
            Term::Count(measure) => float(self.counted(measure)),
            Term::Time(measure) => float(self.read_ns(measure)),
        }
    }
}

/// Middle of a bucket, in ns.
pub(crate) fn middle_ns(bucket: usize) -> f64 {
    let low = lower_bound_ns(bucket);
    let high = if bucket + 1 < BUCKETS { lower_bound_ns(bucket + 1) } else { low };
    float(low + (high - low) / 2)
}

/// The middle of the bucket, in ns, at which the running sum of weights reaches the share `q` of all. Buckets come in
/// order.
pub(crate) fn reached(weights: impl Iterator<Item = (usize, f64)> + Clone, q: f64) -> Option<f64> {
    let wanted = weights.clone().map(|(_, weight)| weight).sum::<f64>() * q;
    let mut sum = 0.0;
    let mut buckets = weights;
    let at = buckets.find(|(_, weight)| {
        sum += weight;
        *weight > 0.0 && sum >= wanted * (1.0 - 1e-12)
    });
    at.map(|(bucket, _)| middle_ns(bucket))
}

/// A quantile, where at least ten stalls lie beyond it.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts of stalls")]
fn quantile(sums: &Sums, q: f64) -> Result<f64, Missing> {
    let stalls: f64 = sums.latency.iter().sum();
    let needed = (10.0 / (1.0 - q)).round();
    if stalls <= 0.0 {
        Err(Missing::Nothing)
    } else if stalls < needed {
        Err(Missing::TooFew { stalls: stalls as u64, needed: needed as u64 })
    } else {
        reached(sums.latency.iter().copied().enumerate(), q).ok_or(Missing::Nothing)
    }
}

/// A quantile in which each stall counts by its time: the share `q` of the time is in stalls that are not longer. It
/// takes ten stalls that are longer, too.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of stalls")]
fn quantile_of_time(sums: &Sums, q: f64) -> Result<f64, Missing> {
    let stalls: f64 = sums.latency.iter().sum();
    if stalls <= 0.0 {
        return Err(Missing::Nothing);
    }
    let counts = || sums.latency.iter().copied().enumerate();
    let weights = counts().map(|(bucket, count)| (bucket, count * middle_ns(bucket)));
    let found = reached(weights, q).ok_or(Missing::Nothing)?;
    let longer: f64 = counts().filter(|(bucket, _)| middle_ns(*bucket) >= found).map(|(_, count)| count).sum();
    if longer < 10.0 { Err(Missing::TooFew { stalls: longer as u64, needed: 10 }) } else { Ok(found) }
}

#[expect(clippy::cast_precision_loss, reason = "counts and times of a recording are below 2^53")]
fn float(n: u64) -> f64 {
    n as f64
}
