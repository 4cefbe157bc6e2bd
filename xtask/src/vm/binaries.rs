//! The programs that scenarios run in a guest.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use super::options::GuestFile;
use crate::{build, tools, workspace};

/// Paths of the programs.
pub(crate) struct Binaries {
    /// The tracer.
    pub(crate) memtrace: PathBuf,
    /// The load generator.
    pub(crate) memload: PathBuf,
    /// Shared libraries of both; none if they are static.
    libraries: Vec<PathBuf>,
}

impl Binaries {
    /// The programs in an existing directory.
    pub(crate) fn in_directory(directory: &Path) -> Result<Self> {
        let (memtrace, memload) = (directory.join("memtrace"), directory.join("memload"));
        for file in [&memtrace, &memload] {
            if !file.is_file() {
                bail!("there is no {}", file.display());
            }
        }
        Ok(Self::new(memtrace, memload))
    }

    /// Builds static programs in the workspace's target directory.
    pub(crate) fn build() -> Result<Self> {
        tools::setup(true)?;
        let options =
            build::BuildOptions { profile: build::Profile::Guest, target: Some(tools::static_target()), load: true };
        Self::of_build(build::binaries(&options)?)
    }

    /// The programs of a build, static or not. A guest gets them without debug information, since all its files sit in
    /// its memory.
    pub(crate) fn of_build(mut built: build::Binaries) -> Result<Self> {
        let mut take = |name| without_debug_info(&build::take(&mut built, name)?);
        Ok(Self::new(take("memtrace")?, take("memload")?))
    }

    fn new(memtrace: PathBuf, memload: PathBuf) -> Self {
        let mut libraries = [libraries(&memtrace), libraries(&memload)].concat();
        libraries.sort();
        libraries.dedup();
        Self { memtrace, memload, libraries }
    }

    /// Files for a guest: the programs in `/bin`, the libraries at the same paths as here.
    pub(crate) fn files(&self) -> impl Iterator<Item = GuestFile> {
        let programs = [(&self.memtrace, "/bin/memtrace"), (&self.memload, "/bin/memload")];
        let programs = programs.map(|(file, guest)| GuestFile::at(file, guest.to_owned()));
        let libraries = self.libraries.iter().map(|path| GuestFile::at(path, path.display().to_string()));
        programs.into_iter().chain(libraries)
    }
}

/// Makes a copy of a program beside it, without debug information.
fn without_debug_info(program: &Path) -> Result<PathBuf> {
    let copy = program.with_extension("guest");
    let mut strip = Command::new("strip");
    strip.arg("--strip-debug").arg("-o").arg(&copy).arg(program);
    let status = strip.status().context("running strip, which comes with a C compiler (Debian: binutils)")?;
    if !status.success() {
        bail!("strip of {} ended with {status}", program.display());
    }
    Ok(copy)
}

/// The shared libraries of a program, its loader among them. `ldd` fails for a static program.
pub(super) fn libraries(program: &Path) -> Vec<PathBuf> {
    let listed = workspace::output(Command::new("ldd").arg(program));
    paths(&listed.unwrap_or_default())
}

/// The absolute paths in the output of `ldd`.
fn paths(listed: &str) -> Vec<PathBuf> {
    listed.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_and_loader_are_found() {
        let listed = "\tlinux-vdso.so.1 (0x00007fa2)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007fa2)\n\
                      \t/lib64/ld-linux-x86-64.so.2 (0x00007fa2)\n";
        assert_eq!(
            paths(listed),
            ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"].map(PathBuf::from)
        );
        assert!(paths("\tstatically linked\n").is_empty());
    }
}
