//! Converts the kernel's monotonic time to the time of day, by a pair of readings taken together.

use std::fmt;

use jiff::{SignedDuration, Timestamp, Zoned, tz::TimeZone};

/// `CLOCK_MONOTONIC` and `CLOCK_REALTIME` at one instant, and the zone to show times in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// `CLOCK_MONOTONIC`, in ns.
    pub mono_ns: u64,
    /// `CLOCK_REALTIME` at that instant; `None` when a trace has lost it. Times are then seconds since boot, in
    /// brackets as in the kernel log: `[  123.456]`.
    pub wall: Option<Timestamp>,
    /// Time zone in which a person sees times.
    pub zone: TimeZone,
}

impl Clock {
    /// The time of day at `t_ns` (`CLOCK_MONOTONIC`); the end of time where it would be out of range. `None` when
    /// the time of day is lost.
    #[must_use]
    pub fn at(&self, t_ns: u64) -> Option<Timestamp> {
        let offset = i128::from(t_ns) - i128::from(self.mono_ns);
        let offset = i64::try_from(offset).map_or(SignedDuration::MAX, SignedDuration::from_nanos);
        Some(self.wall?.saturating_add(offset).unwrap_or(Timestamp::MAX))
    }

    /// RFC 3339 in UTC, to the microsecond; `None` when the time of day is lost.
    #[must_use]
    pub fn rfc3339(&self, t_ns: u64) -> Option<Rfc3339> {
        self.at(t_ns).map(Rfc3339)
    }

    /// Time of day in the zone: `12:03:04`.
    #[must_use]
    pub fn seconds(&self, t_ns: u64) -> String {
        self.zoned(t_ns).map_or_else(|| since_boot(t_ns, 0), |at| at.strftime("%H:%M:%S").to_string())
    }

    /// Time of day in the zone, with the date where the day differs from that of `other_ns`.
    #[must_use]
    pub fn on_day_of(&self, t_ns: u64, other_ns: u64) -> String {
        let (Some(at), Some(other)) = (self.zoned(t_ns), self.zoned(other_ns)) else { return since_boot(t_ns, 0) };
        at.strftime(if at.date() == other.date() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" }).to_string()
    }

    /// Time of day in the zone: `12:03:04.123`.
    #[must_use]
    pub fn millis(&self, t_ns: u64) -> String {
        self.zoned(t_ns).map_or_else(|| since_boot(t_ns, 3), |at| at.strftime("%H:%M:%S.%3f").to_string())
    }

    /// The period from one instant to another, with dates: `2026-11-24 13:04:00 to 13:05:10 CET`.
    #[must_use]
    pub fn period(&self, from_ns: u64, to_ns: u64) -> String {
        let (Some(from), Some(to)) = (self.zoned(from_ns), self.zoned(to_ns)) else {
            return format!("{} to {} since boot", since_boot(from_ns, 0), since_boot(to_ns, 0));
        };
        let end = if from.date() == to.date() { "%H:%M:%S %Z" } else { "%Y-%m-%d %H:%M:%S %Z" };
        format!("{} to {}", from.strftime("%Y-%m-%d %H:%M:%S"), to.strftime(end))
    }

    fn zoned(&self, t_ns: u64) -> Option<Zoned> {
        self.at(t_ns).map(|at| at.to_zoned(self.zone.clone()))
    }
}

/// Seconds since boot with this many decimals, as the kernel log writes them; as wide as a time of day.
#[expect(clippy::cast_precision_loss, reason = "milliseconds for a person")]
fn since_boot(t_ns: u64, decimals: usize) -> String {
    let width = if decimals == 0 { 6 } else { 7 + decimals };
    format!("[{:width$.decimals$}]", t_ns as f64 / 1e9)
}

/// A time in UTC, to the microsecond: `2023-11-14T22:13:20.000000Z`.
#[derive(Clone, Copy, Debug)]
pub struct Rfc3339(Timestamp);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, tz::TimeZone};

    use super::Clock;

    #[test]
    fn times_count_from_the_pair() {
        let clock = Clock {
            mono_ns: 5_000_000_000,
            wall: Some(Timestamp::from_second(1_700_000_000).unwrap()),
            zone: TimeZone::fixed(jiff::tz::offset(2)),
        };
        assert_eq!(clock.rfc3339(5_000_000_000).unwrap().to_string(), "2023-11-14T22:13:20.000000Z");
        assert_eq!(clock.rfc3339(4_999_999_000).unwrap().to_string(), "2023-11-14T22:13:19.999999Z");
        assert_eq!(clock.seconds(6_000_000_000), "00:13:21");
        assert_eq!(clock.on_day_of(6_000_000_000, 5_000_000_000), "00:13:21");
        assert_eq!(clock.on_day_of(6_000_000_000, 90_000_000_000_000), "2023-11-15 00:13:21");
        assert_eq!(clock.millis(6_012_000_000), "00:13:21.012");
        assert_eq!(clock.at(u64::MAX), Some(Timestamp::MAX));
        assert_eq!(clock.period(5_000_000_000, 6_000_000_000), "2023-11-15 00:13:20 to 00:13:21 +02");
    }

    #[test]
    fn a_lost_time_of_day_is_seconds_since_boot() {
        let clock = Clock { mono_ns: 0, wall: None, zone: TimeZone::UTC };
        assert_eq!((clock.at(5), clock.rfc3339(5).is_none()), (None, true));
        assert_eq!(clock.seconds(61_400_000_000), "[    61]");
        assert_eq!(clock.millis(61_400_000_000), "[    61.400]");
        assert_eq!(clock.on_day_of(61_400_000_000, 0), "[    61]");
        assert_eq!(clock.period(0, 61_400_000_000), "[     0] to [    61] since boot");
    }
}
