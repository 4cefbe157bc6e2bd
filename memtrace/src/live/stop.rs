//! What ends the tracing: a signal, the duration, the command's end, a closed output.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, Ordering},
    },
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag, low_level,
};

/// The signals that end the tracing cleanly; the second one ends the process at once.
#[derive(Clone, Debug)]
pub(super) struct Signals {
    asked: Arc<AtomicBool>,
    which: Arc<AtomicI32>,
}

impl Signals {
    /// Installs the handlers.
    pub(super) fn install() -> io::Result<Self> {
        let signals = Self { asked: Arc::default(), which: Arc::default() };
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // In this order: the first signal sets the flag, the next finds it set and exits. The kernel detaches all.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&signals.asked))?;
            let which = Arc::clone(&signals.which);
            // SAFETY: storing into an atomic is async-signal-safe.
            unsafe { low_level::register(signal, move || which.store(signal, Ordering::Relaxed)) }?;
            flag::register(signal, Arc::clone(&signals.asked))?;
        }
        Ok(signals)
    }

    /// The signal that asked for the end, if one did.
    pub(super) fn received(&self) -> Option<i32> {
        self.asked.load(Ordering::Relaxed).then(|| self.which.load(Ordering::Relaxed))
    }
}
