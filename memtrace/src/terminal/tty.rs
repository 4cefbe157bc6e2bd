//! The terminal as a screen, and back: whatever ends memtrace, the terminal is left as it was.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, Write as _},
    os::fd::{AsFd as _, OwnedFd},
    sync::{
        Once, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use rustix::{
    fs::{MemfdFlags, memfd_create},
    stdio::{dup2_stderr, stderr, stdin, stdout},
    termios::{OptionalActions, Termios, tcgetattr, tcsetattr},
};

/// The alternate screen, and no cursor.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[2J";
/// Plain text, the cursor, the screen as it was.
const LEAVE: &[u8] = b"\x1b[0m\x1b[?25h\x1b[?1049l";

static ENTERED: AtomicBool = AtomicBool::new(false);
static ORIGINAL: OnceLock<Termios> = OnceLock::new();
static STDERR: OnceLock<OwnedFd> = OnceLock::new();
static HOOK: Once = Once::new();

/// What is written to stderr while the screen is shown, so that it does not go into it.
#[derive(Debug)]
pub(super) struct Held(File);

impl Held {
    /// From now on stderr is held.
    pub(super) fn new() -> io::Result<Self> {
        if STDERR.get().is_none() {
            let copy = stderr().try_clone_to_owned()?;
            let _ = STDERR.set(copy);
        }
        let file = memfd_create("stderr", MemfdFlags::CLOEXEC)?;
        Ok(Self(File::from(file)))
    }

    /// What was held comes out. Call after [`leave`].
    pub(super) fn release(mut self) {
        let mut text = Vec::new();
        // Nobody could be told that stderr is gone.
        let _ = self.0.rewind().and_then(|()| self.0.read_to_end(&mut text));
        let _ = io::stderr().write_all(&text);
    }

    /// Shows the screen.
    pub(super) fn enter(&self) -> io::Result<()> {
        let now = tcgetattr(stdin())?;
        let mut raw = ORIGINAL.get_or_init(|| now).clone();
        raw.make_raw();
        HOOK.call_once(|| {
            let hook = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                leave();
                hook(info);
            }));
        });
        dup2_stderr(self.0.as_fd())?;
        ENTERED.store(true, Ordering::SeqCst);
        tcsetattr(stdin(), OptionalActions::Now, &raw)?;
        write_all(ENTER)
    }
}

/// Leaves the screen, if it is shown. Only system calls: a signal handler may call it.
pub fn leave() {
    if !ENTERED.swap(false, Ordering::SeqCst) {
        return;
    }
    if let Some(fd) = STDERR.get() {
        let _ = dup2_stderr(fd);
    }
    // A terminal that is gone needs nothing.
    let _ = write_all(LEAVE);
    if let Some(original) = ORIGINAL.get() {
        let _ = tcsetattr(stdin(), OptionalActions::Now, original);
    }
}

fn write_all(mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let n = rustix::io::retry_on_intr(|| rustix::io::write(stdout(), bytes))?;
        bytes = &bytes[n..];
    }
    Ok(())
}
