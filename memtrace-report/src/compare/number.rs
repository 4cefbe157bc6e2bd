//! Values of a comparison for a person.

use crate::text::duration;

/// What a value is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number per second.
    PerSecond,
    /// A number per hour.
    PerHour,
    /// Seconds per second.
    SecondsPerSecond,
    /// Seconds per GiB.
    SecondsPerGib,
    /// ns.
    Nanoseconds,
    /// A share of 1.
    Share,
    /// A ratio.
    Plain,
}

impl Unit {
    /// A value with its unit.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time that is not negative")]
    pub fn show(self, value: f64) -> String {
        match self {
            Self::PerSecond => format!("{} /s", plain(value)),
            Self::PerHour => format!("{} /h", plain(value)),
            Self::SecondsPerSecond => format!("{} s/s", plain(value)),
            Self::SecondsPerGib => format!("{} s/GiB", plain(value)),
            Self::Nanoseconds => duration(value.round() as u64),
            Self::Share => format!("{} %", plain(value * 100.0)),
            Self::Plain => plain(value),
        }
    }
}

/// The least difference that is one, as a share of the larger value: the same numbers, added up in another order, differ by
/// less, and no effect that small can be measured.
const LEAST_DIFFERENCE: f64 = 1e-9;

/// True when two values differ by more than arithmetic makes.
pub(super) fn differ(a: f64, b: f64) -> bool {
    (a - b).abs() > LEAST_DIFFERENCE * a.abs().max(b.abs())
}

/// After by before; `None` where there was none before.
pub(super) fn ratio(before: f64, after: f64) -> Option<f64> {
    (before > 0.0).then(|| if differ(before, after) { after / before } else { 1.0 })
}

/// Three digits that mean something.
pub(super) fn plain(value: f64) -> String {
    let size = value.abs();
    match () {
        () if size == 0.0 => "0".to_owned(),
        () if size < 0.000_95 => format!("{value:.1e}"),
        () if size < 0.0995 => format!("{value:.4}"),
        () if size < 0.995 => format!("{value:.3}"),
        () if size < 9.95 => format!("{value:.2}"),
        () if size < 99.5 => format!("{value:.1}"),
        () if size < 99_999.5 => format!("{value:.0}"),
        () if size < 9_999_500.0 => format!("{:.1}k", value / 1e3),
        () => format!("{:.1}M", value / 1e6),
    }
}

/// A ratio as a change: `-14%`, `+3.2%`, `x5.1`.
pub(super) fn change(ratio: f64) -> String {
    let percent = (ratio - 1.0) * 100.0;
    match () {
        () if !ratio.is_finite() => "-".to_owned(),
        () if ratio >= 2.995 => format!("x{}", plain(ratio)),
        () if percent.abs() < 0.05 => "0%".to_owned(),
        () if percent.abs() < 9.95 => format!("{percent:+.1}%"),
        () => format!("{percent:+.0}%"),
    }
}
