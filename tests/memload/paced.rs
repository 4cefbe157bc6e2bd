//! A service that rests between its requests: how long it stalls depends on the limit of its cgroup, not on how fast the
//! machine is today.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use rustix::fs::{Advice, fadvise};

use crate::{file, until::Until};

/// What it reads again and again, and what it reads once in between.
const HOT_MB: usize = 60;
const COLD_MB: usize = 64;
const HOT_PASSES: u64 = 4;
const REST: Duration = Duration::from_millis(300);
/// After so many rounds it begins anew, as a service that was started again: what it reads is out of the page cache.
const ROUNDS: u64 = 6;

/// Reads `hot` four times and `cold` once, rests, and so on.
pub(crate) fn run(hot: &Path, cold: &Path, until: &Until) -> Result<()> {
    let (start, mut rounds) = (Instant::now(), 0);
    while !until.reached(start, rounds) {
        if rounds % ROUNDS == 0 {
            for (path, mb) in [(hot, HOT_MB), (cold, COLD_MB)] {
                fadvise(file::open(path, mb)?, 0, None, Advice::DontNeed).context("dropping it from the page cache")?;
            }
        }
        file::read(hot, HOT_MB, Until::Passes(HOT_PASSES))?;
        file::read(cold, COLD_MB, Until::Passes(1))?;
        thread::sleep(REST);
        rounds += 1;
    }
    Ok(())
}
