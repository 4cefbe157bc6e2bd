//! Loads with a known law, a second at a time: stalls of a host that nobody changed.

use std::collections::BTreeMap;

use memtrace_common::histogram::bucket_of;
use memtrace_report::{
    compare::{Run, Side},
    metric::{Measure, Slice},
    replay::without_meta,
};
use memtrace_trace::model::ClockReading;

/// Stalls per second of all loads, in the long run.
const RATE: f64 = 10.0;
/// Median of a stall, in ns; the logarithms of stalls have a standard deviation of 1.
const MEDIAN_NS: f64 = 2e6;

/// Law of the number of stalls that begin in each second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Load {
    /// Bursts: a Poisson process that is on for a time and off for a time, both exponential with these means, in s.
    Bursts { on_s: f64, off_s: f64 },
    /// A Hawkes process: each stall causes `children` more on average, so that the load stays up with this time
    /// constant, in s.
    Hawkes { tau_s: f64, children: f64 },
    /// A Poisson process whose rate goes up and down slowly: AR(1) in its logarithm, 0.9 per second.
    Slow,
    /// A Poisson process.
    Even,
}

/// The loads that intervals are judged by.
pub(crate) const LOADS: [(&str, Load); 5] = [
    ("bursts 4/20 s", Load::Bursts { on_s: 4.0, off_s: 20.0 }),
    ("bursts 40/90 s", Load::Bursts { on_s: 40.0, off_s: 90.0 }),
    ("Hawkes 13 s", Load::Hawkes { tau_s: 13.0, children: 0.8 }),
    ("AR(1) 0.9/s", Load::Slow),
    ("Poisson", Load::Even),
];

impl Load {
    /// Stalls in each of these seconds, at `factor` times the rate of the load in each.
    fn stalls(self, random: &mut fastrand::Rng, seconds: usize, factor: impl Fn(usize) -> f64) -> Vec<Second> {
        match self {
            Self::Bursts { on_s, off_s } => {
                let on = on_time(random, seconds, on_s, off_s);
                let rate = RATE * (on_s + off_s) / on_s;
                let second = |(at, share)| Second { stalls: poisson(random, rate * share * factor(at)), load: 0.0 };
                on.into_iter().enumerate().map(second).collect()
            }
            Self::Hawkes { tau_s, children } => {
                // Each generation causes the next, so the memory of all is longer than that of one.
                let decay = (-1.0 / (tau_s * (1.0 - children))).exp();
                let own = RATE * (1.0 - children);
                let mut excited = RATE * children;
                // The first 20 time constants are not recorded, so that the process is stationary from the beginning.
                let warm_up = (20.0 * tau_s) as usize;
                let mut second = |at: usize| {
                    // Scaled, so that a doubled rate is the same process with twice the stalls.
                    let caused = poisson(random, own + excited);
                    excited = excited * decay + f64::from(caused) * children * (1.0 - decay);
                    let stalls = caused + poisson(random, f64::from(caused) * (factor(at) - 1.0).max(0.0));
                    Second { stalls, load: 0.0 }
                };
                (0..warm_up + seconds).map(|at| second(at.saturating_sub(warm_up))).skip(warm_up).collect()
            }
            Self::Slow => {
                let mut load = normal(random) * 0.8;
                let second = |at| {
                    load = 0.9 * load + (1.0_f64 - 0.81).sqrt() * 0.8 * normal(random);
                    Second { stalls: poisson(random, RATE * load.exp() * factor(at)), load }
                };
                (0..seconds).map(second).collect()
            }
            Self::Even => {
                let second = |at| Second { stalls: poisson(random, RATE * factor(at)), load: 0.0 };
                (0..seconds).map(second).collect()
            }
        }
    }

    /// A recording of this length, at `factor` times the rate in each second.
    pub(crate) fn run(self, random: &mut fastrand::Rng, seconds: usize, factor: impl Fn(usize) -> f64) -> Run {
        let all = self.stalls(random, seconds, factor);
        let slices = all.into_iter().map(|second| {
            let ns = |_| (MEDIAN_NS * (normal(random) + 0.5 * second.load).exp()) as u64;
            slice(&(0..second.stalls).map(ns).collect::<Vec<_>>())
        });
        run(slices.collect())
    }

    /// Several recordings of this length.
    pub(crate) fn side(
        self,
        random: &mut fastrand::Rng,
        runs: usize,
        seconds: usize,
        factor: impl Fn(usize) -> f64,
    ) -> Side {
        let runs = (0..runs).map(|_| self.run(random, seconds, &factor)).collect();
        Side { name: "side".to_owned(), runs }
    }
}

/// A second of a load.
struct Second {
    stalls: u32,
    /// Logarithm of the load, with which stalls get longer.
    load: f64,
}

/// The share of each second in which an on-off process is on. It is stationary from the beginning.
fn on_time(random: &mut fastrand::Rng, seconds: usize, on_s: f64, off_s: f64) -> Vec<f64> {
    let mut shares = vec![0.0; seconds];
    let mut on = random.f64() < on_s / (on_s + off_s);
    let mut from = 0.0;
    while from < seconds as f64 {
        let until = from + exponential(random) * if on { on_s } else { off_s };
        if on {
            for (at, share) in shares.iter_mut().enumerate().skip(from as usize).take((until - from) as usize + 2) {
                *share += (until.min(at as f64 + 1.0) - from.max(at as f64)).max(0.0);
            }
        }
        (from, on) = (until, !on);
    }
    shares
}

/// A second in which stalls of these lengths ended.
fn slice(latencies_ns: &[u64]) -> Slice {
    let mut slice = Slice::default();
    Measure::ALL.into_iter().for_each(|measure| slice.read(measure, 0, 1_000_000_000));
    let mut buckets: BTreeMap<u16, u32> = BTreeMap::new();
    for &ns in latencies_ns {
        slice.read(Measure::Stalls, 1, 0);
        slice.read(Measure::StalledNs, ns, 0);
        *buckets.entry(bucket_of(ns) as u16).or_default() += 1;
    }
    // A GiB in four seconds, and more of it while there are stalls.
    slice.read(Measure::Allocated, ((1 << 16) + 1000 * latencies_ns.len() as u64) * 4096, 0);
    slice.latency = buckets.into_iter().collect();
    slice
}

fn run(slices: Vec<Slice>) -> Run {
    let mut meta = without_meta(ClockReading::default());
    meta.host.page_size_bytes = 4096;
    Run {
        slices,
        max_ns: Some(1_000_000),
        open: (0, 0),
        groups: BTreeMap::new(),
        meta,
        zones: Vec::new(),
        lost: 0,
        coverage: None,
        longest_slice: 1.0,
        suspended_ns: 0,
        notes: Vec::new(),
        damage: 0,
        changes: 0,
    }
}

fn exponential(random: &mut fastrand::Rng) -> f64 {
    -(1.0 - random.f64()).ln()
}

fn normal(random: &mut fastrand::Rng) -> f64 {
    (2.0 * exponential(random)).sqrt() * (std::f64::consts::TAU * random.f64()).cos()
}

fn poisson(random: &mut fastrand::Rng, mean: f64) -> u32 {
    let mut left = mean;
    let mut n = 0;
    loop {
        left -= exponential(random);
        if left < 0.0 {
            return n;
        }
        n += 1;
    }
}
