//! Signals that end memtrace cleanly, and at once when they come again.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering},
    },
};

use signal_hook::{
    consts::{SIGALRM, SIGHUP, SIGINT, SIGPROF, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU},
    low_level,
};

use crate::{host::clocks::monotonic_ns, terminal};

/// Signals that end memtrace cleanly.
pub(crate) const ENDING: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];
/// Signals that would end the process at once, and must not while something has to be restored first.
const OTHERS: [i32; 7] = [SIGQUIT, SIGALRM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGPROF, SIGXCPU];

/// Signals closer together than this are one: timeout(1) sends its signal to the process and to its group.
const SAME_NS: u64 = 300_000_000;

/// The signals that end the tracing cleanly; the second one ends the process at once.
#[derive(Clone, Debug)]
pub(crate) struct Signals {
    which: Arc<AtomicI32>,
}

impl Signals {
    /// Installs the handlers. With `hold`, all signals that can be handled end the tracing cleanly, and none ends the
    /// process at once while it holds.
    pub(crate) fn install(hold: Option<Arc<AtomicBool>>) -> io::Result<Self> {
        let signals = Self { which: Arc::default() };
        let first_ns = Arc::new(AtomicU64::new(0));
        let others: &[i32] = if hold.is_some() { &OTHERS } else { &[] };
        let hold = hold.unwrap_or_default();
        for signal in ENDING.iter().chain(others).copied() {
            let (which, first_ns, hold) = (Arc::clone(&signals.which), Arc::clone(&first_ns), Arc::clone(&hold));
            let handler = move || {
                let now = monotonic_ns();
                match first_ns.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed) {
                    Ok(_) => which.store(signal, Ordering::Relaxed),
                    // The kernel detaches everything when the process ends.
                    Err(first) if now.saturating_sub(first) > SAME_NS && !hold.load(Ordering::Relaxed) => {
                        terminal::leave_at_once();
                        low_level::exit(128 + signal)
                    }
                    Err(_) => {}
                }
            };
            // SAFETY: atomics, clock_gettime, pread, write, dup3, tcsetattr and _exit are async-signal-safe; nothing is
            // allocated or locked.
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
