//! The sides of a comparison, and the reading of their runs.

use std::sync::Arc;

use anyhow::Result;

use super::{
    input::{Inputs, Opener},
    overlap::Held,
    player::{Player, Request},
};
use crate::{
    cli::{FilterArgs, TimeArgs},
    exit, messages,
};
use memtrace_report::{
    compare::{Collector, Run, Side},
    replay::window::Asked,
};

/// The sides of a comparison.
pub(super) struct Sides {
    pub(super) sides: Vec<Side>,
    /// True when the n-th run of one side and the n-th of the other are a pair.
    pub(super) paired: bool,
}

/// Reads runs, and keeps what the sides have in common: open pipes, times of recordings, the exit status.
#[derive(Default)]
pub(super) struct Reading {
    utc: bool,
    pub(super) opener: Opener,
    /// True when the inputs were read before, so that faults in them are not reported again.
    pub(super) again: bool,
    pub(super) status: u8,
    /// Times of recordings by side, in which no two sides may overlap.
    pub(super) held: Vec<Held>,
    files: usize,
}

impl Reading {
    /// A reader that has read nothing yet.
    pub(super) fn new(utc: bool) -> Self {
        Self { utc, ..Self::default() }
    }

    /// All runs in these inputs: each recording is one.
    pub(super) fn runs(&mut self, inputs: &Arc<Inputs>, time: &Asked) -> Result<Vec<Run>> {
        let filter = FilterArgs::default();
        let request = Request { filter: &filter, time: time.clone(), utc: self.utc };
        // Totals, histograms and tables are in the ticks: no single event is needed.
        let mut player = Player::new(inputs).without_entries().quietly(self.again);
        let mut runs = Vec::new();
        while let Some(mut replay) = player.next_replay(&request) {
            self.progress();
            let mut collector = Collector::new(replay.meta());
            player.play(&mut replay, &mut collector, || true);
            let clock = request.clock(replay.meta());
            if let (Some(held), Some(recording)) = (self.held.last_mut(), player.recording()) {
                held.add(recording, replay.window(), [&player.name(), &player.first_file()], &clock);
            }
            let finished = replay.finish();
            if player.is_left_out(&finished, &request) {
                continue;
            }
            if finished.is_empty {
                let notes: Vec<String> = finished.notes.iter().map(|note| note.text(&clock)).collect();
                say!("one recording is left out: {}", notes.join("; "));
                continue;
            }
            runs.push(collector.into_run(finished, &clock));
        }
        self.status = exit::worse(self.status, player.finish());
        if self.files > 0 {
            messages::progress("");
        }
        Ok(runs)
    }

    fn progress(&mut self) {
        self.files += 1;
        messages::progress(&format!("reading recording {}", self.files));
    }
}

/// Time range of each recording to read.
pub(super) fn asked(time: &TimeArgs) -> Asked {
    Asked { since: time.since.clone(), until: time.until.clone(), ..Asked::default() }
}
