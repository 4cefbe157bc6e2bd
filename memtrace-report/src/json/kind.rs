//! A kind of stall in a summary.

use memtrace_common::part::Part;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    parts::{Parts, Shrinker, Throttles},
    words,
};
use memtrace_core::{
    session::{shrinkers::ShrinkerSummary, summary},
    source::Source,
};

/// All stalls of one kind, exact.
#[derive(Debug, JsonSchema, Serialize)]
pub struct KindSummary {
    /// Number of stalls.
    pub count: u64,
    /// Total time in ns.
    pub total_ns: u64,
    /// Median in ns.
    pub p50_ns: Option<u64>,
    /// 99th percentile in ns.
    pub p99_ns: Option<u64>,
    /// The longest, in ns.
    pub max_ns: Option<u64>,
    /// Accuracy of the durations: the true stalls, lower bounds or estimates.
    #[schemars(with = "words::Source")]
    pub source: &'static str,
    /// `total_ns` by part; the parts add up to it.
    pub parts: Parts,
    /// Time by part of the slowest hundredth, of the stalls that match the filter and have an event; null without one.
    pub p99_parts: Option<Parts>,
    /// `parts.throttle` by reason; null where the reasons are not known.
    pub throttles: Option<Throttles>,
    /// `p99_parts.throttle` by reason, likewise.
    pub p99_throttles: Option<Throttles>,
    /// Time in which their tasks did not run, in ns; null where that is not measured (`--off-cpu`).
    pub off_cpu_ns: Option<u64>,
    /// `off_cpu_ns` of the stalls of `p99_parts`.
    pub p99_off_cpu_ns: Option<u64>,
    /// Estimate of `p99_off_cpu_ns`, where it is not measured and all of these stalls are long.
    pub p99_off_cpu_estimated_ns: Option<u64>,
    /// `parts.shrinkers` by shrinker, the largest first; empty when shrinkers are not distinguished.
    pub shrinkers: Vec<Shrinker>,
    /// `p99_parts.shrinkers` by shrinker: for each stall, its largest one.
    pub p99_shrinkers: Vec<Shrinker>,
}

/// The fields of a kind.
pub(super) fn kind_summary(
    source: Source,
    s: &summary::KindSummary,
    shrinkers: Option<&ShrinkerSummary>,
) -> KindSummary {
    let times = |of: fn(&ShrinkerSummary) -> &Vec<_>| shrinkers.map_or_else(Vec::new, |s| Shrinker::all(of(s)));
    KindSummary {
        count: s.count,
        total_ns: s.total_ns,
        p50_ns: s.p50_ns,
        p99_ns: s.p99_ns,
        max_ns: s.max_ns,
        source: source.name(),
        parts: s.parts.into(),
        p99_parts: s.p99_parts.map(Into::into),
        throttles: Throttles::of(s.parts.get(Part::Throttle), s.throttles),
        p99_throttles: s.p99_parts.and_then(|parts| Throttles::of(parts.get(Part::Throttle), s.p99_throttles)),
        off_cpu_ns: s.off_cpu_ns,
        p99_off_cpu_ns: s.p99_off_cpu_ns,
        p99_off_cpu_estimated_ns: s.p99_off_cpu_estimated_ns,
        shrinkers: times(|shrinkers| &shrinkers.all),
        p99_shrinkers: times(|shrinkers| &shrinkers.slowest),
    }
}
