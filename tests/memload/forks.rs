//! Short-lived tasks: a storm of children that each get one page back and are gone.

use std::{hint::black_box, io, path::Path, time::Instant};

use anyhow::{Context as _, Result, bail};
use memmap2::{Advice, Mmap};
use rustix::param::page_size;

use crate::file;

const MB: usize = 1 << 20;
/// Number of children that run in parallel.
const BATCH: u64 = 16;

/// Forks `tasks` children. Each touches one page of the first `mb` MB of `path`, in file order. If the file is larger
/// than the cgroup, each page has been evicted again when its turn comes.
pub(crate) fn run(path: &Path, mb: usize, tasks: u64) -> Result<()> {
    let file = file::open(path, mb)?;
    // SAFETY: as in `file::map`: a truncation of the file kills this load by SIGBUS.
    let memory = unsafe { Mmap::map(&file) }.with_context(|| format!("mapping {}", path.display()))?;
    // One page per child, without readahead.
    memory.advise(Advice::Random).context("asking for no readahead")?;
    let (start, pages) = (Instant::now(), mb * MB / page_size());
    let mut forked = 0;
    while forked < tasks {
        let batch = BATCH.min(tasks - forked);
        for n in forked..forked + batch {
            let at = usize::try_from(n)? % pages * page_size();
            // SAFETY: this process has one thread, so no lock is held in the child. The child only reads memory and
            // exits without running destructors.
            match unsafe { libc::fork() } {
                0 => {
                    black_box(memory[at]);
                    // SAFETY: `_exit` only ends the child.
                    unsafe { libc::_exit(0) }
                }
                -1 => return Err(io::Error::last_os_error()).with_context(|| format!("the fork after {n} children")),
                _ => {}
            }
        }
        for _ in 0..batch {
            let mut status = 0;
            // SAFETY: `status` is a valid place for a status.
            if unsafe { libc::wait(&raw mut status) } == -1 {
                return Err(io::Error::last_os_error()).context("waiting for a child");
            }
            if status != 0 {
                bail!("a child ended with the status {status:#x}");
            }
        }
        forked += batch;
    }
    println!("forks: {tasks} tasks in {:.2} s", start.elapsed().as_secs_f64());
    Ok(())
}
