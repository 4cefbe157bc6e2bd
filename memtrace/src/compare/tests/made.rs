//! Runs that are made up.

use std::collections::BTreeMap;

use memtrace_common::histogram::bucket_of;

use super::super::run::{Exposure, Measure, Run, Side, Slice};
use crate::{replay::without_meta, trace::model::ClockReading};

/// A second with so many stalls of the same length.
pub(in crate::compare) fn slice(stalls: u32, dur_ns: u64) -> Slice {
    of_latencies(&vec![dur_ns; stalls as usize])
}

/// A second with these stalls.
pub(super) fn of_latencies(latencies_ns: &[u64]) -> Slice {
    let mut slice = Slice::default();
    let all = [Exposure::All, Exposure::Vmstat, Exposure::Pressure, Exposure::Refaults, Exposure::Scans];
    all.into_iter().for_each(|exposure| slice.expose(exposure, 1_000_000_000));
    let mut buckets: BTreeMap<u16, u32> = BTreeMap::new();
    for &ns in latencies_ns {
        slice.count(Measure::Stalls, 1);
        slice.count(Measure::StalledNs, ns);
        *buckets.entry(u16::try_from(bucket_of(ns)).unwrap()).or_default() += 1;
    }
    slice.count(Measure::Allocated, 1 << 16);
    slice.latency = buckets.into_iter().collect();
    slice
}

pub(in crate::compare) fn run(slices: Vec<Slice>) -> Run {
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
    }
}

pub(in crate::compare) fn side(name: &str, runs: Vec<Run>) -> Side {
    Side { name: name.to_owned(), runs }
}
