//! Durations on the command line: a bare number is seconds; `us`, `ms`, `s`, `m`, `h` are units.

use std::time::Duration;

/// Units by suffix, in ns. Longer suffixes first, so that `ms` is not read as `m` and `s`.
const UNITS: [(&str, u64); 5] =
    [("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000)];

/// A year: anything longer is a mistake, and sums of durations stay far from overflow.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// Reads a duration such as `5`, `1.5s`, `250ms` or `10m`.
///
/// # Errors
/// The given text and the expected form.
pub fn parse(text: &str) -> Result<Duration, String> {
    let (number, unit_ns) = UNITS
        .iter()
        .find_map(|&(suffix, ns)| text.strip_suffix(suffix).map(|number| (number, ns)))
        .unwrap_or((text, 1_000_000_000));
    let digits = number.bytes().all(|b| b.is_ascii_digit() || b == b'.') && number.bytes().any(|b| b.is_ascii_digit());
    let value: f64 = digits.then(|| number.parse().ok()).flatten().ok_or_else(|| expected(text))?;
    let seconds = value * (Duration::from_nanos(unit_ns).as_secs_f64());
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|&d| d <= LONGEST)
        .ok_or_else(|| format!("`{text}` is longer than a year"))
}

/// A duration in ns.
#[must_use]
pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Reads an interval between rows: a duration of at least 100 ms.
///
/// # Errors
/// The given text and the expected form.
pub fn parse_interval(text: &str) -> Result<Duration, String> {
    let interval = parse(text)?;
    if interval < Duration::from_millis(100) {
        return Err(format!("`{text}` is too short: at least 100ms is expected"));
    }
    Ok(interval)
}

/// Parses the time for which a flight recorder keeps its records: a duration of at least 1 s.
///
/// # Errors
/// The given text and the expected form.
pub fn parse_kept(text: &str) -> Result<Duration, String> {
    let kept = parse(text)?;
    if kept < Duration::from_secs(1) {
        Err(format!("`{text}` is too short: at least 1s is expected"))
    } else {
        Ok(kept)
    }
}

fn expected(text: &str) -> String {
    format!(
        "`{text}` is not a duration: a number is expected, in seconds or with one of the units us, ms, s, m, h \
         (such as 5, 1.5s, 250ms, 10m)"
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{parse, parse_interval};

    #[test]
    fn durations() {
        for (text, ns) in [
            ("5", 5_000_000_000),
            ("0", 0),
            ("1.5s", 1_500_000_000),
            (".5", 500_000_000),
            ("250ms", 250_000_000),
            ("10us", 10_000),
            ("2m", 120_000_000_000),
            ("1h", 3_600_000_000_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_nanos(ns)), "{text}");
        }
    }

    #[test]
    fn not_durations() {
        for text in ["", "s", "-1", "1d", "1e3", "inf", "nan", "1 s", "1.2.3", ".", "5ss", "1ns", "٣"] {
            let error = parse(text).unwrap_err();
            assert!(error.contains("is not a duration") && error.contains("250ms"), "{text}: {error}");
        }
        assert!(parse("99999999h").unwrap_err().contains("longer than a year"));
    }

    #[test]
    fn intervals_have_a_floor() {
        assert!(parse_interval("100ms").is_ok());
        assert_eq!(parse_interval("0").unwrap_err(), "`0` is too short: at least 100ms is expected");
    }
}
