//! Anonymous memory: a working set that is touched again and again, and one that grows until it is killed.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use memmap2::{Advice, MmapMut};
use rustix::param::page_size;

const MB: usize = 1 << 20;

/// Touches `mb` MB for `time`, and at least twice, however slow the machine is: memory that is touched once is never
/// needed again. Each page is half random, or zram would shrink it to nothing.
pub(crate) fn run(mb: usize, time: Duration, hold: bool) -> Result<()> {
    let start = Instant::now();
    let mut memory = map(mb * MB)?;
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for page in memory.chunks_mut(page_size()) {
        let half = page.len() / 2;
        for word in page[..half].chunks_exact_mut(8) {
            word.copy_from_slice(&random.next().to_ne_bytes());
        }
    }
    if hold {
        thread::sleep(time.saturating_sub(start.elapsed()));
        println!("anon: held {mb} MB for {:.2} s", start.elapsed().as_secs_f64());
        return Ok(());
    }
    let mut passes = 1_u64;
    while passes < 2 || start.elapsed() < time {
        for page in memory.chunks_mut(page_size()) {
            page[0] = page[0].wrapping_add(1);
        }
        passes += 1;
    }
    println!("anon: touched {mb} MB {passes} times in {:.2} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// Allocates 1 MB after the other until the kernel kills this process.
pub(crate) fn hog() -> Result<()> {
    let mut taken = Vec::new();
    loop {
        let mut memory = map(MB).with_context(|| format!("after {} MB", taken.len()))?;
        memory.fill(0xa5);
        taken.push(memory);
    }
}

fn map(bytes: usize) -> Result<MmapMut> {
    let memory = MmapMut::map_anon(bytes).with_context(|| format!("mapping {bytes} bytes"))?;
    // A kernel without huge pages refuses this, and makes none anyway.
    let _ = memory.advise(Advice::NoHugePage);
    Ok(memory)
}

/// xorshift64: repeatable random numbers.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
