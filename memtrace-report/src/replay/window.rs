//! The requested part of a trace, and its ticks.

use super::when::When;
use memtrace_core::clock::Clock;

/// A requested part of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Begin; `None` for the start of the trace.
    pub since: Option<When>,
    /// End; `None` for the end of the trace.
    pub until: Option<When>,
    /// Names of the two options.
    pub names: [&'static str; 2],
}

impl Default for Asked {
    fn default() -> Self {
        Self { since: None, until: None, names: ["--since", "--until"] }
    }
}

/// The times of a trace.
#[derive(Clone, Debug)]
pub struct Extent {
    /// The clock; `None` when the beginning of the trace is lost.
    pub clock: Option<Clock>,
    /// The beginning, `CLOCK_MONOTONIC` in ns.
    pub start_ns: u64,
    /// The last tick, `CLOCK_MONOTONIC` in ns; `None` when there is none.
    pub last_tick_ns: Option<u64>,
}

impl Asked {
    /// True when all of the trace is requested.
    #[must_use]
    pub const fn is_all(&self) -> bool {
        self.since.is_none() && self.until.is_none()
    }

    /// True when a time is counted from the end of the trace.
    #[must_use]
    pub const fn needs_end(&self) -> bool {
        matches!(self.since, Some(When::BeforeEnd(_))) || matches!(self.until, Some(When::BeforeEnd(_)))
    }

    /// Refuses two times between which nothing can lie in any trace.
    ///
    /// # Errors
    /// Names both times.
    pub fn check(&self) -> Result<(), String> {
        match (&self.since, &self.until) {
            (Some(since), Some(until)) if until.is_never_after(since) => {
                let [since_name, until_name] = self.names;
                Err(format!("{until_name} {until} is not after {since_name} {since}: nothing lies between them"))
            }
            _ => Ok(()),
        }
    }

    /// The window in a trace.
    ///
    /// # Errors
    /// When nothing of the trace can lie in it, with both the times of the trace and the requested ones; or when a time
    /// means nothing for this trace.
    pub fn window(&self, trace: &Extent) -> Result<Window, String> {
        let resolve = |when: &Option<When>| {
            when.as_ref().map(|when| when.resolve(trace.clock.as_ref(), trace.start_ns, trace.last_tick_ns)).transpose()
        };
        let window = Window { since_ns: resolve(&self.since)?, until_ns: resolve(&self.until)? };
        let time = |t_ns: u64| match &trace.clock {
            // A time before the boot is cut to it.
            Some(_) if t_ns == 0 => "before the host booted".to_owned(),
            Some(clock) => clock.on_day_of(t_ns, trace.start_ns),
            None => crate::text::duration(t_ns.saturating_sub(trace.start_ns)),
        };
        // A time that the given text already contains is not repeated.
        let meant = |asked: &str, ns: u64| {
            let meant = time(ns);
            if asked.ends_with(&format!(" {meant}")) { asked.to_owned() } else { format!("{asked} ({meant})") }
        };
        let [since_name, until_name] = self.names;
        let since = self.since.as_ref().zip(window.since_ns).map(|(when, ns)| (format!("{since_name} {when}"), ns));
        let until = self.until.as_ref().zip(window.until_ns).map(|(when, ns)| (format!("{until_name} {when}"), ns));
        if let (Some((since, since_ns)), Some((until, until_ns))) = (&since, &until)
            && until_ns <= since_ns
            && *until_ns > 0
        {
            let (since, until) = (meant(since, *since_ns), meant(until, *until_ns));
            return Err(format!("{until} is not after {since}: nothing lies between them"));
        }
        let is_late = window.since_ns.zip(trace.last_tick_ns).is_some_and(|(since_ns, last_ns)| since_ns >= last_ns);
        let is_early = window.until_ns.is_some_and(|until_ns| until_ns <= trace.start_ns);
        match (since.filter(|_| is_late), until.filter(|_| is_early)) {
            (Some((asked, ns)), _) | (None, Some((asked, ns))) => {
                let extent = match trace.last_tick_ns {
                    Some(last_ns) => format!("goes from {} to {}", time(trace.start_ns), time(last_ns)),
                    None => format!("begins at {}", time(trace.start_ns)),
                };
                let asked = meant(&asked, ns);
                Err(format!("no data in the time range: the trace {extent}, and {asked} is outside it"))
            }
            (None, None) => Ok(window),
        }
    }
}

/// Begin and end, `CLOCK_MONOTONIC` in ns. They are met in whole ticks: the nearest ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Begin; `None` for the start of the trace.
    pub since_ns: Option<u64>,
    /// End; `None` for the end of the trace.
    pub until_ns: Option<u64>,
}

