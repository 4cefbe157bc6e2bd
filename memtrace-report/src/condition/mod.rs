//! Conditions on metrics: `METRIC OP VALUE[UNIT] [for T]`, one grammar for all of them.

mod grammar;
mod parse;

use std::fmt;

pub use self::grammar::Comparison;
pub(crate) use self::grammar::split;
use crate::metric::Metric;
use memtrace_core::session::tick::Tick;

/// A condition on a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Metric that is compared.
    pub metric: Metric,
    /// Comparison operator.
    pub comparison: Comparison,
    /// Limit, in the metric's unit.
    pub limit: f64,
    /// Time for which it must hold, in ns; 0: in one interval.
    pub for_ns: u64,
    /// The condition as it was given.
    text: String,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Watches whether a condition is met, tick by tick.
#[derive(Clone, Debug)]
pub struct Watch {
    condition: Condition,
    /// Time for which it has held, in ns.
    held_ns: u64,
    was_met: bool,
}

impl Watch {
    /// A watch that has seen no interval.
    #[must_use]
    pub fn new(condition: Condition) -> Self {
        Self { condition, held_ns: 0, was_met: false }
    }

    /// The condition that is watched.
    #[must_use]
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// Takes the next interval. Returns the value when the condition is met from this one on. A value that was not read
    /// meets no condition.
    pub fn advance(&mut self, tick: &Tick) -> Option<f64> {
        let Condition { metric, comparison, limit, for_ns, .. } = self.condition;
        let value = metric.of_interval(tick);
        let holds = value.is_some_and(|value| comparison.holds(value, limit));
        self.held_ns = if holds { self.held_ns.saturating_add(tick.elapsed_ns) } else { 0 };
        let is_met = holds && self.held_ns >= for_ns;
        let begins = is_met && !self.was_met;
        self.was_met = is_met;
        value.filter(|_| begins)
    }
}

#[cfg(test)]
mod tests;
