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
    /// How many.
    pub count: u64,
    /// Their time in ns.
    pub total_ns: u64,
    /// Median in ns.
    pub p50_ns: Option<u64>,
    /// 99th percentile in ns.
    pub p99_ns: Option<u64>,
    /// The longest, in ns.
    pub max_ns: Option<u64>,
    /// How the durations relate to the true stalls.
    #[schemars(with = "words::Source")]
    pub source: &'static str,
    /// What `total_ns` was spent on; the parts add up to it.
    pub parts: Parts,
    /// The same of the slowest hundredth, of the stalls that match the filter and that single events told; null without one.
    pub p99_parts: Option<Parts>,
    /// What `parts.throttle` was for; null where that is not known.
    pub throttles: Option<Throttles>,
    /// The same of `p99_parts`.
    pub p99_throttles: Option<Throttles>,
    /// Time in which their tasks did not run, in ns; null where that is not measured (`--off-cpu`).
    pub off_cpu_ns: Option<u64>,
    /// The same of `p99_parts`.
    pub p99_off_cpu_ns: Option<u64>,
    /// The same estimated, where it is not measured and all of them are long.
    pub p99_off_cpu_estimated_ns: Option<u64>,
    /// The shrinkers that `parts.shrinkers` went to, the largest first; empty when none was told apart.
    pub shrinkers: Vec<Shrinker>,
    /// The same of `p99_parts`: of each stall its largest shrinker.
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
