//! Several guests at once.

use std::{
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use anyhow::Result;

/// The number of guests that may run at once. An emulated guest keeps one processor busy.
pub(crate) struct Lanes {
    open: AtomicUsize,
    changed: (Mutex<()>, Condvar),
}

impl Lanes {
    /// One at a time, until [`Self::open_all`].
    pub(crate) fn one() -> Self {
        Self { open: AtomicUsize::new(1), changed: Default::default() }
    }

    /// One for each processor.
    pub(crate) fn all() -> Self {
        let lanes = Self::one();
        lanes.open_all();
        lanes
    }

    /// Lets one for each processor run from now on.
    pub(crate) fn open_all(&self) {
        self.open.store(processors(), Ordering::Relaxed);
        self.changed.1.notify_all();
    }

    /// Waits until this lane, counted from 0, may be used; false when there is nothing left to do.
    fn wait_for(&self, lane: usize, is_done: impl Fn() -> bool) -> bool {
        // Poll, since nothing signals that the jobs have run out.
        const LOOK: Duration = Duration::from_millis(200);
        let mut guard = self.changed.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !is_done() {
            if lane < self.open.load(Ordering::Relaxed) {
                return true;
            }
            guard = self.changed.1.wait_timeout(guard, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Runs the jobs in their order, as many in parallel as there are lanes, and passes results to `take` as they come.
/// After an error no new job starts.
pub(super) fn run<Job: Sync, Done: Send>(
    lanes: &Lanes,
    jobs: &[Job],
    work: impl Fn(&Job) -> Result<Done> + Sync,
    mut take: impl FnMut(&Job, Done) -> Result<()>,
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let stop = || next.store(jobs.len(), Ordering::Relaxed);
    let (results, done) = mpsc::channel();
    thread::scope(|scope| {
        for lane in 0..processors().min(jobs.len()) {
            let (results, next, work, stop) = (results.clone(), &next, &work, &stop);
            scope.spawn(move || {
                while lanes.wait_for(lane, || next.load(Ordering::Relaxed) >= jobs.len()) {
                    let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                    let result = work(job);
                    if result.is_err() {
                        stop();
                    }
                    if results.send((job, result)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(results);
        let mut first_error = Ok(());
        for (job, result) in done {
            if let Err(error) = result.and_then(|done| take(job, done)) {
                stop();
                first_error = first_error.and(Err(error));
            }
        }
        first_error
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    #[test]
    fn every_job_is_done_once_however_many_lanes_there_are() {
        for lanes in [Lanes::one(), Lanes::all()] {
            let mut seen = Vec::new();
            run(
                &lanes,
                &[1, 2, 3, 4, 5],
                |job| Ok(job * 10),
                |job, done| {
                    seen.push((*job, done));
                    Ok(())
                },
            )
            .unwrap();
            seen.sort_unstable();
            assert_eq!(seen, [(1, 10), (2, 20), (3, 30), (4, 40), (5, 50)]);
        }
    }

    #[test]
    fn one_lane_keeps_the_order_until_more_are_open() {
        let (lanes, running, most) = (Lanes::one(), AtomicUsize::new(0), AtomicUsize::new(0));
        let work = |job: &usize| {
            if *job == 3 {
                lanes.open_all();
            }
            most.fetch_max(running.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(if *job > 3 { 300 } else { 1 }));
            running.fetch_sub(1, Ordering::Relaxed);
            Ok(most.load(Ordering::Relaxed))
        };
        let mut at_once = Vec::new();
        run(&lanes, &[0, 1, 2, 3, 4, 5, 6, 7], work, |_, most| {
            at_once.push(most);
            Ok(())
        })
        .unwrap();
        assert_eq!(at_once[..3], [1, 1, 1]);
        assert_eq!(at_once.last().copied(), Some(processors().min(4)));
    }

    #[test]
    fn no_job_is_begun_after_an_error() {
        let begun = AtomicUsize::new(0);
        let work = |job: &usize| {
            begun.fetch_add(1, Ordering::Relaxed);
            if *job == 1 { bail!("no") } else { Ok(()) }
        };
        assert_eq!(run(&Lanes::one(), &[0, 1, 2, 3], work, |_, ()| Ok(())).unwrap_err().to_string(), "no");
        assert_eq!(begun.into_inner(), 2);
        let refuse = |_: &usize, ()| bail!("the reader is gone");
        assert!(run(&Lanes::all(), &[0, 0], |_| Ok(()), refuse).is_err());
    }
}
