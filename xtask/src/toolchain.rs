//! The pinned Rust toolchains. Each is pinned in one `rust-toolchain.toml` only, which is read here.
#![deny(clippy::print_stdout, reason = "stdout is for the result of the command that needs the set-up")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::workspace::{self, output, sh_to_stderr};

/// Content of a `rust-toolchain.toml`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Toolchain {
    pub(crate) channel: String,
    components: Vec<String>,
}

impl Toolchain {
    /// Toolchain of user space.
    pub(crate) fn user() -> Result<Self> {
        Self::read(&workspace::root().join("rust-toolchain.toml"))
    }

    /// Toolchain of the kernel side.
    pub(crate) fn kernel() -> Result<Self> {
        Self::read(&workspace::root().join("memtrace-ebpf/rust-toolchain.toml"))
    }

    fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        Self::parse(&text).with_context(|| format!("in {}", file.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let table: toml::Table = text.parse()?;
        let toolchain = table.get("toolchain").context("no [toolchain]")?;
        let channel = toolchain.get("channel").and_then(|c| c.as_str()).context("no toolchain.channel")?;
        let components = toolchain.get("components").and_then(|c| c.as_array()).into_iter().flatten();
        let components = components.filter_map(|c| c.as_str().map(str::to_owned)).collect();
        Ok(Self { channel: channel.to_owned(), components })
    }

    /// Installs the toolchain or its missing components, and prints that. Quick if nothing is missing.
    pub(crate) fn ensure(&self) -> Result<()> {
        if self.sysroot().is_some_and(|s| self.components.iter().all(|c| has_component(&s, c))) {
            return Ok(());
        }
        eprintln!("xtask: installing Rust {} with {} (about a minute)", self.channel, self.components.join(", "));
        let mut rustup = Command::new("rustup");
        rustup.args(["toolchain", "install", &self.channel, "--profile", "minimal", "--no-self-update"]);
        for component in &self.components {
            rustup.args(["-c", component]);
        }
        sh_to_stderr(&mut rustup).context("installing a pinned toolchain; is static.rust-lang.org reachable?")
    }

    /// Adds `target`'s standard library if it is not there.
    pub(crate) fn ensure_target(&self, target: &str) -> Result<()> {
        if self.sysroot().is_some_and(|s| s.join("lib/rustlib").join(target).is_dir()) {
            return Ok(());
        }
        eprintln!("xtask: adding the target {target} to Rust {}", self.channel);
        sh_to_stderr(Command::new("rustup").args(["target", "add", "--toolchain", &self.channel, target]))
    }

    /// True if the component (`clippy`) is installed.
    pub(crate) fn has(&self, component: &str) -> bool {
        self.sysroot().is_some_and(|s| has_component(&s, component))
    }

    /// Installs a component that only some commands need.
    pub(crate) fn add(&self, component: &str) -> Result<()> {
        eprintln!("xtask: adding {component} to Rust {}", self.channel);
        sh_to_stderr(Command::new("rustup").args(["component", "add", component, "--toolchain", &self.channel]))
    }

    /// `cargo` of this toolchain, without the environment variables that the running cargo has set.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new("rustup");
        command.args(["run", &self.channel, "cargo"]);
        for name in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTC"] {
            command.env_remove(name);
        }
        command
    }

    fn sysroot(&self) -> Option<PathBuf> {
        let mut rustup = Command::new("rustup");
        rustup.args(["which", "--toolchain", &self.channel, "rustc"]).env("RUSTUP_AUTO_INSTALL", "0");
        Some(Path::new(&output(&mut rustup)?).parent()?.parent()?.to_owned())
    }
}

/// True if rustup's list of installed components has this one: `rust-src`, `clippy-preview-x86_64-unknown-linux-gnu`...
fn has_component(sysroot: &Path, component: &str) -> bool {
    let installed = fs::read_to_string(sysroot.join("lib/rustlib/components")).unwrap_or_default();
    lists(&installed, component)
}

fn lists(installed: &str, component: &str) -> bool {
    installed.lines().any(|l| l.strip_prefix(component).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_pins_of_this_workspace_are_read() {
        assert!(Toolchain::user().unwrap().components.contains(&"clippy".to_owned()));
        let kernel = Toolchain::kernel().unwrap();
        assert!(kernel.channel.starts_with("nightly-20"), "{kernel:?}: a plain nightly has another LLVM each day");
        assert_eq!(kernel.components, ["rust-src"]);
    }

    #[test]
    fn a_pin_without_components_is_a_toolchain_and_one_without_channel_is_not() {
        let bare = Toolchain::parse("[toolchain]\nchannel = \"1.95.0\"\n").unwrap();
        assert_eq!(bare, Toolchain { channel: "1.95.0".to_owned(), components: Vec::new() });
        assert!(Toolchain::parse("[toolchain]\nprofile = \"minimal\"\n").is_err());
    }

    #[test]
    fn a_component_is_found_by_its_whole_name() {
        let installed = "rust-src\nrustc-x86_64-unknown-linux-gnu\nclippy-preview-x86_64-unknown-linux-gnu\n";
        assert!(lists(installed, "rust-src"));
        assert!(lists(installed, "clippy"));
        assert!(!lists(installed, "rus"));
        assert!(!lists(installed, "rustfmt"));
    }
}
