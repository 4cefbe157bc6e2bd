//! The wakes of the main thread: a signal, the end of the command, records in the ring, the time of the next drain.

use std::{
    future::pending,
    io,
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::unix::{AsyncFd, AsyncFdReadyGuard},
    select,
    signal::unix::{SignalKind, signal},
    sync::Notify,
};

use super::{
    command::Command,
    timer::{Timer, watch},
};
use crate::signals;

/// The sources of wakes.
#[derive(Debug)]
pub(super) struct Wakes {
    ring: AsyncFd<OwnedFd>,
    timer: Timer,
    signalled: Arc<Notify>,
}

/// A wake.
pub(super) enum Wake<'a> {
    /// The ring has records. Readiness is reported once for all of them: it may be cleared only when the ring is empty.
    Ring(AsyncFdReadyGuard<'a, OwnedFd>),
    /// Any other source: the loop checks its state for what is due.
    Other,
}

impl Wakes {
    /// Watches the ring, and the signals that end the tracing, whose handlers set the flags that the loop checks. Must
    /// be called inside a tokio runtime.
    pub(super) fn new(ring: &impl AsFd) -> io::Result<Self> {
        let signalled = Arc::<Notify>::default();
        for number in signals::ENDING {
            // A task for each signal: a future that the loop itself awaits is polled at each wake.
            let (mut signal, signalled) = (signal(SignalKind::from_raw(number))?, Arc::clone(&signalled));
            tokio::spawn(async move {
                while signal.recv().await.is_some() {
                    signalled.notify_one();
                }
            });
        }
        Ok(Self { ring: watch(ring.as_fd().try_clone_to_owned()?)?, timer: Timer::new()?, signalled })
    }

    /// The next wake, after `patience` at the latest.
    pub(super) async fn next(&mut self, command: Option<&mut Command>, patience: Duration) -> io::Result<Wake<'_>> {
        let Self { ring, timer, signalled } = self;
        timer.arm(patience)?;
        select! {
            biased;
            () = signalled.notified() => Ok(Wake::Other),
            () = ended(command) => Ok(Wake::Other),
            ready = ring.readable() => ready.map(Wake::Ring),
            expired = timer.expired() => expired.map(|()| Wake::Other),
        }
    }
}

/// Waits for the end of the command; for ever if there is none.
async fn ended(command: Option<&mut Command>) {
    match command {
        Some(command) => _ = command.ended().await,
        None => pending().await,
    }
}
