//! Reading a condition, with errors that teach the grammar.

use std::str::FromStr;

use super::{Comparison, Condition, Metric, Unit};
use memtrace_core::units::duration;

impl FromStr for Condition {
    type Err = String;

    /// Reads `stall.max > 500ms` or `stall.total > 2 for 10s`.
    fn from_str(text: &str) -> Result<Self, String> {
        let find = |(sign, comparison): (&'static str, Comparison)| {
            text.split_once(sign).map(|(name, rest)| (name.trim(), comparison, rest.trim()))
        };
        let Some((name, comparison, rest)) = Comparison::ALL.into_iter().find_map(find) else {
            return Err(format!("`{text}` compares nothing: {GRAMMAR}"));
        };
        let metric = Metric::ALL.into_iter().find(|metric| metric.name() == name).ok_or_else(|| unknown(name))?;
        let (value, for_time) = match rest.split_once(" for ") {
            Some((value, time)) => (value.trim(), Some(time.trim())),
            None => (rest, None),
        };
        let for_ns = match for_time {
            Some(time) => u64::try_from(duration::parse(time)?.as_nanos()).unwrap_or(u64::MAX),
            None => 0,
        };
        let limit = limit(metric, value).ok_or_else(|| not_a_value(metric, value))?;
        Ok(Self { metric, comparison, limit, for_ns, text: text.trim().to_owned() })
    }
}

const GRAMMAR: &str = "expected METRIC > VALUE [for T] (or >=, <, <=), such as `stall.max > 500ms`, \
                       `stall.total > 2 for 10s` or `psi.some > 20%`";

fn unknown(name: &str) -> String {
    let names: Vec<_> = Metric::ALL.into_iter().map(Metric::name).collect();
    format!("`{name}` is no metric: there are {}", names.join(", "))
}

fn not_a_value(metric: Metric, value: &str) -> String {
    let expected = match metric.unit() {
        Unit::PerSecond => "a number per second, such as 1000",
        Unit::SecondsPerSecond => "seconds per second (the mean number of stalled tasks), such as 0.5",
        Unit::Nanoseconds => "a time, such as 500ms",
        Unit::Share => "a share, such as 20%",
        Unit::Count => "a number, such as 0",
    };
    format!("`{value}` is no value of {}: expected {expected}", metric.name())
}

fn limit(metric: Metric, value: &str) -> Option<f64> {
    match metric.unit() {
        Unit::Nanoseconds => Some(duration::parse(value).ok()?.as_secs_f64() * 1e9),
        Unit::Share => {
            let percent = value.strip_suffix('%')?.trim_end();
            number(percent).map(|percent| percent / 100.0)
        }
        Unit::PerSecond | Unit::SecondsPerSecond => {
            let value = value.strip_suffix("/s").unwrap_or(value);
            let value =
                if metric.unit() == Unit::SecondsPerSecond { value.strip_suffix('s').unwrap_or(value) } else { value };
            number(value)
        }
        Unit::Count => number(value),
    }
}

/// A plain number, not negative: no sign, no exponent, no infinity.
fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.') && text.bytes().any(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}
