//! Times of `--since` and `--until`: their syntax, and their meaning for one trace.

use std::fmt::{self, Display};

use jiff::{
    SignedDuration, Timestamp, ToSpan as _,
    civil::{DateTime, Time},
};

use memtrace_core::{clock::Clock, units::duration};

/// A requested point in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// Time after the start of the trace, in ns.
    AfterStart(u64),
    /// Time before the end of the trace, in ns.
    BeforeEnd(u64),
    /// A time of day.
    TimeOfDay(Time),
    /// A date and time of day, in the zone that times are shown in.
    Local(DateTime),
    /// An instant.
    At(Timestamp),
}

impl Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let duration = |ns: &u64| {
            let text = format!("{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000);
            format!("{}s", text.trim_end_matches('0').trim_end_matches('.'))
        };
        match self {
            Self::AfterStart(ns) => write!(f, "+{}", duration(ns)),
            Self::BeforeEnd(ns) => write!(f, "-{}", duration(ns)),
            Self::TimeOfDay(time) => write!(f, "{time}"),
            Self::Local(local) => write!(f, "{} {}", local.date(), local.time()),
            Self::At(at) => write!(f, "{at}"),
        }
    }
}

/// Longest time before the start of a trace at which a time of day is still that of the same day.
const BEFORE_START: SignedDuration = SignedDuration::from_hours(6);

/// Reasons that a time means nothing for a trace.
const NO_TICK: &str = "a time from the end needs a tick, and the trace holds none";
const NO_CLOCK: &str = "the beginning of the trace is lost, and with it the time of day: ask for a time from its start (90s) \
                        or its end (-30s)";

impl When {
    /// Reads `13:05`, `13:05:10`, `2026-11-24 13:05`, RFC 3339, `90s` or `+90s` from the start, `-30s` from the end.
    ///
    /// # Errors
    /// A message that names the given text and the expected forms.
    pub fn parse(text: &str) -> Result<Self, String> {
        let ns = |text: &str| duration::parse(text).map(|d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX));
        if let Some(before) = text.strip_prefix('-') {
            return ns(before).map(Self::BeforeEnd).map_err(|_| expected(text));
        }
        if let Ok(after) = ns(text.strip_prefix('+').unwrap_or(text)) {
            return Ok(Self::AfterStart(after));
        }
        if let Ok(at) = text.parse::<Timestamp>() {
            return Ok(Self::At(at));
        }
        let is_time = text.len() >= 4 && text.as_bytes().iter().all(|b| b.is_ascii_digit() || matches!(b, b':' | b'.'));
        if is_time && let Some(time) = time(text) {
            return Ok(Self::TimeOfDay(time));
        }
        let local = text
            .split_once([' ', 'T'])
            .and_then(|(date, rest)| Some(date.parse::<jiff::civil::Date>().ok()?.to_datetime(time(rest)?)));
        local.map(Self::Local).ok_or_else(|| expected(text))
    }

    /// The instant in `CLOCK_MONOTONIC` ns, for a trace that begins at `start_ns` and has its last tick at `end_ns`.
    /// The clock is `None` when the beginning of the trace is lost.
    ///
    /// # Errors
    /// When the time means nothing for this trace.
    pub fn resolve(&self, clock: Option<&Clock>, start_ns: u64, end_ns: Option<u64>) -> Result<u64, String> {
        let clock = || clock.ok_or_else(|| NO_CLOCK.to_owned());
        match self {
            Self::AfterStart(ns) => Ok(start_ns.saturating_add(*ns)),
            Self::BeforeEnd(ns) => end_ns.map(|end| end.saturating_sub(*ns)).ok_or_else(|| NO_TICK.to_owned()),
            Self::At(at) => monotonic(clock()?, *at),
            Self::Local(local) => monotonic(clock()?, zoned(clock()?, *local)?),
            Self::TimeOfDay(time) => time_of_day(clock()?, start_ns, *time),
        }
    }

    /// True when this time cannot be after another one in any trace. Times of day depend on the trace: 01:00 may be
    /// that of the next day.
    pub(super) fn is_never_after(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::AfterStart(this), Self::AfterStart(other)) => this <= other,
            (Self::BeforeEnd(this), Self::BeforeEnd(other)) => this >= other,
            (Self::Local(this), Self::Local(other)) => this <= other,
            (Self::At(this), Self::At(other)) => this <= other,
            _ => false,
        }
    }
}

