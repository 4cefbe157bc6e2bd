//! Converts the kernel's monotonic time to the time of day, by a pair of readings taken together.

use std::fmt;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// `CLOCK_MONOTONIC` and `CLOCK_REALTIME` at one instant, and the zone to show times in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// `CLOCK_MONOTONIC`, in ns.
    pub mono_ns: u64,
    /// `CLOCK_REALTIME` at that instant.
    pub wall: Timestamp,
    /// Time zone in which a person sees times.
    pub zone: TimeZone,
}

impl Clock {
    /// The time of day at `t_ns` (`CLOCK_MONOTONIC`); the end of time where it would be out of range.
    #[must_use]
    pub fn at(&self, t_ns: u64) -> Timestamp {
        let offset = i128::from(t_ns) - i128::from(self.mono_ns);
        let offset = i64::try_from(offset).map_or(SignedDuration::MAX, SignedDuration::from_nanos);
        self.wall.saturating_add(offset).unwrap_or(Timestamp::MAX)
    }

    /// RFC 3339 in UTC, to the microsecond.
    #[must_use]
    pub fn rfc3339(&self, t_ns: u64) -> Rfc3339 {
        Rfc3339(self.at(t_ns))
    }

    /// Time of day in the zone: `12:03:04`.
    #[must_use]
    pub fn seconds(&self, t_ns: u64) -> String {
        self.at(t_ns).to_zoned(self.zone.clone()).strftime("%H:%M:%S").to_string()
    }

    /// Time of day in the zone, with the date where the day differs from that of `other_ns`.
    #[must_use]
    pub fn on_day_of(&self, t_ns: u64, other_ns: u64) -> String {
        let [at, other] = [t_ns, other_ns].map(|t_ns| self.at(t_ns).to_zoned(self.zone.clone()));
        at.strftime(if at.date() == other.date() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" }).to_string()
    }

    /// Time of day in the zone: `12:03:04.123`.
    #[must_use]
    pub fn millis(&self, t_ns: u64) -> String {
        self.at(t_ns).to_zoned(self.zone.clone()).strftime("%H:%M:%S.%3f").to_string()
    }
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
            wall: Timestamp::from_second(1_700_000_000).unwrap(),
            zone: TimeZone::fixed(jiff::tz::offset(2)),
        };
        assert_eq!(clock.rfc3339(5_000_000_000).to_string(), "2023-11-14T22:13:20.000000Z");
        assert_eq!(clock.rfc3339(4_999_999_000).to_string(), "2023-11-14T22:13:19.999999Z");
        assert_eq!(clock.seconds(6_000_000_000), "00:13:21");
        assert_eq!(clock.on_day_of(6_000_000_000, 5_000_000_000), "00:13:21");
        assert_eq!(clock.on_day_of(6_000_000_000, 90_000_000_000_000), "2023-11-15 00:13:21");
        assert_eq!(clock.millis(6_012_000_000), "00:13:21.012");
        assert_eq!(clock.at(u64::MAX), Timestamp::MAX);
    }
}
