//! Playback of a recording: a play head moves through its intervals.

use std::time::Duration;

use super::model::Model;

/// The slowest and the fastest speed.
const SPEEDS: (f64, f64) = (0.125, 1024.0);

/// State of the playback.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Playback {
    /// True while the play head moves.
    pub playing: bool,
    /// Speed as a multiple of real time.
    pub speed: f64,
}

impl Model {
    /// Advances the play head by a time; true when another interval is shown.
    pub fn advance(&mut self, elapsed: Duration) -> bool {
        let (Some(playback), Some(at)) = (self.playback.filter(|playback| playback.playing), self.at_ns) else {
            return false;
        };
        let shown = |model: &Self| model.shown().map(|frame| frame.tick.t_ns);
        let before = shown(self);
        let by = u64::try_from(elapsed.mul_f64(playback.speed).as_nanos()).unwrap_or(u64::MAX);
        let last = self.history().latest().map_or(at, |frame| frame.tick.t_ns);
        self.at_ns = Some(at.saturating_add(by).min(last.max(at)));
        before != shown(self)
    }

    /// True when the play head is at the last interval that was read.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.history().latest().is_none_or(|frame| self.at_ns.is_none_or(|at| at >= frame.tick.t_ns))
    }

    /// Plays or pauses. At the end, plays from the beginning.
    pub(super) fn play_or_pause(&mut self) {
        let first = self.history().first().map(|frame| frame.tick.t_ns);
        let at_end = self.is_at_end();
        if let Some(playback) = &mut self.playback {
            playback.playing = !playback.playing || at_end;
            if at_end {
                self.at_ns = first;
            }
        }
    }

    /// Pauses at the shown interval.
    pub(super) fn hold(&mut self) {
        self.at_ns = self.at_ns.or_else(|| self.history().latest().map(|frame| frame.tick.t_ns));
        if let Some(playback) = &mut self.playback {
            playback.playing = false;
        }
    }

    /// Multiplies the speed by a factor, within its bounds.
    pub(super) fn change_speed(&mut self, by: f64) {
        if let Some(playback) = &mut self.playback {
            playback.speed = (playback.speed * by).clamp(SPEEDS.0, SPEEDS.1);
        }
    }
}
