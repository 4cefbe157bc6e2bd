//! Names that do not exist.

use std::{env, process};

use anyhow::{Result, ensure};

/// Looks for so many files that are not there.
pub(crate) fn run(names: u64) -> Result<()> {
    // In the directory of this program: on a real file system, which keeps what it did not find.
    let dir = env::current_exe()?;
    // What another run looked for may be remembered still, and is then nobody's new memory.
    let run = process::id();
    let found = (0..names).filter(|n| dir.with_file_name(format!("no-such-name-{run}-{n}")).exists()).count();
    ensure!(found == 0, "{found} of the names exist");
    println!("names: looked for {names}");
    Ok(())
}
