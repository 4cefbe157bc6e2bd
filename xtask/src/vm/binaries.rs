//! The static programs that scenarios run in a guest.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

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

    /// Build them, static, in the workspace's target directory. A guest gets them without their line tables: all that it is
    /// given sits in its memory, a fifth of which they would be.
    pub(crate) fn build() -> Result<Self> {
        tools::setup(true)?;
        let options =
            build::BuildOptions { profile: build::Profile::Guest, target: Some(tools::static_target()), load: true };
        let mut built = build::binaries(&options)?;
        let mut take = |name| without_lines(&build::take(&mut built, name)?);
        Ok(Self { memtrace: take("memtrace")?, memload: take("memload")? })
    }
}

/// A copy of a program beside it, without what only a debugger reads.
fn without_lines(program: &Path) -> Result<PathBuf> {
    let copy = program.with_extension("guest");
    let mut strip = Command::new("strip");
    strip.arg("--strip-debug").arg("-o").arg(&copy).arg(program);
    let status = strip.status().context("running strip, which comes with a C compiler (Debian: binutils)")?;
    if !status.success() {
        bail!("strip of {} ended with {status}", program.display());
    }
    Ok(copy)
}
