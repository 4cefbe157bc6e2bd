//! Shows the screen on the terminal: takes items from the queue and keys from the terminal, and draws the changes.

use std::{
    io::{self, Write as _},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, TryRecvError},
    },
    time::{Duration, Instant},
};

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::{Terminal, TerminalOptions, Viewport, backend::CrosstermBackend, layout::Rect};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Signal, getpid, kill_process},
    stdio::stdin,
};
use signal_hook::{
    consts::{SIGCONT, SIGTSTP},
    flag,
};

use super::{
    size,
    tty::{self, Held, leave},
};
use crate::screen::{Effect, Key, Model, view};
use memtrace_core::{limits::Limits, session::item::Item};
use memtrace_report::output::{Sink, bytes_of};

/// Longest wait for a key, after which new items are shown.
const WAIT: Duration = Duration::from_millis(50);
/// Most items that are taken before keys have their turn.
const AT_ONCE: usize = 4096;

/// Requests of the screen to the producer of its items.
#[derive(Debug, Default)]
pub struct Control {
    /// The user wants to quit.
    pub quit: AtomicBool,
    /// New length of an interval in ns; 0 for no change.
    pub interval_ns: AtomicU64,
    /// Begin a file, or end it.
    pub record: AtomicBool,
    /// Save the last ten minutes to a file.
    pub save: AtomicBool,
}

/// Shows the screen until the summary comes, and then the summary as lines. `limits` returns the limits of a cgroup, by
/// its ID and path.
///
/// # Errors
/// When the terminal fails.
pub fn show(
    receiver: &Receiver<Item>,
    lines: &mut dyn Sink,
    mut model: Model,
    control: &Control,
    mut limits: impl FnMut(u64, &[u8]) -> Option<Limits>,
) -> io::Result<()> {
    let held = Held::new()?;
    let shown = run(receiver, &mut model, control, &held, &mut limits);
    leave();
    held.release();
    if let Some(last) = shown? {
        let mut out = io::stdout().lock();
        let summary = bytes_of(lines, last)?;
        out.write_all(&summary).and_then(|()| out.flush())?;
    }
    Ok(())
}

/// Draws until the last item, which is returned; `None` when there is none.
fn run(
    receiver: &Receiver<Item>,
    model: &mut Model,
    control: &Control,
    held: &Held,
    limits: &mut dyn FnMut(u64, &[u8]) -> Option<Limits>,
) -> io::Result<Option<Item>> {
    let [stop, go_on] = [SIGTSTP, SIGCONT].map(|signal| {
        let flag = Arc::new(AtomicBool::new(false));
        flag::register(signal, Arc::clone(&flag)).map(|_| flag)
    });
    let (stop, go_on) = (stop?, go_on?);
    held.enter()?;
    // A fixed viewport bounds the size that the terminal claims, and needs no query to the terminal: the answer may
    // never come.
    let viewport = Viewport::Fixed(area());
    let mut terminal = Terminal::with_options(CrosstermBackend::new(io::stdout()), TerminalOptions { viewport })?;
    let mut shown = area();
    let (mut changed, mut redraw) = (true, false);
    let mut before = Instant::now();
    loop {
        // Nothing else ends a playback.
        if model.playback.is_some() && control.quit.load(Ordering::Relaxed) {
            return Ok(None);
        }
        for _ in 0..AT_ONCE {
            match receiver.try_recv() {
                Ok(last @ Item::Summary(..)) => return Ok(Some(last)),
                Ok(item) => {
                    model.push(item);
                    changed = true;
                }
                Err(TryRecvError::Empty) => break,
                // A recording that was read to its end is still shown.
                Err(TryRecvError::Disconnected) if model.playback.is_some() => break,
                Err(TryRecvError::Disconnected) => return Ok(None),
            }
        }
        let now = Instant::now();
        changed |= model.advance(now.duration_since(before));
        before = now;
        if tty::is_over() {
            return Err(io::Error::other("a thread panicked; its message is above"));
        }
        if go_on.swap(false, Ordering::Relaxed) {
            held.enter()?;
            redraw = true;
        }
        if std::mem::take(&mut redraw) || shown != area() {
            shown = area();
            terminal.resize(shown)?;
            changed = true;
        }
        if let Some((id, path)) = model.limits_wanted().filter(|_| changed) {
            model.limits = limits(id, &path);
        }
        if changed {
            terminal.draw(|frame| view::draw(model, frame.area(), frame.buffer_mut()))?;
            changed = false;
        }
        let mut effect = if stop.swap(false, Ordering::Relaxed) { Effect::Suspend } else { Effect::None };
        if effect == Effect::None {
            wait_for_keys()?;
        }
        if effect == Effect::None && event::poll(Duration::ZERO)? {
            changed = true;
            let event = event::read()?;
            // Esc and a key soon after it are read as Alt and the key, which is bound to nothing.
            if has_alt(&event) {
                effect = model.key(Key::Esc);
            }
            if let Some(key) = key(&event).filter(|_| effect == Effect::None) {
                effect = model.key(key);
            }
        }
        match effect {
            Effect::None => {}
            Effect::Quit => control.quit.store(true, Ordering::Relaxed),
            Effect::Interval(ns) => control.interval_ns.store(ns, Ordering::Relaxed),
            Effect::Record => control.record.store(true, Ordering::Relaxed),
            Effect::Save => control.save.store(true, Ordering::Relaxed),
            Effect::Redraw => redraw = true,
            Effect::Suspend => {
                leave();
                // All threads stop here until SIGCONT, which shows the screen again.
                kill_process(getpid(), Signal::STOP)?;
            }
        }
    }
}

/// Area of the terminal that is drawn on: all of it, up to `MAX_SIZE`.
fn area() -> Rect {
    let (columns, rows) = size();
    Rect::new(0, 0, columns, rows)
}

/// Waits for keys or a new size. A terminal that is gone is an error: a read from it would never end.
fn wait_for_keys() -> io::Result<()> {
    let timeout = Timespec::try_from(WAIT).map_err(io::Error::other)?;
    let stdin = stdin();
    let mut keys = [PollFd::new(&stdin, PollFlags::IN)];
    match poll(&mut keys, Some(&timeout)) {
        // A signal: the size may have changed.
        Err(Errno::INTR) => Ok(()),
        Err(e) => Err(e.into()),
        Ok(_) if keys[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) => {
            Err(io::Error::new(io::ErrorKind::BrokenPipe, "the terminal is gone"))
        }
        Ok(_) => Ok(()),
    }
}

/// True for a key that was pressed with Alt.
fn has_alt(event: &Event) -> bool {
    matches!(event, Event::Key(KeyEvent { modifiers, kind, .. })
        if *kind != KeyEventKind::Release && modifiers.contains(KeyModifiers::ALT))
}

/// Converts a key of the terminal to a [`Key`]; `None` for other events and keys.
fn key(event: &Event) -> Option<Key> {
    let Event::Key(KeyEvent { code, modifiers, kind, .. }) = event else { return None };
    if *kind == KeyEventKind::Release {
        return None;
    }
    Some(match code {
        KeyCode::Char(c) if modifiers.contains(KeyModifiers::CONTROL) => Key::Ctrl(c.to_ascii_lowercase()),
        KeyCode::Char(c) => Key::Char(*c),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        _ => return None,
    })
}
