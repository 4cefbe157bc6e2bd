//! What ends the tracing: a signal, the duration, the command's end, a closed output.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicI32, AtomicU64, Ordering},
    },
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    low_level,
};

use super::start::now_ns;
use crate::terminal;

/// Signals closer together than this are one: timeout(1) sends its signal to the process and to its group.
const SAME_NS: u64 = 300_000_000;

/// The signals that end the tracing cleanly; the second one ends the process at once.
#[derive(Clone, Debug)]
pub(crate) struct Signals {
    which: Arc<AtomicI32>,
}

impl Signals {
    /// Installs the handlers.
    pub(crate) fn install() -> io::Result<Self> {
        let signals = Self { which: Arc::default() };
        let first_ns = Arc::new(AtomicU64::new(0));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let (which, first_ns) = (Arc::clone(&signals.which), Arc::clone(&first_ns));
            let handler = move || {
                let now = now_ns();
                match first_ns.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed) {
                    Ok(_) => which.store(signal, Ordering::Relaxed),
                    // The kernel detaches everything when the process ends.
                    Err(first) if now.saturating_sub(first) > SAME_NS => {
                        terminal::leave();
                        low_level::exit(128 + signal)
                    }
                    Err(_) => {}
                }
            };
            // SAFETY: atomics, clock_gettime, write, dup3, tcsetattr and _exit are async-signal-safe; nothing is allocated or locked.
            unsafe { low_level::register(signal, handler) }?;
        }
        Ok(signals)
    }

    /// The signal that asked for the end, if one did.
    pub(crate) fn received(&self) -> Option<i32> {
        let which = self.which.load(Ordering::Relaxed);
        (which != 0).then_some(which)
    }
}
