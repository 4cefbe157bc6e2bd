//! Timer of the main thread: a timerfd. A timer of tokio would wake the thread twice as often, once more to arm it and
//! once more where the deadline crosses a level of its wheel, and would cost time at all other wakes.

use std::{io, os::fd::OwnedFd, time::Duration};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::{Interest, unix::AsyncFd};

/// A timer that expires once after it is armed.
#[derive(Debug)]
pub(super) struct Timer(AsyncFd<OwnedFd>);

impl Timer {
    /// Creates a timer that is not armed. Must be called inside a tokio runtime.
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        Ok(Self(watch(timerfd_create(TimerfdClockId::Monotonic, flags)?)?))
    }

    /// Arms the timer. After an expiry that nothing waited for, the next wait may end at once.
    pub(super) fn arm(&self, after: Duration) -> io::Result<()> {
        // A time of zero would disarm it.
        let it_value = Timespec::try_from(after.max(Duration::from_nanos(1))).map_err(io::Error::other)?;
        let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &Itimerspec { it_interval, it_value })?;
        Ok(())
    }

    /// Waits until it expires.
    pub(super) async fn expired(&self) -> io::Result<()> {
        self.0.readable().await?.clear_ready();
        Ok(())
    }
}

/// Registers a descriptor with the runtime, to wait until it is readable. Nothing is read through it.
pub(super) fn watch(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the descriptor is owned, and nothing replaces or closes it while the `AsyncFd` has it.
    let watched = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) };
    Ok(watched?)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::runtime::Builder;

    use super::*;

    #[test]
    fn it_expires_once_for_each_time_it_is_armed() {
        let runtime = Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            let timer = Timer::new().unwrap();
            for after in [Duration::ZERO, Duration::from_millis(30)] {
                let begun = Instant::now();
                timer.arm(after).unwrap();
                timer.expired().await.unwrap();
                assert!(begun.elapsed() >= after, "{:?}", begun.elapsed());
            }
        });
    }
}
