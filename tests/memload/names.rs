//! Names that do not exist.

use std::{env, process};

use anyhow::{Result, ensure};
use rustix::thread::{MembarrierCommand, membarrier};

/// Names between two waits for a grace period of RCU: 1.5 MB.
const BETWEEN: u64 = 8192;

/// Looks for so many files that are not there. The kernel gives the memory of a name back after a grace period: on a busy
/// host that is long, and without a wait the cgroup is full of names that are freed already, and the load OOM-killed.
pub(crate) fn run(names: u64) -> Result<()> {
    // In the directory of this program: on a real file system, which keeps what it did not find.
    let dir = env::current_exe()?;
    // What another run looked for may be remembered still, and is then nobody's new memory.
    let run = process::id();
    let is_there = |n: u64| {
        if n % BETWEEN == BETWEEN - 1 {
            // A kernel that does not wait (nohz_full) is none of the tests'.
            let _ = membarrier(MembarrierCommand::Global);
        }
        dir.with_file_name(format!("no-such-name-{run}-{n}")).exists()
    };
    let found = (0..names).filter(|n| is_there(*n)).count();
    ensure!(found == 0, "{found} of the names exist");
    println!("names: looked for {names}");
    Ok(())
}
