//! The clocks of the kernel, read together.

use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::trace::model::ClockReading;

/// `CLOCK_MONOTONIC`, `CLOCK_BOOTTIME` and `CLOCK_REALTIME`, a moment apart.
#[must_use]
pub fn read() -> ClockReading {
    let ns = |time: Timespec| time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec);
    let positive = |time: Timespec| u64::try_from(ns(time)).unwrap_or(0);
    ClockReading {
        monotonic_ns: positive(clock_gettime(ClockId::Monotonic)),
        boottime_ns: positive(clock_gettime(ClockId::Boottime)),
        realtime_ns: ns(clock_gettime(ClockId::Realtime)),
    }
}
