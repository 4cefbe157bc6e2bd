//! Conditions on a comparison, for a pipeline: `stall.p99 > +20%`.

use std::str::FromStr;

use super::{comparison::Comparison, word::Word};
use crate::{
    condition::{self, split},
    metric::Metric,
};

/// A bound on the change of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct FailIf {
    metric: Metric,
    comparison: condition::Comparison,
    /// Bound on the ratio of after to before.
    bound: f64,
    text: String,
}

/// Outcome of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The condition is met; with the change in words.
    Met(String),
    /// The condition is not met.
    NotMet,
    /// The condition cannot be decided; with the reason in words.
    Undecidable(String),
}

impl FromStr for FailIf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected METRIC > +N% (or < -N%), such as `stall.p99 > +20%`";
        let (metric, comparison, value) = split(text, |metric| metric.is_compared(), expected)?;
        let above = comparison.is_upwards();
        let percent = value.strip_suffix('%').map(str::trim_end).and_then(|number| {
            let plain = number.trim_start_matches(['+', '-']);
            let is_plain = !plain.is_empty() && plain.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            is_plain.then(|| number.parse::<f64>().ok()).flatten()
        });
        let percent = percent.filter(|percent| *percent > -100.0 && (*percent >= 0.0) == above || *percent == 0.0);
        let Some(percent) = percent else {
            return Err(format!("`{value}` is not a possible change in that direction: {expected}"));
        };
        Ok(Self { metric, comparison, bound: 1.0 + percent / 100.0, text: text.trim().to_owned() })
    }
}

impl FailIf {
    /// Judges the condition: it is met when the estimate is beyond the bound, and all of its interval on that side of
    /// no change.
    #[must_use]
    pub fn judge(&self, comparison: &Comparison) -> Outcome {
        let Some(row) = comparison.rows.iter().find(|row| row.metric == self.metric) else {
            return Outcome::Undecidable(format!("`{}`: not measured", self.text));
        };
        // A change from none to some has no ratio, but its word may be sure all the same.
        if row.ratio.is_none() && matches!(row.word, Word::Better | Word::Worse) {
            let met = self.comparison.is_upwards() && row.word == Word::of_more(self.metric.better());
            let text = format!("`{}` is met: from none to some", self.text);
            return if met { Outcome::Met(text) } else { Outcome::NotMet };
        }
        let Some((ratio, (low, high))) = row.ratio.zip(row.interval) else {
            let why = row.reason.as_deref().unwrap_or("no interval");
            return Outcome::Undecidable(format!("`{}` cannot be decided: {why}", self.text));
        };
        // The word of a single pair takes more evidence than its interval.
        let is_sure = |word: Word, by_interval: bool| if row.firm { by_interval } else { row.word == word };
        let better = self.metric.better();
        let sure = if self.comparison.is_upwards() {
            is_sure(Word::of_more(better), low > 1.0)
        } else {
            is_sure(Word::of_less(better), high < 1.0)
        };
        let beyond = self.comparison.holds(ratio, self.bound) && sure;
        if beyond {
            Outcome::Met(format!("`{}` is met: {}", self.text, super::number::change(ratio)))
        } else {
            Outcome::NotMet
        }
    }
}

#[cfg(test)]
mod tests {
    use super::FailIf;

    #[test]
    fn what_is_understood_and_what_is_not() {
        for good in ["stall.p99 > +20%", "stall.rate>20 %", "oom.rate > 0%", "stall.p90 >= +1%", "stall.total < -50%"] {
            assert!(good.parse::<FailIf>().is_ok(), "{good}");
        }
        for (bad, says) in [
            ("stall.p99", "has no comparison"),
            ("stall.p98 > +20%", "unknown metric"),
            ("oom.count > +20%", "between runs; available: stall.total"),
            ("stall.p99 > 20ms", "not a possible change"),
            ("stall.p99 > -20%", "not a possible change"),
            ("stall.p99 < -100%", "not a possible change"),
            ("stall.p99 > +inf%", "not a possible change"),
        ] {
            let error = bad.parse::<FailIf>().unwrap_err();
            assert!(error.contains(says), "{bad}: {error}");
        }
    }
}
