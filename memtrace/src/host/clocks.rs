//! The clocks of the kernel, read together, and the time zone of the output.

use std::{env, os::unix::ffi::OsStrExt as _, sync::Once};

use jiff::tz::TimeZone;
use rustix::time::{ClockId, Timespec, clock_gettime};

use memtrace_core::{host_facts::ClockReading, untrusted::Untrusted};

/// The time zone of the output: UTC if `utc`, else the zone of `TZ`, else that of the host. UTC replaces a `TZ` that
/// names no zone, with a message once.
#[must_use]
pub fn zone(utc: bool) -> TimeZone {
    static SAID: Once = Once::new();
    if utc {
        return TimeZone::UTC;
    }
    TimeZone::try_system().unwrap_or_else(|_| {
        // Without TZ the host has no zone of its own, as many containers: UTC is meant.
        if let Some(value) = env::var_os("TZ") {
            SAID.call_once(|| {
                let value = Untrusted(value.as_bytes());
                say!(
                    "TZ={} is not a time zone known on this host: times are UTC. Set TZ to a name such as \
                     Europe/Berlin, or use --utc",
                    value.tty()
                );
            });
        }
        TimeZone::UTC
    })
}

/// `CLOCK_MONOTONIC` in ns.
#[must_use]
pub fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

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
