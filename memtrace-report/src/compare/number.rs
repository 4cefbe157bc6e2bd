//! Values of a comparison for a person.

use crate::text::plain;

/// The least difference that counts, as a share of the larger value: the same numbers, added up in another order,
/// differ by less, and no effect that small can be measured.
const LEAST_DIFFERENCE: f64 = 1e-9;

/// True when two values differ by more than rounding errors.
pub(super) fn differ(a: f64, b: f64) -> bool {
    (a - b).abs() > LEAST_DIFFERENCE * a.abs().max(b.abs())
}

/// Ratio of after to before; `None` where there was none before.
pub(super) fn ratio(before: f64, after: f64) -> Option<f64> {
    (before > 0.0).then(|| if differ(before, after) { after / before } else { 1.0 })
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
