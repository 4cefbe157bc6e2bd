//! A program at work in too little memory: fixed work on the CPU, with a stall about every 200 us and no disk.
//!
//! The file is larger than the cgroup and may be all holes: a page of it is then zeroed and charged without I/O. Pages
//! are read one by one, in order and without readahead, so that each charge, and with it each stall, comes at the same
//! place in each run.

use std::{hint::black_box, os::unix::fs::FileExt as _, path::Path, time::Instant};

use anyhow::{Context as _, Result};
use rustix::{
    fs::{Advice, fadvise},
    param::page_size,
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};

use crate::file;

const MB: usize = 1 << 20;

/// Reads `reads` pages of the first `mb` MB of `path`, round and round, and folds each `folds` times.
pub(crate) fn run(path: &Path, mb: usize, reads: usize, folds: u32) -> Result<()> {
    stay_on_one_cpu()?;
    let file = file::open(path, mb)?;
    // Pages that another cgroup left in the page cache would not be charged to this one.
    fadvise(&file, 0, None, Advice::DontNeed).context("dropping it from the page cache")?;
    fadvise(&file, 0, None, Advice::Random).context("asking for no readahead")?;
    let (mut page, pages) = (vec![0_u8; page_size()], mb * MB / page_size());
    let (start, mut sum) = (Instant::now(), 0_u64);
    for n in 0..reads {
        file.read_exact_at(&mut page, (n % pages * page_size()) as u64)
            .with_context(|| format!("reading {}", path.display()))?;
        for _ in 0..folds {
            sum = fold(sum, black_box(&page));
        }
    }
    black_box(sum);
    println!("steady: read {reads} pages in {:.2} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// Work on one page. Each step needs the one before it, so the work takes the same time on every page.
fn fold(sum: u64, page: &[u8]) -> u64 {
    /// Odd, with bits all over.
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    page.chunks_exact(8).fold(sum, |sum, word| {
        let word = word.try_into().map_or(0, u64::from_ne_bytes);
        (sum ^ word).wrapping_mul(FACTOR)
    })
}

/// Pins this process to the last allowed CPU: the first one serves most interrupts. Charges are cached per CPU, so a
/// migration in the middle of a run would move the stalls.
fn stay_on_one_cpu() -> Result<()> {
    let allowed = sched_getaffinity(None).context("reading the CPUs that this may run on")?;
    if let Some(last) = (0..CpuSet::MAX_CPU).rev().find(|&cpu| allowed.is_set(cpu)) {
        let mut one = CpuSet::new();
        one.set(last);
        sched_setaffinity(None, &one).context("staying on one CPU")?;
    }
    Ok(())
}
