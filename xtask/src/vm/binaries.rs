//! The static programs that scenarios run in a guest.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::{build, tools};

/// Where they are.
pub(crate) struct Binaries {
    /// The tracer.
    pub(crate) memtrace: PathBuf,
    /// The load generator.
    pub(crate) memload: PathBuf,
}

impl Binaries {
    /// Those that someone has put in a directory.
    pub(crate) fn in_directory(directory: &Path) -> Result<Self> {
        let found = Self { memtrace: directory.join("memtrace"), memload: directory.join("memload") };
        for file in [&found.memtrace, &found.memload] {
            if !file.is_file() {
                bail!("there is no {}; `cargo xtask build --static` makes a static memtrace", file.display());
            }
        }
        Ok(found)
    }

    /// Build them, static, in the workspace's target directory.
    pub(crate) fn build() -> Result<Self> {
        tools::setup(true)?;
        let options = build::Options { release: true, target: Some(tools::static_target()), load: true };
        let mut built = build::binaries(&options)?;
        Ok(Self { memtrace: build::take(&mut built, "memtrace")?, memload: build::take(&mut built, "memload")? })
    }
}
