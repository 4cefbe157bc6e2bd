//! Losses: their number, the number of all, and the consequence for the numbers of a report.

use super::number::{count, plain, plural, things};
use memtrace_core::session::loss::Stage;

/// The line of a stage with losses; `whole` is the number of all things, where they are counted.
#[must_use]
pub fn loss_line(stage: &Stage, n: u64, whole: Option<u64>) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a share for a person")]
    let share = |whole: u64| plain(100.0 * n as f64 / whole as f64);
    let things = match whole.filter(|whole| *whole > 0) {
        Some(whole) => format!("{} of {} ({}%) {}", count(n), count(whole), share(whole), plural(stage.thing)),
        None => things(n, stage.thing),
    };
    format!("{things} {}; {} ({})", stage.what, stage.lacking.words(), stage.name)
}

/// A shorter line of a stage, for 80 columns below a row.
#[must_use]
pub(super) fn short_loss_line(stage: &Stage, n: u64, whole: Option<u64>) -> String {
    let whole = whole.filter(|whole| *whole > 0).map(|whole| format!(" of {}", count(whole)));
    format!("{} {}{}; {}", stage.name, count(n), whole.unwrap_or_default(), stage.lacking.words())
}

/// All losses, in a few words. Losses beyond `that_matters` may, but need not, be missing from totals.
#[must_use]
pub fn loss_in_short(total: u64, that_matters: u64) -> String {
    match (total, that_matters) {
        (0, _) => "nothing lost".to_owned(),
        (_, 0) => format!("{} possibly lost", count(total)),
        (_, n) => format!("{} lost", count(n)),
    }
}

#[cfg(test)]
mod tests {
    use memtrace_core::session::loss::{Loss, Stage};

    use super::loss_line;

    #[test]
    fn a_loss_has_its_measure_and_its_consequence() {
        let skipped = Loss::SkippedRuns.stage();
        assert_eq!(
            loss_line(&skipped, 160, Some(4_000_000)),
            "160 of 4.00M (0.0040%) runs of the tracing programs skipped by the kernel; totals may lack as many \
             events: see the coverage (skipped_runs)"
        );
        assert_eq!(
            loss_line(&Stage::named("ring_stall"), 3, Some(1000)),
            "3 of 1000 (0.300%) stalls did not fit the ring; only totals have them (ring_stall)"
        );
        assert!(loss_line(&skipped, 1, None).starts_with("1 run of"));
    }
}
