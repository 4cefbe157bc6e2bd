//! Reason that a run is too short for an interval, and the length that it needs.

use super::run::Run;
use crate::{
    metric::{Form, Slice, Term},
    text::things,
};

/// Refusal of an interval for a run that shows too little of its own ups and downs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Refusal {
    pub(super) cause: Cause,
    /// Length that the run should have had, in s.
    pub(super) needed_s: f64,
}

/// Cause of a refusal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cause {
    /// The run has fewer seconds than any interval takes.
    Short,
    /// The run has fewer slices of time than any interval takes.
    Coarse,
    /// The load comes in only `count` bursts, of this mean length in s.
    Bursts { count: usize, mean_s: f64 },
    /// The load goes up and down over this time, in s.
    Slow { memory_s: f64 },
}

/// Share of busy time below which a load counts as one of bursts.
const BURSTY: f64 = 0.6;
/// Factor on the needed length, so that the next recording is not refused, too.
const MARGIN: f64 = 1.25;

impl Refusal {
    /// Refusal of a run that would have to be `longer` times as long; `memory` is the time for which its load stays up
    /// or down, in slices.
    pub(super) fn of(form: Form, run: &Run, memory: f64, longer: f64) -> Self {
        let all_s = run.seconds();
        let slice_s = all_s / float(run.slices.len().max(1));
        let (count, busy) = bursts(form, run, memory);
        let cause = if float(busy) < BURSTY * float(run.slices.len()) && count > 0 {
            Cause::Bursts { count, mean_s: float(busy) * slice_s / float(count) }
        } else {
            Cause::Slow { memory_s: (memory * slice_s).max(slice_s) }
        };
        Self { cause, needed_s: all_s * longer * MARGIN }
    }

    /// The reason in words, with the name of the side.
    pub(super) fn text(&self, side: &str) -> String {
        let record = match (self.needed_s / 60.0).ceil() {
            minutes if minutes <= 120.0 => format!("record {minutes:.0} min a side, or 5 runs"),
            minutes if minutes <= 1440.0 => format!("record {:.0} h a side, or 5 runs", (minutes / 60.0).ceil()),
            _ => "record 5 runs a side".to_owned(),
        };
        match self.cause {
            Cause::Short => "too short: 10 minutes are needed, or 5 runs".to_owned(),
            Cause::Coarse => format!("too few intervals in {side}: {record}, or use a shorter --interval"),
            Cause::Bursts { count, mean_s } => {
                format!("only {} of about {} in {side}: {record}", things(count as u64, "burst"), seconds(mean_s))
            }
            Cause::Slow { memory_s } => {
                format!("stalls in {side} vary too slowly, over about {}: {record}", seconds(memory_s))
            }
        }
    }
}

fn seconds(s: f64) -> String {
    format!("{:.0} s", s.max(1.0))
}

/// Number of bursts, and of slices in all of them: slices in which there is any, and short gaps between them.
fn bursts(form: Form, run: &Run, memory: f64) -> (usize, usize) {
    let product = form.product();
    let any = |slice: &Slice| match &product {
        Some(product) => product.over.iter().any(|term| matches!(term, Term::Count(of) if slice.counted(*of) > 0)),
        None => !slice.latency.is_empty(),
    };
    let seen = run.slices.iter().enumerate().filter(|(_, slice)| slice.elapsed_ns() > 0 && any(slice));
    let (mut count, mut busy) = (0, 0);
    let mut last: Option<usize> = None;
    for (at, _) in seen {
        let gap = last.map_or(usize::MAX, |last| at - last);
        let is_near = float(gap) <= (memory / 2.0).max(2.0);
        count += usize::from(!is_near);
        busy += if is_near { gap } else { 1 };
        last = Some(at);
    }
    (count, busy)
}

#[expect(clippy::cast_precision_loss, reason = "a number of slices")]
fn float(n: usize) -> f64 {
    n as f64
}
