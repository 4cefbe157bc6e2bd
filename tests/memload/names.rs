//! Lookups of names that do not exist.

use std::{env, process};

use anyhow::{Result, ensure};
use rustix::thread::{MembarrierCommand, membarrier};

/// Number of names between two waits for an RCU grace period; they take 1.5 MB.
const BETWEEN: u64 = 8192;

/// Looks up `names` files that do not exist. The kernel frees the memory of a name after an RCU grace period, which is
/// long on a busy host. Without a wait the cgroup fills up with names that are already freed, and the load is
/// OOM-killed.
pub(crate) fn run(names: u64) -> Result<()> {
    // The directory of this program is on a real file system, which caches failed lookups.
    let dir = env::current_exe()?;
    // The kernel may still cache the names of another run, which would then need no new memory.
    let run = process::id();
    let is_there = |n: u64| {
        if n % BETWEEN == BETWEEN - 1 {
            // A kernel that cannot wait here (nohz_full) is not used for the tests.
            let _ = membarrier(MembarrierCommand::Global);
        }
        dir.with_file_name(format!("no-such-name-{run}-{n}")).exists()
    };
    let found = (0..names).filter(|n| is_there(*n)).count();
    ensure!(found == 0, "{found} of the names exist");
    println!("names: looked for {names}");
    Ok(())
}
