//! Runs jobs on several threads.

use std::{
    sync::{Mutex, PoisonError},
    thread,
};

/// Maximum number of threads.
const THREADS: usize = 4;

/// A job that runs once. It leaves its result in a place that it borrows.
pub(super) type Job<'a> = Box<dyn FnOnce() + Send + 'a>;

/// Runs all jobs, started in their order, and returns when the last one is done.
pub(super) fn run(jobs: Vec<Job<'_>>) {
    let queue = Mutex::new(jobs.into_iter());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        while let Some(job) = next() {
            job();
        }
    };
    let threads = thread::available_parallelism().map_or(1, |cpus| cpus.get().min(THREADS));
    thread::scope(|scope| {
        for _ in 1..threads {
            // Without this thread the jobs take longer, but all are done.
            let _ = thread::Builder::new().name("loader".to_owned()).spawn_scoped(scope, work);
        }
        work();
    });
}

#[cfg(test)]
mod tests {
    use super::{Job, run};

    #[test]
    fn each_job_is_done_once() {
        let mut done = [0_u32; 100];
        run(done.iter_mut().map(|n| -> Job<'_> { Box::new(|| *n += 1) }).collect());
        assert_eq!(done, [1; 100]);
    }
}
