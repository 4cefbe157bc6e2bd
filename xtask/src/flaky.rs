//! Flaky checks: they failed, and passed when they were run once more by themselves. They do not fail the run, and they
//! are listed.

use std::{
    env,
    fs::{self, OpenOptions},
    io::Write as _,
    path::Path,
};

use anyhow::{Context as _, Result};

use crate::workspace;

/// Environment variable with the file that [`note`] appends to.
pub(crate) const FILE: &str = "MEMTRACE_FLAKES";

/// A check that failed once and passed once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flake {
    /// Binary and test, or kernel, scenario and check.
    pub(crate) name: String,
    /// True if the first run printed a result line that counts it as failed.
    pub(crate) counted_failed: bool,
}

impl Flake {
    /// Reads a line of [`note`].
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let (counted, name) = line.split_once(' ')?;
        Some(Self { name: name.to_owned(), counted_failed: counted == "1" })
    }
}

/// Notes a flake in the file of the current test run.
pub(crate) fn note(flake: &Flake) -> Result<()> {
    let Some(path) = env::var_os(FILE) else { return Ok(()) };
    append(Path::new(&path), &format!("{} {}\n", u8::from(flake.counted_failed), flake.name))
}

/// Lists flakes on stdout and in `target/flaky.txt`, each with its commit.
pub(crate) fn report(flakes: &[Flake]) -> Result<()> {
    if flakes.is_empty() {
        return Ok(());
    }
    let commit = workspace::commit();
    let file = workspace::target()?.join("flaky.txt");
    for Flake { name, .. } in flakes {
        println!("flaky: {name} failed, and passed when run once more by itself");
        append(&file, &format!("{commit} {name}\n"))?;
    }
    Ok(())
}

fn append(file: &Path, line: &str) -> Result<()> {
    if let Some(dir) = file.parent() {
        fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
    }
    let opened = OpenOptions::new().create(true).append(true).open(file);
    opened.and_then(|mut f| f.write_all(line.as_bytes())).with_context(|| format!("writing {}", file.display()))
}
