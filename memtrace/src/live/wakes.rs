//! The wakes of the main thread: a signal, the end of the command, records in the ring, the time of the next drain.

use std::{
    future::{pending, poll_fn},
    io,
    os::fd::{AsFd, OwnedFd},
    task::Poll,
    time::Duration,
};

use tokio::{
    io::{
        Interest,
        unix::{AsyncFd, AsyncFdReadyGuard},
    },
    select,
    signal::unix::{Signal, SignalKind, signal},
    time::sleep,
};

use super::command::Command;
use crate::signals;

/// The sources of wakes.
#[derive(Debug)]
pub(super) struct Wakes {
    ring: AsyncFd<OwnedFd>,
    signals: Vec<Signal>,
}

/// A wake.
pub(super) enum Wake<'a> {
    /// The ring has records. Readiness comes once for all of them: it may be cleared only when the ring gave nothing.
    Ring(AsyncFdReadyGuard<'a, OwnedFd>),
    /// Any other: the state of things says what is due.
    Other,
}

impl Wakes {
    /// Watches the ring, and the signals that end the tracing: their handlers have set what the loop looks at.
    pub(super) fn new(ring: &impl AsFd) -> io::Result<Self> {
        let ring = ring.as_fd().try_clone_to_owned()?;
        // SAFETY: the descriptor is owned, and nothing replaces or closes it while the `AsyncFd` has it.
        let ring = unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) }?;
        let signals = signals::ENDING.iter().map(|&number| signal(SignalKind::from_raw(number)));
        Ok(Self { ring, signals: signals.collect::<io::Result<_>>()? })
    }

    /// The next wake, after `patience` at the latest.
    pub(super) async fn next(&mut self, command: Option<&mut Command>, patience: Duration) -> io::Result<Wake<'_>> {
        let Self { ring, signals } = self;
        select! {
            biased;
            () = received(signals) => Ok(Wake::Other),
            () = ended(command) => Ok(Wake::Other),
            ready = ring.readable() => ready.map(Wake::Ring),
            () = sleep(patience) => Ok(Wake::Other),
        }
    }
}

/// Waits for any of the signals.
async fn received(signals: &mut [Signal]) {
    poll_fn(|context| match signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready()) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}

/// Waits for the end of the command, for ever where there is none.
async fn ended(command: Option<&mut Command>) {
    match command {
        Some(command) => _ = command.ended().await,
        None => pending().await,
    }
}
