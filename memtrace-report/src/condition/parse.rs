//! Reading a condition, with errors that teach the grammar.

use std::str::FromStr;

use super::{Condition, grammar};
use crate::metric::Metric;
use memtrace_core::units::duration;

impl FromStr for Condition {
    type Err = String;

    /// Reads `stall.max > 500ms` or `stall.total > 2 for 10s`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (metric, comparison, rest) = grammar::split(text, |_| true, GRAMMAR)?;
        let (value, for_time) = match rest.split_once(" for ") {
            Some((value, time)) => (value.trim(), Some(time.trim())),
            None => (rest, None),
        };
        let for_ns = match for_time {
            Some(time) => u64::try_from(duration::parse(time)?.as_nanos()).unwrap_or(u64::MAX),
            None => 0,
        };
        let limit = metric.unit().parse(value).ok_or_else(|| not_a_value(metric, value))?;
        Ok(Self { metric, comparison, limit, for_ns, text: text.trim().to_owned() })
    }
}

const GRAMMAR: &str = "expected METRIC > VALUE [for T] (or >=, <, <=), such as `stall.max > 500ms`, \
                       `stall.total > 2 for 10s` or `psi.some > 20%`";

fn not_a_value(metric: Metric, value: &str) -> String {
    format!("`{value}` is not a value of {}: expected {}", metric.name(), metric.unit().expected())
}
