//! From when to when: what `--since` and `--until` may say, and what it means for one trace.

use jiff::{
    SignedDuration, Timestamp, ToSpan as _,
    civil::{DateTime, Time},
};

use crate::{cli::duration, clock::Clock};

/// A point in time as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// So long after the start of the trace, in ns.
    AfterStart(u64),
    /// So long before its end, in ns.
    BeforeEnd(u64),
    /// A time of day.
    TimeOfDay(Time),
    /// A date and time of day, in the zone that times are shown in.
    Local(DateTime),
    /// An instant.
    At(Timestamp),
}

/// How far before the start of a trace a time of day may lie and still be that of the same day.
const BEFORE_START: SignedDuration = SignedDuration::from_hours(6);

impl When {
    /// Reads `13:05`, `13:05:10`, `2026-11-24 13:05`, RFC 3339, `90s` or `+90s` from the start, `-30s` from the end.
    ///
    /// # Errors
    /// Says what was given and what is expected.
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

    /// The instant in `CLOCK_MONOTONIC` ns, for a trace that begins at `start_ns` and ends at `end_ns` where that is known.
    ///
    /// # Errors
    /// When it cannot be told for this trace.
    pub fn resolve(&self, clock: &Clock, start_ns: u64, end_ns: Option<u64>) -> Result<u64, String> {
        match self {
            Self::AfterStart(ns) => Ok(start_ns.saturating_add(*ns)),
            Self::BeforeEnd(ns) => end_ns.map(|end| end.saturating_sub(*ns)).ok_or_else(|| {
                "a time from the end needs a trace that can be read twice: give a file, not `-`".to_owned()
            }),
            Self::At(at) => Ok(monotonic(clock, *at)),
            Self::Local(local) => zoned(clock, *local).map(|at| monotonic(clock, at)),
            Self::TimeOfDay(time) => {
                let start = clock.at(start_ns);
                let day = start.to_zoned(clock.zone.clone()).date();
                let today = zoned(clock, day.to_datetime(*time))?;
                if start.duration_since(today) <= BEFORE_START {
                    return Ok(monotonic(clock, today));
                }
                let tomorrow = day.checked_add(1.day()).map_err(|e| e.to_string())?;
                zoned(clock, tomorrow.to_datetime(*time)).map(|at| monotonic(clock, at))
            }
        }
    }

    /// Whether the end of the trace must be known for it.
    #[must_use]
    pub const fn needs_end(&self) -> bool {
        matches!(self, Self::BeforeEnd(_))
    }
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

fn monotonic(clock: &Clock, at: Timestamp) -> u64 {
    let ns = i128::from(clock.mono_ns) + (at.as_nanosecond() - clock.wall.as_nanosecond());
    u64::try_from(ns.max(0)).unwrap_or(u64::MAX)
}

fn expected(text: &str) -> String {
    format!(
        "`{text}` is no time: expected is 13:05, 13:05:10, 2026-11-24 13:05, RFC 3339, 90s from the start or -30s from the end"
    )
}

/// From when to when, `CLOCK_MONOTONIC` in ns. It is met in whole ticks: the nearest ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// From when; `None` from the start.
    pub since_ns: Option<u64>,
    /// Until when; `None` to the end.
    pub until_ns: Option<u64>,
}

impl Window {
    /// Whether it begins later than at this tick.
    #[must_use]
    pub fn begins_after(&self, t_ns: u64, interval_ns: u64) -> bool {
        self.since_ns.is_some_and(|since| t_ns.saturating_add(interval_ns / 2) < since)
    }

    /// Whether it is over with this tick.
    #[must_use]
    pub fn ends_by(&self, t_ns: u64, interval_ns: u64) -> bool {
        self.until_ns.is_some_and(|until| t_ns.saturating_add(interval_ns / 2) >= until)
    }
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, tz::TimeZone};

    use super::{When, Window};
    use crate::clock::Clock;

    const S: u64 = 1_000_000_000;

    /// The trace begins at 13:04:00 local time (+2), when the monotonic clock shows 100 s.
    fn clock() -> Clock {
        Clock {
            mono_ns: 100 * S,
            wall: "2026-11-24T11:04:00Z".parse::<Timestamp>().unwrap(),
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
            assert_eq!(when.resolve(&clock(), 100 * S, Some(1000 * S)), Ok(at_s * S), "{text}");
        }
        assert!(When::parse("-30s").unwrap().resolve(&clock(), 0, None).unwrap_err().contains("not `-`"));
    }

    #[test]
    fn no_times() {
        for text in ["", "25:00", "now", "13:60", "-", "-x", "2026-13-01 10:00", "13:05:10:11"] {
            assert!(When::parse(text).unwrap_err().contains("is no time"), "{text}");
        }
    }

    #[test]
    fn a_window_is_met_by_the_nearest_ticks() {
        let window = Window { since_ns: Some(10 * S), until_ns: Some(20 * S) };
        assert!(window.begins_after(9 * S, S) && !window.begins_after(9 * S + S / 2, S));
        assert!(!window.ends_by(19 * S, S) && window.ends_by(19 * S + S / 2, S));
        assert!(!Window::default().begins_after(0, S) && !Window::default().ends_by(u64::MAX, S));
    }
}