/// The time on the day on which the trace begins, or on the next day when it lies long before the beginning.
fn time_of_day(clock: &Clock, start_ns: u64, time: Time) -> Result<u64, String> {
    let start = clock.at(start_ns).ok_or_else(|| NO_CLOCK.to_owned())?;
    let day = start.to_zoned(clock.zone.clone()).date();
    let today = zoned(clock, day.to_datetime(time))?;
    if start.duration_since(today) <= BEFORE_START {
        return monotonic(clock, today);
    }
    let tomorrow = day.checked_add(1.day()).map_err(|e| e.to_string())?;
    monotonic(clock, zoned(clock, tomorrow.to_datetime(time))?)
}

fn time(text: &str) -> Option<Time> {
    let colons = text.bytes().filter(|&b| b == b':').count();
    let full = if colons == 1 { format!("{text}:00") } else { text.to_owned() };
    // `1:05` is a time too.
    let full = if full.find(':') == Some(1) { format!("0{full}") } else { full };
    (colons == 1 || colons == 2).then(|| full.parse().ok()).flatten()
}

fn zoned(clock: &Clock, local: DateTime) -> Result<Timestamp, String> {
    local.to_zoned(clock.zone.clone()).map(|zoned| zoned.timestamp()).map_err(|e| e.to_string())
}

fn monotonic(clock: &Clock, at: Timestamp) -> Result<u64, String> {
    let wall = clock.wall.ok_or_else(|| NO_CLOCK.to_owned())?;
    let ns = i128::from(clock.mono_ns) + (at.as_nanosecond() - wall.as_nanosecond());
    Ok(u64::try_from(ns.max(0)).unwrap_or(u64::MAX))
}

fn expected(text: &str) -> String {
    format!(
        "`{text}` is not a time: expected 13:05, 13:05:10, 2026-11-24 13:05, RFC 3339, 90s from the start or -30s from the end"
    )
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, tz::TimeZone};

    use super::When;
    use memtrace_core::clock::Clock;

    const S: u64 = 1_000_000_000;

    /// The trace begins at 13:04:00 local time (+2), when the monotonic clock shows 100 s.
    fn clock() -> Clock {
        Clock {
            mono_ns: 100 * S,
            wall: Some("2026-11-24T11:04:00Z".parse::<Timestamp>().unwrap()),
            zone: TimeZone::fixed(jiff::tz::offset(2)),
        }
    }

    #[test]
    fn all_ways_to_say_it() {
        for (text, at_s) in [
            ("90s", 190),
            ("+1.5m", 190),
            ("-30s", 970),
            ("13:05", 160),
            ("13:05:10", 170),
            ("13:03", 40),
            ("2026-11-24 13:05", 160),
            ("2026-11-24T13:05:10", 170),
            ("2026-11-24T11:05:00Z", 160),
            ("2026-11-24T13:05:00+02:00", 160),
            ("1:00", 100 + 11 * 3600 + 56 * 60),
        ] {
            let when = When::parse(text).unwrap();
            assert_eq!(when.resolve(Some(&clock()), 100 * S, Some(1000 * S)), Ok(at_s * S), "{text}");
        }
        assert!(When::parse("-30s").unwrap().resolve(Some(&clock()), 0, None).unwrap_err().contains("holds none"));
    }

    #[test]
    fn no_times() {
        for text in ["", "25:00", "now", "13:60", "-", "-x", "2026-13-01 10:00", "13:05:10:11"] {
            assert!(When::parse(text).unwrap_err().contains("is not a time"), "{text}");
        }
    }
}
