//! Programs that are pinned by version and lie in `.tools/bin`. `cargo install` builds them, or they come built in a
//! Python package, which saves minutes.

use std::{
    env, fs, iter,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::workspace::{self, output, sh_to_stderr};

/// A pinned program.
pub(crate) struct Tool {
    pub(crate) program: &'static str,
    /// The crate that it is built from.
    pub(crate) package: &'static str,
    pub(crate) version: &'static str,
    pub(crate) wheel: Option<Wheel>,
}

/// A Python package of the same version that holds the program.
pub(crate) struct Wheel {
    pub(crate) package: &'static str,
    /// SHA-256 of its files: x86-64, arm64.
    pub(crate) sha256: [&'static str; 2],
}

impl Tool {
    /// Path of the program.
    pub(crate) fn path(&self) -> PathBuf {
        folder().join("bin").join(self.program)
    }

    /// Installs the program unless it is there in this version.
    pub(crate) fn ensure(&self) -> Result<()> {
        if self.installed_version().as_deref() == Some(self.version) {
            return Ok(());
        }
        let scratch = folder().join("build");
        if let Some(wheel) = &self.wheel {
            match self.unpack(wheel, &scratch) {
                Ok(()) => return remove(&scratch),
                Err(why) => eprintln!("xtask: no {} from PyPI: {why:#}", self.program),
            }
        }
        self.compile(&scratch).with_context(|| format!("installing {}; is crates.io reachable?", self.program))?;
        remove(&scratch)
    }

    fn installed_version(&self) -> Option<String> {
        version(&output(Command::new(self.path()).arg("--version"))?)
    }

    fn compile(&self, scratch: &Path) -> Result<()> {
        eprintln!("xtask: building {} {} into .tools/ (a minute or two, once)", self.program, self.version);
        let mut install = workspace::cargo();
        install.args(["install", self.package, "--version", self.version, "--locked", "--force"]);
        install.arg("--root").arg(folder()).arg("--target-dir").arg(scratch);
        // Without this, cargo advises to add the folder to PATH, which nobody needs.
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths(iter::once(folder().join("bin")).chain(env::split_paths(&path))).context("PATH")?;
        sh_to_stderr(install.env("PATH", path))
    }

    fn unpack(&self, wheel: &Wheel, scratch: &Path) -> Result<()> {
        eprintln!("xtask: installing {} {} into .tools/", self.program, self.version);
        let (bin, unpacked, list) = (folder().join("bin"), scratch.join("wheel"), scratch.join("requirements.txt"));
        for dir in [&bin, scratch] {
            fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
        }
        fs::write(&list, wheel.requirement(self.version)).with_context(|| format!("writing {}", list.display()))?;
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--upgrade"]);
        pip.args(["--only-binary=:all:", "--require-hashes"]).env("PIP_ROOT_USER_ACTION", "ignore");
        sh_to_stderr(pip.arg("--target").arg(&unpacked).arg("--requirement").arg(&list))?;
        let program = unpacked.join("bin").join(self.program);
        fs::rename(&program, self.path()).with_context(|| format!("moving {} to .tools/bin", program.display()))
    }
}

impl Wheel {
    /// Requirement line for pip. With the hashes pip accepts no other file.
    fn requirement(&self, version: &str) -> String {
        let hashes = self.sha256.map(|sum| format!(" --hash=sha256:{sum}"));
        format!("{}=={version}{}\n", self.package, hashes.concat())
    }
}

fn folder() -> PathBuf {
    workspace::root().join(".tools")
}

fn remove(dir: &Path) -> Result<()> {
    fs::remove_dir_all(dir).with_context(|| format!("removing {}", dir.display()))
}

/// Version in the output of `--version`: `bpf-linker 0.10.3`, or the number alone.
fn version(said: &str) -> Option<String> {
    said.lines().next()?.split_whitespace().last().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_last_word() {
        assert_eq!(version("bpf-linker 0.10.3\n").as_deref(), Some("0.10.3"));
        assert_eq!(version("0.9.2").as_deref(), Some("0.9.2"));
        assert_eq!(version(""), None);
    }

    #[test]
    fn pip_is_given_version_and_hashes() {
        let wheel = Wheel { package: "a", sha256: ["01", "02"] };
        assert_eq!(wheel.requirement("1.2"), "a==1.2 --hash=sha256:01 --hash=sha256:02\n");
    }
}
