//! The delay that a busy machine adds to each wake-up, measured beside what a test times.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Length of one sleep of the thread that measures.
const NAP: Duration = Duration::from_millis(5);

/// Wake-ups that what is timed may need one after the other: threads that wait for each other at an end.
const WAKE_UPS: u32 = 10;

/// Does `what`, which must take no longer than `limit` and the delay that the machine adds meanwhile.
///
/// # Panics
/// When it takes longer.
#[track_caller]
pub fn within<T>(limit: Duration, what: impl FnOnce() -> T) -> T {
    let (lag, start) = (Lag::measure(), Instant::now());
    let done = what();
    let (took, worst) = (start.elapsed(), lag.worst());
    assert!(took < limit + WAKE_UPS * worst, "{took:?} where {limit:?} were allowed; wake-ups came {worst:?} late");
    done
}

/// A thread that sleeps again and again, and keeps by how much it woke too late at worst.
#[derive(Debug)]
pub struct Lag {
    over: Arc<AtomicBool>,
    worst: JoinHandle<Duration>,
}

impl Lag {
    /// Begins to measure.
    #[must_use]
    pub fn measure() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&over);
        let worst = thread::spawn(move || {
            let mut worst = Duration::ZERO;
            while !ends.load(Ordering::Relaxed) {
                let asleep = Instant::now();
                thread::sleep(NAP);
                worst = worst.max(asleep.elapsed().saturating_sub(NAP));
            }
            worst
        });
        Self { over, worst }
    }

    /// The longest delay of a wake-up since [`Lag::measure`].
    ///
    /// # Panics
    /// When the thread has panicked.
    #[must_use]
    pub fn worst(self) -> Duration {
        self.over.store(true, Ordering::Relaxed);
        self.worst.join().unwrap_or_else(|_| panic!("the thread that measures the lag has ended"))
    }
}
