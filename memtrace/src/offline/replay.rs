//! `memtrace replay`.

use std::{
    cell::RefCell,
    io::{self, BufWriter, Write as _},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use super::{
    input::{Feed, Opener},
    pace::Pace,
    player::{Player, Request},
    screen::screen,
    start::start,
    stream::Streamed,
};
use crate::{
    cli::{ReplayArgs, Speed},
    exit::WrongUsage,
    signals::Signals,
    stdout, terminal,
};
use memtrace_core::{gfp::GfpNames, session::item::Item};
use memtrace_report::{
    output::{Sink, bytes_of},
    replay::Items,
};

/// Writes items, each when it is due.
struct Show<'a> {
    sink: Box<dyn Sink>,
    out: BufWriter<io::StdoutLock<'a>>,
    pace: Pace,
    signals: &'a Signals,
    failed: Option<io::Error>,
    is_stream: bool,
    /// True when a signal has ended it.
    stopped: bool,
}

/// An item that is due later than this is not from a live recording.
const LIVE: Duration = Duration::from_millis(1500);

impl Show<'_> {
    fn item(&mut self, item: Item, is_last: bool) {
        if self.failed.is_some() {
            return;
        }
        if let Some(t_ns) = time_of(&item).filter(|_| !is_last) {
            let due_in = self.pace.due_in(t_ns);
            if !due_in.is_zero() {
                // The output so far must be visible before a wait.
                self.flush();
                self.pace.wait(due_in, self.signals);
            }
            if self.signals.received().is_some() && (!self.is_stream || due_in > LIVE) {
                self.stopped = true;
                return;
            }
        }
        match bytes_of(&mut *self.sink, item) {
            Ok(bytes) => self.write(&bytes),
            Err(e) => self.failed = Some(e),
        }
    }

    fn flush(&mut self) {
        if self.failed.is_none() {
            self.failed = self.out.flush().err();
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.failed = self.out.write_all(bytes).err();
        }
    }
}

fn time_of(item: &Item) -> Option<u64> {
    match item {
        Item::Stall(stall, _) => Some(stall.t_ns),
        Item::Oom(oom, _) => Some(oom.t_ns),
        Item::Freed(freed) => Some(freed.t_ns),
        Item::Kswapd(kswapd) => Some(kswapd.t_ns),
        Item::Tick(tick, _) => Some(tick.t_ns),
        Item::AtStart(_) | Item::Said(_) | Item::Summary(..) => None,
    }
}

/// Shows traces as `memtrace live` showed them; the result is the exit status.
///
/// # Errors
/// When there is nothing to read, or stdout fails.
pub fn replay(args: &ReplayArgs) -> Result<u8> {
    let request = Request::new(&args.filter, &args.time, args.text.utc)?;
    let wants_screen = args.tui || (args.output.asked.is_none() && args.speed != Speed::Max);
    let on_screen = wants_screen && terminal::can_show_screen();
    if args.tui && !on_screen {
        bail!(WrongUsage(
            "the screen needs a terminal on stdin and stdout, and a TERM other than `dumb`: leave out --tui".to_owned()
        ));
    }
    // A time counted from the end is known only at the end, the screen goes back in time, and a replay at full speed
    // shows everything in order: all of them read the whole input first.
    let feed = if on_screen || args.speed == Speed::Max || request.time.needs_end() {
        Feed::Inputs(Opener::default().open(&args.inputs)?)
    } else {
        Opener::default().open_or_stream(&args.inputs)?
    };
    // Up to here a signal ends memtrace as usual.
    let signals = Signals::install(None).context("installing the signal handlers")?;
    let is_stream = matches!(feed, Feed::Stream(..));
    let mut player = match feed {
        Feed::Inputs(inputs) if on_screen => return screen(args, &inputs, &signals),
        Feed::Inputs(inputs) => Player::new(&inputs),
        Feed::Stream(file, pipe) => Player::streaming(Streamed::new(file, pipe, signals.clone())),
    };
    let min_stall_ns = u64::try_from(args.min_stall().as_nanos()).unwrap_or(u64::MAX);
    while let Some(mut replay) = player.next_replay(&request) {
        let (clock, gfp) = (request.clock(replay.meta()), GfpNames::from_list(&replay.meta().setup.gfp_names));
        let start = start(replay.meta(), replay.filter(), min_stall_ns, &clock, &gfp);
        let mut sink = args.output.choice().sink(&start, &terminal::layout(args.text, args.top));
        let head = sink.start();
        let show = RefCell::new(Show {
            sink,
            out: BufWriter::with_capacity(64 << 10, io::stdout().lock()),
            pace: Pace::new(args.speed),
            signals: &signals,
            failed: None,
            is_stream,
            stopped: false,
        });
        show.borrow_mut().write(&head);
        if replay.is_from_the_start()
            && let Some(before) = &replay.meta().at_start
        {
            show.borrow_mut().item(Item::AtStart(Box::new(before.clone())), false);
        }
        let mut items = Items {
            show: |item| show.borrow_mut().item(item, false),
            min_stall_ns,
            kswapd: args.output.choice().output.is_complete || args.verbose,
        };
        player.play(&mut replay, &mut items, || {
            let mut show = show.borrow_mut();
            if is_stream {
                // The next item may take long to arrive.
                show.flush();
            }
            // The writer of a pipe may have received the same signal: its last blocks are still to come.
            show.stopped |= !is_stream && signals.received().is_some();
            show.failed.is_none() && !show.stopped
        });
        let clock = request.clock(replay.meta());
        let finished = replay.finish();
        let mut show = show.into_inner();
        if player.is_left_out(&finished, &request) {
            continue;
        }
        if !finished.is_empty {
            show.item(finished.item(), true);
        }
        let flushed = show.out.flush();
        if !stdout::is_read(show.failed.map_or(flushed, Err), "writing to stdout; the summary is not complete")? {
            return Ok(0);
        }
        if show.stopped {
            return Ok(0);
        }
        for note in &finished.notes {
            say!("{}", note.text(&clock));
        }
    }
    Ok(player.finish())
}
