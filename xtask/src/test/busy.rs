//! Busy loops beside the tests, to simulate a machine with other work.

use std::{
    hint::spin_loop,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

/// Number of threads that never sleep. Chance failures were seen with this many on two processors.
const LOOPS: usize = 2;

/// Busy loops that end when this is dropped.
pub(super) struct Loops {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Loops {
    /// Starts the loops.
    pub(super) fn start() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let spin = || {
            let over = Arc::clone(&over);
            thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    spin_loop();
                }
            })
        };
        let threads = (0..LOOPS).map(|_| spin()).collect();
        Self { over, threads }
    }
}

impl Drop for Loops {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
