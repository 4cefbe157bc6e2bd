//! The grammar of all conditions: `METRIC OP BOUND`. The bound is a value of the metric in an interval
//! ([`super::Condition`]), or a change from one run to another ([`crate::compare::fail_if`]).

use crate::metric::Metric;

/// Comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
}

impl Comparison {
    /// All with their signs, the longer signs first.
    const SIGNS: [(&'static str, Self); 4] =
        [(">=", Self::AtLeast), ("<=", Self::AtMost), (">", Self::Above), ("<", Self::Below)];

    /// True when a value is beyond the bound.
    #[must_use]
    pub fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Above => value > bound,
            Self::AtLeast => value >= bound,
            Self::Below => value < bound,
            Self::AtMost => value <= bound,
        }
    }

    /// True for `>` and `>=`.
    #[must_use]
    pub const fn is_upwards(self) -> bool {
        matches!(self, Self::Above | Self::AtLeast)
    }
}

/// Splits a condition into its metric, comparison and bound.
///
/// # Errors
/// A message that ends with `expected`, or names the metrics that pass `is_known`.
pub(crate) fn split<'a>(
    text: &'a str,
    is_known: fn(&Metric) -> bool,
    expected: &str,
) -> Result<(Metric, Comparison, &'a str), String> {
    // The first sign counts: a bound has none.
    let at = text.find(['>', '<']).ok_or_else(|| format!("`{text}` has no comparison: {expected}"))?;
    let (name, rest) = (text[..at].trim(), &text[at..]);
    let found =
        Comparison::SIGNS.into_iter().find_map(|(sign, comparison)| Some((comparison, rest.strip_prefix(sign)?)));
    let (comparison, bound) = found.ok_or_else(|| format!("`{text}` has no comparison: {expected}"))?;
    let list = || Metric::ALL.iter().filter(|metric| is_known(metric)).map(|metric| metric.name()).collect::<Vec<_>>();
    match Metric::named(name) {
        Some(metric) if is_known(&metric) => Ok((metric, comparison, bound.trim())),
        Some(metric) => Err(format!(
            "{} exists only for single intervals and cannot be compared between runs; available: {}",
            metric.name(),
            list().join(", ")
        )),
        None => Err(format!("unknown metric `{name}`; available: {}", list().join(", "))),
    }
}
