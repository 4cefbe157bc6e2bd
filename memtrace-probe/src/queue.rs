//! Jobs on several threads.

use std::{
    sync::{Mutex, PoisonError},
    thread,
};

/// Most threads at work.
const THREADS: usize = 4;

/// Something to do once. It leaves its result in a place that it borrows.
pub(super) type Job<'a> = Box<dyn FnOnce() + Send + 'a>;

/// Does all jobs, begun in their order, and returns when the last one is done.
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
            // Without it the work takes longer, and is done all the same.
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
