//! A service that rests between its requests. Its stalled time depends on the limit of its cgroup, not on the speed of
//! the machine.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use rustix::fs::{Advice, fadvise};

use crate::{file, until::Until};

/// Size in MB of the file that is read again and again, and of the file that is read once in between.
const HOT_MB: usize = 60;
const COLD_MB: usize = 64;
const HOT_PASSES: u64 = 4;
const REST: Duration = Duration::from_millis(300);
/// Number of rounds until the service restarts: both files are then dropped from the page cache.
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
