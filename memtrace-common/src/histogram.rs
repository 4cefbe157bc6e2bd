//! The shape of a latency histogram: log-linear buckets that BPF and user space compute alike.
//!
//! A latency is counted in units of 128 ns. The first 32 buckets are one unit wide; from there on each power of two is
//! split into 16 buckets, so a bucket is never wider than 1/16 of its lower bound. The last bucket counts all latencies
//! of [`TOP_NS`] and more.

/// log2 of the unit in ns.
const UNIT_SHIFT: u32 = 7;
/// log2 of the number of buckets per power of two.
const GROUPING: u32 = 4;
/// Number of buckets; a power of two, so that the kernel side can mask an index.
pub const BUCKETS: usize = 512;
/// Lower bound of the last bucket, about 51 minutes, in ns.
pub const TOP_NS: u64 = lower_bound_ns(BUCKETS - 1);

/// The bucket that a latency belongs to, below [`BUCKETS`].
#[inline(always)]
#[must_use]
pub const fn bucket_of(ns: u64) -> usize {
    let units = ns >> UNIT_SHIFT;
    if units < (2 << GROUPING) {
        return units as usize;
    }
    let shift = floor_log2(units) - GROUPING;
    let index = ((shift as usize) << GROUPING) + (units >> shift) as usize;
    if index < BUCKETS { index } else { BUCKETS - 1 }
}

/// The shortest latency that bucket `index` counts, in ns.
#[must_use]
pub const fn lower_bound_ns(index: usize) -> u64 {
    if index < (2 << GROUPING) {
        return (index as u64) << UNIT_SHIFT;
    }
    let shift = (index >> GROUPING) as u32 - 1;
    let mantissa = (index - ((shift as usize) << GROUPING)) as u64;
    mantissa << shift << UNIT_SHIFT
}

/// Position of the highest set bit. BPF has no instruction for it; a halving search is short and loop-free.
#[inline(always)]
const fn floor_log2(mut v: u64) -> u32 {
    let mut log = 0;
    if v >> 32 != 0 {
        v >>= 32;
        log += 32;
    }
    if v >> 16 != 0 {
        v >>= 16;
        log += 16;
    }
    if v >> 8 != 0 {
        v >>= 8;
        log += 8;
    }
    if v >> 4 != 0 {
        v >>= 4;
        log += 4;
    }
    if v >> 2 != 0 {
        v >>= 2;
        log += 2;
    }
    if v >> 1 != 0 { log + 1 } else { log }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};

    use super::{BUCKETS, TOP_NS, bucket_of, lower_bound_ns};

    #[test]
    fn bounds_are_increasing_and_each_is_in_its_own_bucket() {
        for i in 0..BUCKETS {
            assert_eq!(bucket_of(lower_bound_ns(i)), i);
            if i > 0 {
                assert!(lower_bound_ns(i) > lower_bound_ns(i - 1));
                assert_eq!(bucket_of(lower_bound_ns(i) - 1), i - 1);
            }
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
        const { assert!(TOP_NS > 50 * 60 * 1_000_000_000) };
    }

    proptest! {
        #[test]
        fn a_bucket_is_at_most_a_sixteenth_wide(ns in 0..TOP_NS) {
            let i = bucket_of(ns);
            let (low, high) = (lower_bound_ns(i), lower_bound_ns(i + 1));
            prop_assert!(low <= ns && ns < high);
            prop_assert!(high - low <= (low / 16).max(128));
        }
    }
}