impl Window {
    /// True when the window begins later than at this tick.
    #[must_use]
    pub fn begins_after(&self, t_ns: u64, interval_ns: u64) -> bool {
        self.since_ns.is_some_and(|since| t_ns.saturating_add(interval_ns / 2) < since)
    }

    /// True when the window is over with this tick.
    #[must_use]
    pub fn ends_by(&self, t_ns: u64, interval_ns: u64) -> bool {
        self.until_ns.is_some_and(|until| t_ns.saturating_add(interval_ns / 2) >= until)
    }
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, tz::TimeZone};

    use super::{Asked, Extent, When, Window};
    use memtrace_core::clock::Clock;

    const S: u64 = 1_000_000_000;

    #[test]
    fn a_window_is_met_by_the_nearest_ticks() {
        let window = Window { since_ns: Some(10 * S), until_ns: Some(20 * S) };
        assert!(window.begins_after(9 * S, S) && !window.begins_after(9 * S + S / 2, S));
        assert!(!window.ends_by(19 * S, S) && window.ends_by(19 * S + S / 2, S));
        assert!(!Window::default().begins_after(0, S) && !Window::default().ends_by(u64::MAX, S));
    }

    /// Begins at 13:04:00 in its zone and has its last tick 60 s later.
    fn trace() -> Extent {
        let wall = "2026-11-24T11:04:00Z".parse::<Timestamp>().unwrap();
        let clock = Clock { mono_ns: 100 * S, wall: Some(wall), zone: TimeZone::fixed(jiff::tz::offset(2)) };
        Extent { clock: Some(clock), start_ns: 100 * S, last_tick_ns: Some(160 * S) }
    }

    fn asked(since: &str, until: &str) -> Asked {
        let when = |text: &str| (!text.is_empty()).then(|| When::parse(text).unwrap());
        Asked { since: when(since), until: when(until), ..Asked::default() }
    }

    #[test]
    fn times_in_the_wrong_order_are_found_before_anything_is_read() {
        for (since, until) in [
            ("5s", "3s"),
            ("5s", "5s"),
            ("-3s", "-10s"),
            ("2026-11-24 13:05", "2026-11-24 13:04"),
            ("2026-11-24T13:05:00Z", "2026-11-24T13:04:00Z"),
        ] {
            let said = asked(since, until).check().unwrap_err();
            assert!(said.contains("is not after --since") && said.contains("--until"), "{said}");
        }
        for (since, until) in
            [("3s", "5s"), ("-10s", "-3s"), ("23:00", "01:00"), ("50s", "-20s"), ("", "1s"), ("1s", "")]
        {
            assert_eq!(asked(since, until).check(), Ok(()), "{since} {until}");
        }
        assert_eq!(
            asked("5s", "3s").check().unwrap_err(),
            "--until +3s is not after --since +5s: nothing lies between them"
        );
    }

    #[test]
    fn a_window_that_misses_the_trace_is_said_with_both_times() {
        for (since, until, words) in [
            ("60s", "", "the trace goes from 13:04:00 to 13:05:00, and --since +60s (13:05:00)"),
            ("13:06", "", "and --since 13:06:00"),
            ("", "13:03", "and --until 13:03:00"),
            ("", "2026-11-23 13:04:30", "and --until 2026-11-23 13:04:30"),
            ("12:00", "12:30", "and --until 12:30:00 (before the host booted)"),
            ("50s", "-20s", "--until -20s (13:04:40) is not after --since +50s (13:04:50): nothing lies between them"),
        ] {
            let said = asked(since, until).window(&trace()).unwrap_err();
            assert!(said.contains(words), "{said}");
        }
        let window = asked("59s", "13:09").window(&trace()).unwrap();
        assert_eq!(window, Window { since_ns: Some(159 * S), until_ns: Some(400 * S) });
    }

    #[test]
    fn a_trace_without_its_beginning_has_no_time_of_day() {
        let clock = trace().clock.map(|clock| Clock { wall: None, ..clock });
        let said = asked("13:04:30", "").window(&Extent { clock, ..trace() }).unwrap_err();
        assert!(said.contains("the time of day"), "{said}");
        let lost = Extent { clock: None, ..trace() };
        assert!(asked("13:04:30", "").window(&lost).unwrap_err().contains("the time of day"));
        assert_eq!(asked("-10s", "").window(&lost).unwrap().since_ns, Some(150 * S));
        let said = asked("90s", "").window(&lost).unwrap_err();
        assert!(said.contains("the trace goes from 0 s to 60.0 s"), "{said}");
    }
}
