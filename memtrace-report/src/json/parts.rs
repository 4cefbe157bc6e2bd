//! What the time of stalls was spent on, as an object.

use schemars::JsonSchema;
use serde::Serialize;

use memtrace_core::{
    session::{parts, shrinkers},
    throttle,
    untrusted::Text,
};

/// The parts of a stall in ns: they add up to it. A part that is not told apart is null, and in `rest`.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
pub struct Parts {
    /// Asleep in `reclaim_throttle`.
    pub throttle: Option<u64>,
    /// In scans of the lists of pages: of the stretches between two other things that are told (begin, end, shrinkers,
    /// throttles), those in which a list was scanned.
    pub scan: Option<u64>,
    /// In shrinkers, which free slab objects.
    pub shrinkers: Option<u64>,
    /// In memcg soft-limit reclaim, but for what is told apart of it.
    pub soft_limit: Option<u64>,
    /// In reclaim, for the kinds that are more than that.
    pub reclaim: Option<u64>,
    /// All else.
    pub rest: u64,
}

impl From<parts::Parts> for Parts {
    fn from(parts: parts::Parts) -> Self {
        Self {
            throttle: parts.throttle_ns,
            scan: parts.scan_ns,
            shrinkers: parts.shrinkers_ns,
            soft_limit: parts.soft_limit_ns,
            reclaim: parts.reclaim_ns,
            rest: parts.rest_ns,
        }
    }
}

/// Time in `reclaim_throttle` by reason, in ns.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
pub struct Throttles {
    /// Too many pages are under writeback.
    pub writeback: u64,
    /// Too many pages are isolated from their lists by others.
    pub isolated: u64,
    /// Reclaim makes no progress.
    pub noprogress: u64,
    /// The pages that come next are dirty, and their device is slow.
    pub congested: u64,
}

impl Throttles {
    /// `None` where no reason is known of a throttle.
    pub(super) fn of(throttle_ns: Option<u64>, throttles: throttle::Throttles) -> Option<Self> {
        let [writeback, isolated, noprogress, congested] = throttles.ns();
        let is_known = throttle_ns? == 0 || throttles.named().next().is_some();
        is_known.then_some(Self { writeback, isolated, noprogress, congested })
    }
}

/// Time in one shrinker.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Shrinker {
    /// Its function, with its module where it is in one; null for those whose names were not found.
    pub name: Option<String>,
    /// In ns.
    pub total_ns: u64,
}

impl Shrinker {
    pub(super) fn all(times: &[shrinkers::ShrinkerTime]) -> Vec<Self> {
        let one =
            |time: &shrinkers::ShrinkerTime| Self { name: time.name.as_ref().map(Text::json), total_ns: time.total_ns };
        times.iter().map(one).collect()
    }
}
