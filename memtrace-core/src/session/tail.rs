//! Properties of the slowest stalls: sums of the parts by latency, from single events.

use std::collections::BTreeMap;

use memtrace_common::{
    histogram::{BUCKETS, bucket_of},
    kind::StallKind,
    part::Spent,
    shrinker::{self, SHRINKERS, ShrinkerTime},
};

use super::{input::KindTotals, parts::Parts};
use crate::{
    event::{OffCpu, Stall},
    throttle::Throttles,
};

/// Number of histogram buckets per sum: four steps an octave resolve the slowest hundredth well enough.
const TOGETHER: usize = 4;

/// Sums of the stalls of some buckets of latencies.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    stalls: u64,
    total_ns: u64,
    spent: Spent,
    throttles: Throttles,
    off_cpu: OffCpuTime,
    off_cpu_estimated: OffCpuTime,
    /// The largest shrinker of each stall.
    shrinkers: [ShrinkerTime; SHRINKERS],
}

/// Time off CPU, and the total duration of the stalls for which it is known.
#[derive(Clone, Copy, Debug, Default)]
struct OffCpuTime {
    ns: u64,
    of_ns: u64,
}

impl OffCpuTime {
    fn add(&mut self, ns: u64, of_ns: u64) {
        self.ns = self.ns.saturating_add(ns);
        self.of_ns = self.of_ns.saturating_add(of_ns);
    }

    /// The time; `None` where it is not known for all stalls, whose total duration is `total_ns`.
    fn of_all(self, total_ns: u64) -> Option<u64> {
        (self.of_ns == total_ns).then_some(self.ns)
    }
}

/// Sums by kind and latency.
#[derive(Clone, Debug)]
pub(super) struct Tails(Box<[[Sums; BUCKETS / TOGETHER]; StallKind::COUNT]>);

impl Default for Tails {
    fn default() -> Self {
        Self(Box::new([[Sums::default(); BUCKETS / TOGETHER]; StallKind::COUNT]))
    }
}

/// Time of the slowest hundredth of the stalls of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slowest {
    pub(super) parts: Parts,
    /// Time throttled, by reason.
    pub(super) throttles: Throttles,
    /// Time in the largest shrinker of each stall by function, in ns.
    pub(super) shrinkers: BTreeMap<u64, u64>,
    /// Time in which their tasks did not run, in ns; `None` where that was not measured for all stalls.
    pub(super) off_cpu_ns: Option<u64>,
    /// Estimate of that time, in ns; `None` where one of the stalls has no estimate.
    pub(super) off_cpu_estimated_ns: Option<u64>,
}

impl Tails {
    /// Counts a stall. Allocates nothing.
    pub(super) fn add(&mut self, stall: &Stall) {
        let Some(sums) = self.0[stall.kind as usize].get_mut(bucket_of(stall.dur_ns) / TOGETHER) else { return };
        sums.stalls += 1;
        sums.total_ns = sums.total_ns.saturating_add(stall.dur_ns);
        sums.spent.merge(stall.times.spent());
        sums.throttles.add(stall.throttles);
        match stall.off_cpu {
            Some(OffCpu::Measured(ns)) => sums.off_cpu.add(ns, stall.dur_ns),
            Some(OffCpu::Estimated(ns)) => sums.off_cpu_estimated.add(ns, stall.dur_ns),
            None => {}
        }
        if let Some(top) = stall.top_shrinker {
            shrinker::add(&mut sums.shrinkers, top.function, top.ns);
        }
    }

    /// The slowest hundredth of the stalls of a kind, a few more where many have about the same latency; `None` without
    /// a stall.
    pub(super) fn slowest(&self, kind: StallKind) -> Option<Slowest> {
        let buckets = &self.0[kind as usize];
        let all: u64 = buckets.iter().map(|sums| sums.stalls).sum();
        let mut sum = KindTotals::default();
        let mut shrinkers = BTreeMap::new();
        let (mut off_cpu, mut estimated) = (OffCpuTime::default(), OffCpuTime::default());
        for sums in buckets.iter().rev() {
            if sum.count >= all.div_ceil(100) {
                break;
            }
            sum.count += sums.stalls;
            sum.total_ns = sum.total_ns.saturating_add(sums.total_ns);
            sum.spent.merge(&sums.spent);
            sum.throttles.add(sums.throttles);
            off_cpu.add(sums.off_cpu.ns, sums.off_cpu.of_ns);
            estimated.add(sums.off_cpu_estimated.ns, sums.off_cpu_estimated.of_ns);
            for time in sums.shrinkers.iter().filter(|time| time.function != 0) {
                let ns: &mut u64 = shrinkers.entry(time.function).or_default();
                *ns = ns.saturating_add(time.ns);
            }
        }
        let parts = Parts::of_kind(&sum, kind.has_nested());
        let (off_cpu_ns, off_cpu_estimated_ns) = (off_cpu.of_all(sum.total_ns), estimated.of_all(sum.total_ns));
        (all > 0).then_some(Slowest { parts, throttles: sum.throttles, shrinkers, off_cpu_ns, off_cpu_estimated_ns })
    }
}
