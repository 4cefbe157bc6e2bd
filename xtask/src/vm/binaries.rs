//! The static programs that scenarios run in a guest.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use super::host::Host;

const TARGET: &str = "x86_64-unknown-linux-musl";

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
                bail!("there is no {}; build it with `cargo build --release --target {TARGET}`", file.display());
            }
        }
        Ok(found)
    }

    /// Build them, static, in the workspace's target directory.
    pub(crate) fn build(host: &Host) -> Result<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has no workspace around it")?;
        let mut metadata = Command::new(&cargo);
        metadata.args(["metadata", "--format-version", "1", "--no-deps"]).current_dir(root);
        let metadata: serde_json::Value = serde_json::from_slice(&host.must(&mut metadata, "cargo")?.stdout)?;
        let target = metadata["target_directory"].as_str().context("cargo metadata names no target_directory")?;
        let status = Command::new(&cargo)
            .args(["build", "--release", "--target", TARGET])
            .args(["-p", "memtrace", "-p", "tests", "--bin", "memtrace", "--bin", "memload"])
            .current_dir(root)
            .status()
            .context("cannot start cargo")?;
        host.check()?;
        if !status.success() {
            return Err(anyhow!(
                "the static binaries do not build, so there is nothing to run in a guest; if the target is \
                 missing, `rustup target add {TARGET}`"
            ));
        }
        Self::in_directory(&Path::new(target).join(TARGET).join("release"))
    }
}
