//! `cargo xtask setup`: what a build needs and a fresh machine lacks.

use std::{
    env::{self, consts::ARCH},
    fs, iter,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::{
    toolchain::Toolchain,
    workspace::{self, need, output, sh},
};

/// The linker of the kernel side. It loads LLVM out of the pinned nightly, so the two change together: see
/// `memtrace-ebpf/rust-toolchain.toml`.
const BPF_LINKER: &str = "bpf-linker";
const BPF_LINKER_VERSION: &str = "0.10.3";

/// The target of a static binary for this machine's architecture.
pub(crate) fn static_target() -> String {
    format!("{ARCH}-unknown-linux-musl")
}

/// Installs what is missing; says what takes long, and nothing when there is nothing to do.
pub(crate) fn setup(static_: bool) -> Result<()> {
    need(
        "rustup",
        "it installs the pinned Rust toolchains",
        "sudo apt-get install rustup (or, where there is no such package, see https://rustup.rs)",
    )?;
    need("cc", "Rust links with it", "sudo apt-get install build-essential")?;
    let user = Toolchain::user()?;
    user.ensure()?;
    Toolchain::kernel()?.ensure()?;
    if static_ {
        user.ensure_target(&static_target())?;
    }
    ensure_linker(&workspace::root().join(".tools"))
}

/// `.cargo/config.toml` names `.tools/bin/bpf-linker` as the linker.
fn ensure_linker(tools: &Path) -> Result<()> {
    let linker = tools.join("bin").join(BPF_LINKER);
    if installed_version(&linker).as_deref() == Some(BPF_LINKER_VERSION) {
        return Ok(());
    }
    eprintln!("xtask: building {BPF_LINKER} {BPF_LINKER_VERSION} into .tools/ (a minute or two, once)");
    let scratch: PathBuf = tools.join("build");
    let mut install = workspace::cargo();
    install.args(["install", BPF_LINKER, "--version", BPF_LINKER_VERSION, "--locked", "--force"]);
    install.arg("--root").arg(tools).arg("--target-dir").arg(&scratch);
    // Or cargo advises to add the folder to PATH, which nobody needs.
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(iter::once(tools.join("bin")).chain(env::split_paths(&path))).context("PATH")?;
    install.env("PATH", path);
    sh(&mut install).context("installing bpf-linker; is crates.io reachable?")?;
    fs::remove_dir_all(&scratch).with_context(|| format!("removing {}", scratch.display()))
}

fn installed_version(linker: &Path) -> Option<String> {
    let said = output(Command::new(linker).arg("--version"))?;
    said.strip_prefix(BPF_LINKER).map(|v| v.trim().to_owned())
}
