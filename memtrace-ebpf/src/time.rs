//! The clock of all events.

use aya_ebpf::helpers::bpf_ktime_get_ns;

/// `CLOCK_MONOTONIC` in ns.
#[inline(always)]
pub(crate) fn now_ns() -> u64 {
    // SAFETY: the helper takes no argument and cannot fail.
    unsafe { bpf_ktime_get_ns() }
}
