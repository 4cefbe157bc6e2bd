//! The delay that a busy machine adds to each wait, measured in parallel with a timed test.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::thread::{MembarrierCommand, membarrier};

/// Length of one sleep of the thread that measures.
const NAP: Duration = Duration::from_millis(5);

/// Maximum number of consecutive waits in a timed operation: threads that wait for each other at an end, and RCU grace
/// periods, after which the kernel frees a program.
const WAITS: u32 = 10;

/// Does `what`, which must take no longer than `limit` plus the delay that the machine adds meanwhile.
///
/// # Panics
/// When it takes longer.
#[track_caller]
pub fn within<T>(limit: Duration, what: impl FnOnce() -> T) -> T {
    let (lag, start) = (Lag::measure(), Instant::now());
    let done = what();
    let (took, worst) = (start.elapsed(), lag.worst());
    assert!(took < limit + WAITS * worst, "{took:?} where {limit:?} were allowed; waits took {worst:?} too long");
    done
}

/// A thread that sleeps and waits for an RCU grace period again and again, and keeps the longest delay.
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
                let waiting = Instant::now();
                // Without membarrier (nohz_full) only the delay of the wake-ups counts.
                if membarrier(MembarrierCommand::Global).is_ok() {
                    worst = worst.max(waiting.elapsed());
                }
            }
            worst
        });
        Self { over, worst }
    }

    /// The longest delay of a wait since [`Lag::measure`].
    ///
    /// # Panics
    /// When the thread has panicked.
    #[must_use]
    pub fn worst(self) -> Duration {
        self.over.store(true, Ordering::Relaxed);
        self.worst.join().unwrap_or_else(|_| panic!("the thread that measures the lag has ended"))
    }
}
