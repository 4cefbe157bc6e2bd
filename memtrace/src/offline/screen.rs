//! `memtrace replay` on the screen: a thread reads the recording, and the play head moves through the intervals read so
//! far.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use anyhow::{Result, anyhow};

use super::{
    input::Inputs,
    player::{Player, Request},
    start::start,
};
use crate::{
    cli::{ReplayArgs, Speed},
    screen::{Model, Playback},
    signals::Signals,
    stdout,
    terminal::{self, Control},
};
use memtrace_core::{gfp::GfpNames, limits::Limits, session::item::Item};
use memtrace_report::{output::bytes_of, replay::Items};

/// Number of items that the reader may be ahead of the screen.
const AHEAD: usize = 1024;
/// Interval at which signals are checked.
const SIGNAL_WAIT: Duration = Duration::from_millis(20);

/// Result of the reader.
struct Read {
    /// The summary, when all was read.
    last: Option<Item>,
    notes: Vec<String>,
    /// True when the inputs hold another recording.
    has_more: bool,
    status: u8,
}

/// Marks the screen as closed on drop, and so also when it panics.
struct Closing<'a>(&'a AtomicBool);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Shows the first recording on the screen; the result is the exit status.
pub(super) fn screen(args: &ReplayArgs, inputs: &Arc<Inputs>, signals: &Signals) -> Result<u8> {
    let request = Request::new(&args.filter, &args.time, args.text.utc)?;
    let mut player = Player::new(inputs);
    // The beginning determines how to show it; then the reader reads it as a whole.
    let Some(replay) = player.next_replay(&request) else { return Ok(player.finish()) };
    let (sender, receiver) = sync_channel(AHEAD);
    let control = Control::default();
    let speed = if let Speed::Times(times) = args.speed { times } else { 1.0 };
    let (clock, gfp) = (request.clock(replay.meta()), GfpNames::from_list(&replay.meta().setup.gfp_names));
    let start = start(replay.meta(), replay.filter(), 0, &clock, &gfp);
    let mut model = Model::of(&start, terminal::look(args.text.no_color));
    model.playback = Some(Playback { playing: true, speed });
    let mut sink = args.output.choice().sink(&start, &terminal::layout(args.text, args.top));
    let recorded = replay.meta().host.cgroup_limits.clone();
    drop((replay, player));
    let closed = Arc::new(AtomicBool::new(false));
    let (args, inputs, stop) = (args.clone(), Arc::clone(inputs), Arc::clone(&closed));
    let reader =
        thread::Builder::new().name("reader".to_owned()).spawn(move || read(&args, &inputs, &sender, &stop))?;
    let shown = thread::scope(|scope| {
        // A signal ends the screen as the quit key does.
        scope.spawn(|| {
            while !closed.load(Ordering::Relaxed) {
                if signals.received().is_some() {
                    control.quit.store(true, Ordering::Relaxed);
                }
                thread::sleep(SIGNAL_WAIT);
            }
        });
        let _closing = Closing(&closed);
        let limits = |id, path: &[u8]| Some(Limits::of_recording(id, path, &recorded));
        terminal::show(&receiver, &mut *sink, model, &control, limits)
    });
    // A reader that waits for room in the queue must stop waiting.
    drop(receiver);
    let read = reader.join().map_err(|_| anyhow!("the reading thread ended early"))??;
    if !stdout::is_read(shown, "showing the screen")? {
        return Ok(read.status);
    }
    if let Some(last) = read.last
        && !stdout::print(&bytes_of(&mut *sink, last)?)?
    {
        return Ok(0);
    }
    for note in &read.notes {
        say!("{note}");
    }
    if read.has_more {
        say!("the screen showed the first of several recordings. Name another one, or use --lines");
    }
    Ok(read.status)
}

/// Reads the first recording to its end, or until the screen is closed.
fn read(args: &ReplayArgs, inputs: &Arc<Inputs>, sender: &SyncSender<Item>, stop: &AtomicBool) -> Result<Read> {
    let request = Request::new(&args.filter, &args.time, args.text.utc)?;
    let mut player = Player::new(inputs).with_rows().quietly(true);
    let Some(mut replay) = player.next_replay(&request) else {
        return Ok(Read { last: None, notes: Vec::new(), has_more: false, status: player.finish() });
    };
    let send = |item| {
        if sender.send(item).is_err() {
            stop.store(true, Ordering::Relaxed);
        }
    };
    if let Some(before) = replay.meta().at_start.as_ref().filter(|_| replay.is_from_the_start()) {
        send(Item::AtStart(Box::new(before.clone())));
    }
    // The screen shows the rows of the ticks, and no single stalls.
    let mut items = Items { show: send, min_stall_ns: u64::MAX, kswapd: false };
    player.play(&mut replay, &mut items, || !stop.load(Ordering::Relaxed));
    let is_whole = !stop.load(Ordering::Relaxed);
    let clock = request.clock(replay.meta());
    let finished = replay.finish();
    let has_more = is_whole && player.has_more();
    let notes = finished.notes.iter().filter(|_| is_whole).map(|note| note.text(&clock)).collect();
    let last = is_whole.then(|| finished.item());
    Ok(Read { last, notes, has_more, status: player.finish() })
}
