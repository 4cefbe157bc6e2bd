//! Switches the terminal to the screen and back: however memtrace ends, the terminal is left as it was.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use rustix::{
    fs::{MemfdFlags, SeekFrom, ftruncate, memfd_create, seek},
    io::{pread, retry_on_intr, write},
    stdio::{dup2_stderr, stderr, stdin, stdout},
    termios::{OptionalActions, Termios, tcgetattr, tcsetattr},
};
use signal_hook::{
    consts::{SIGABRT, SIGQUIT},
    low_level,
};

use crate::messages;

/// The alternate screen, and no cursor.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[2J";
/// Plain text, the cursor, the screen as it was.
const LEAVE: &[u8] = b"\x1b[0m\x1b[?25h\x1b[?1049l";

static ENTERED: AtomicBool = AtomicBool::new(false);
static ORIGINAL: OnceLock<Termios> = OnceLock::new();
static FILES: OnceLock<Files> = OnceLock::new();
static HOOKED: AtomicBool = AtomicBool::new(false);
static OVER: AtomicBool = AtomicBool::new(false);

/// Targets of stderr.
#[derive(Debug)]
struct Files {
    /// The target while no screen is shown.
    stderr: OwnedFd,
    /// The target while a screen is shown: a file in memory.
    held: OwnedFd,
}

/// Holds text written to stderr while the screen is shown, so that it does not garble the screen.
#[derive(Debug)]
pub(super) struct Held(&'static Files);

impl Held {
    /// Prepares to hold stderr.
    pub(super) fn new() -> io::Result<Self> {
        if let Some(files) = FILES.get() {
            return Ok(Self(files));
        }
        let held = memfd_create("stderr", MemfdFlags::CLOEXEC)?;
        let files = Files { stderr: stderr().try_clone_to_owned()?, held };
        Ok(Self(FILES.get_or_init(|| files)))
    }

    /// Writes the held text to stderr. Call after [`leave`].
    pub(super) fn release(self) {
        let mut text = Vec::new();
        pieces(&self.0.held, |piece| {
            text.extend_from_slice(piece);
            true
        });
        if !text.is_empty() {
            messages::print(text);
        }
        // It is a file in memory: nothing here can fail.
        let _ = ftruncate(&self.0.held, 0);
        let _ = seek(&self.0.held, SeekFrom::Start(0));
    }

    /// Shows the screen.
    pub(super) fn enter(&self) -> io::Result<()> {
        let now = tcgetattr(stdin())?;
        let mut raw = ORIGINAL.get_or_init(|| now).clone();
        raw.make_raw();
        hook()?;
        ENTERED.store(true, Ordering::SeqCst);
        dup2_stderr(&self.0.held)?;
        tcsetattr(stdin(), OptionalActions::Now, &raw)?;
        write_all(stdout(), ENTER)
    }
}

/// Makes a panic of any thread, an abort (out of memory, for example) and SIGQUIT leave the screen.
fn hook() -> io::Result<()> {
    if HOOKED.swap(true, Ordering::SeqCst) {
        return Ok(());
    }
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        OVER.store(true, Ordering::SeqCst);
        leave();
        hook(info);
    }));
    for signal in [SIGABRT, SIGQUIT] {
        let end = move || {
            leave_at_once();
            // It cannot fail for these two, which end the process.
            let _ = low_level::emulate_default_handler(signal);
        };
        // SAFETY: the handler makes system calls only; nothing is allocated or locked.
        unsafe { low_level::register(signal, end) }?;
    }
    Ok(())
}

/// True when a thread has panicked: the screen was left, and must not be drawn again.
pub(super) fn is_over() -> bool {
    OVER.load(Ordering::SeqCst)
}

/// Leaves the screen of a process that ends at once, and writes out the held text. Only system calls: a signal handler
/// may call it.
pub fn leave_at_once() {
    leave();
    if let Some(files) = FILES.get() {
        pieces(&files.held, |piece| write_all(&files.stderr, piece).is_ok());
    }
}

/// Passes a file to `take`, piece by piece, until its end or until `take` returns false. Only system calls.
fn pieces(file: &OwnedFd, mut take: impl FnMut(&[u8]) -> bool) {
    let (mut piece, mut at) = ([0; 1024], 0);
    while let Ok(n @ 1..) = retry_on_intr(|| pread(file, &mut piece, at)) {
        at += n as u64;
        if !take(&piece[..n]) {
            return;
        }
    }
}

/// Leaves the screen, if it is shown. Only system calls: a signal handler may call it.
pub(super) fn leave() {
    if !ENTERED.swap(false, Ordering::SeqCst) {
        return;
    }
    if let Some(files) = FILES.get() {
        let _ = dup2_stderr(&files.stderr);
    }
    // A terminal that is gone needs nothing.
    let _ = write_all(stdout(), LEAVE);
    if let Some(original) = ORIGINAL.get() {
        let _ = tcsetattr(stdin(), OptionalActions::Now, original);
    }
}

fn write_all(file: impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let n = retry_on_intr(|| write(&file, bytes))?;
        bytes = &bytes[n..];
    }
    Ok(())
}
