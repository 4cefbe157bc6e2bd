//! As fast as it was, or so many times as fast.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{cli::Speed, signals::Signals};

/// Longest sleep in one go: a signal is to be heard soon.
const STEP: Duration = Duration::from_millis(50);

/// When what is to be shown.
#[derive(Debug)]
pub(super) struct Pace {
    speed: Speed,
    /// The instant at which what happened at this time (in ns) was shown.
    began: Option<(Instant, u64)>,
}

impl Pace {
    /// At this speed, from the first time on that it hears of.
    pub(super) fn new(speed: Speed) -> Self {
        Self { speed, began: None }
    }

    /// How long until what happened at `t_ns` is due.
    pub(super) fn due_in(&mut self, t_ns: u64) -> Duration {
        let Speed::Times(times) = self.speed else { return Duration::ZERO };
        let (began, from_ns) = *self.began.get_or_insert_with(|| (Instant::now(), t_ns));
        let after = Duration::from_nanos(t_ns.saturating_sub(from_ns)).div_f64(times);
        after.saturating_sub(began.elapsed())
    }

    /// Waits for so long, or until a signal comes.
    pub(super) fn wait(&self, due_in: Duration, signals: &Signals) {
        let until = Instant::now() + due_in;
        while signals.received().is_none() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::sleep(left.min(STEP));
        }
    }
}
