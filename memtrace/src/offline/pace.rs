//! Pace of a replay: real time, or a multiple of it.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{cli::Speed, signals::Signals};

/// Longest sleep in one go: a signal must be noticed soon.
const STEP: Duration = Duration::from_millis(50);

/// Schedule for the items of a replay.
#[derive(Debug)]
pub(super) struct Pace {
    speed: Speed,
    /// Instant at which the first item was shown, and the time of that item in ns.
    began: Option<(Instant, u64)>,
}

impl Pace {
    /// A pace of this speed, which starts with the first call of [`Self::due_in`].
    pub(super) fn new(speed: Speed) -> Self {
        Self { speed, began: None }
    }

    /// Time until an item of time `t_ns` is due.
    pub(super) fn due_in(&mut self, t_ns: u64) -> Duration {
        let Speed::Times(times) = self.speed else { return Duration::ZERO };
        let (began, from_ns) = *self.began.get_or_insert_with(|| (Instant::now(), t_ns));
        let after = Duration::from_nanos(t_ns.saturating_sub(from_ns)).div_f64(times);
        after.saturating_sub(began.elapsed())
    }

    /// Waits this long, or until a signal comes.
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
