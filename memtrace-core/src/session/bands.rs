//! Latencies in a few bands, half a decade each: the rows of a heat map.

use memtrace_common::histogram::{BUCKETS, lower_bound_ns};

/// Lower bounds of the bands in ns and their names, the longest first; the last band holds all shorter latencies.
pub const BANDS: [(u64, &str); 10] = [
    (1_000_000_000, ">=1 s"),
    (316_000_000, "316 ms"),
    (100_000_000, "100 ms"),
    (31_600_000, "32 ms"),
    (10_000_000, "10 ms"),
    (3_160_000, "3.2 ms"),
    (1_000_000, "1 ms"),
    (316_000, "316 us"),
    (100_000, "100 us"),
    (0, "<100 us"),
];

/// Stalls by band.
pub type Bands = [u64; BANDS.len()];

/// Bands of counts by bucket.
#[must_use]
pub fn of_counts(counts: &[u64; BUCKETS]) -> Bands {
    of_buckets(counts.iter().copied().enumerate())
}

/// Bands of numbered buckets.
pub(super) fn of_buckets(buckets: impl Iterator<Item = (usize, u64)>) -> Bands {
    let mut bands = [0_u64; BANDS.len()];
    for (bucket, count) in buckets.filter(|(_, count)| *count > 0) {
        let from = lower_bound_ns(bucket);
        let band = BANDS.iter().position(|(bound, _)| from >= *bound).unwrap_or(BANDS.len() - 1);
        bands[band] = bands[band].saturating_add(count);
    }
    bands
}
