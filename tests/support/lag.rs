//! The delay that a busy machine adds to each wait, measured beside what a test times.

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

/// Waits that what is timed may need one after the other: threads that wait for each other at an end, and grace periods
/// of RCU, after which the kernel lets go of a program.
const WAITS: u32 = 10;

/// Does `what`, which must take no longer than `limit` and the delay that the machine adds meanwhile.
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

/// A thread that sleeps and waits for a grace period of RCU again and again, and keeps by how much that took too long at
/// worst.
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
                // A kernel without it (nohz_full) has the delay of the wake-ups alone.
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
