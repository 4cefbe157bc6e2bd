//! Made-up runs.

use std::collections::BTreeMap;

use memtrace_common::histogram::bucket_of;

use super::super::run::{Run, Side};
use crate::{
    metric::{Measure, Slice},
    replay::without_meta,
};
use memtrace_trace::model::ClockReading;

/// A second with this number of stalls of the same length.
pub(in crate::compare) fn slice(stalls: u32, dur_ns: u64) -> Slice {
    let mut slice = Slice::default();
    Measure::ALL.into_iter().for_each(|measure| slice.read(measure, 0, 1_000_000_000));
    slice.read(Measure::Stalls, stalls.into(), 0);
    slice.read(Measure::StalledNs, dur_ns * u64::from(stalls), 0);
    slice.read(Measure::Allocated, 1 << 28, 0);
    slice.latency.extend((stalls > 0).then_some((u16::try_from(bucket_of(dur_ns)).unwrap(), stalls)));
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
        damage: 0,
        changes: 0,
    }
}

pub(in crate::compare) fn side(name: &str, runs: Vec<Run>) -> Side {
    Side { name: name.to_owned(), runs }
}
