//! Reasons why a task sleeps in `reclaim_throttle`.

/// The reasons, in the order of the kernel's `enum vmscan_throttle_state` (`include/linux/mmzone.h`, 5.16), the same on
/// all kernels up to 7.2: too many pages are under writeback; too many are isolated from their lists by others; reclaim
/// makes no progress; the pages at the end of the list are dirty and their device is slow.
pub const REASONS: [&str; 4] = ["writeback", "isolated", "noprogress", "congested"];

/// Number of [`REASONS`].
pub const REASON_COUNT: usize = REASONS.len();
