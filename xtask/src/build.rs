//! `cargo xtask build`, and the builds that the other commands need.

use std::{
    collections::BTreeMap,
    fs,
    io::BufReader,
    iter,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use cargo_metadata::Message;

use crate::{
    packages,
    tally::Tally,
    tools,
    workspace::{self, line},
};

/// A profile of Cargo.toml.
#[derive(Clone, Copy, Default)]
pub(crate) enum Profile {
    #[default]
    Dev,
    Release,
    Guest,
}

impl Profile {
    const fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Release => "release",
            Self::Guest => "guest",
        }
    }
}

/// Options of a build.
#[derive(Default)]
pub(crate) struct BuildOptions {
    pub(crate) profile: Profile,
    /// Target triple; `None` for the host.
    pub(crate) target: Option<String>,
    /// Also builds `memload`.
    pub(crate) load: bool,
}

/// `cargo xtask build`
pub(crate) fn build(release: bool, static_: bool) -> Result<()> {
    tools::setup(static_)?;
    let target = static_.then(tools::static_target);
    let profile = if release || static_ { Profile::Release } else { Profile::Dev };
    let binaries = binaries(&BuildOptions { profile, target, load: false })?;
    for path in binaries.values().cloned().flat_map(|path| iter::once(path.clone()).chain(debug_file(&path))) {
        let bytes = size(&path)?;
        println!("{} ({}.{} MB)", path.display(), bytes / 1_000_000, bytes / 100_000 % 10);
    }
    Ok(())
}

/// Debug file beside a binary; release builds have one.
pub(crate) fn debug_file(binary: &Path) -> Option<PathBuf> {
    Some(binary.with_extension("dwp")).filter(|path| path.is_file())
}

/// The size of a file, in bytes.
pub(crate) fn size(file: &Path) -> Result<u64> {
    Ok(fs::metadata(file).with_context(|| format!("the size of {}", file.display()))?.len())
}

/// Maximum size of a release binary of memtrace, in bytes.
const MOST_BYTES: u64 = 20_000_000;

/// Builds the static release.
pub(crate) fn static_release() -> Result<PathBuf> {
    tools::setup(true)?;
    let target = Some(tools::static_target());
    let mut built = binaries(&BuildOptions { profile: Profile::Release, target, load: false })?;
    take(&mut built, "memtrace")
}

/// Checks the size of the static release.
pub(crate) fn is_small() -> Result<Tally> {
    let memtrace = static_release()?;
    let bytes = size(&memtrace)?;
    println!("{} ({}.{} MB)", memtrace.display(), bytes / 1_000_000, bytes / 100_000 % 10);
    if bytes > MOST_BYTES {
        bail!("{} has more than {MOST_BYTES} bytes: see [profile.release] of Cargo.toml", memtrace.display());
    }
    Ok(Tally { passed: 1, ..Tally::default() })
}

/// Path of each built binary, by name.
pub(crate) type Binaries = BTreeMap<String, PathBuf>;

/// Paths of the built test binaries.
pub(crate) type TestBinaries = Vec<PathBuf>;

/// Results of a build.
pub(crate) struct Built {
    pub(crate) binaries: Binaries,
    pub(crate) tests: TestBinaries,
}

/// Builds, and returns the path of each binary as cargo reports it. CARGO_TARGET_DIR and cargo's settings need no care.
pub(crate) fn binaries(options: &BuildOptions) -> Result<Binaries> {
    let mut cargo = workspace::cargo();
    cargo.args(["build", "--profile", options.profile.name(), "--package", "memtrace-cli", "--bin", "memtrace"]);
    if options.load {
        cargo.args(["--package", "tests", "--bin", "memload"]);
    }
    if let Some(target) = &options.target {
        cargo.args(["--target", target]);
    }
    Ok(built(cargo)?.binaries)
}

/// Builds the tests of these packages and the binaries that they start. An empty list stands for all packages. See
/// [`packages`] for the features that a selection requests.
pub(crate) fn tests(packages: &[&str]) -> Result<Built> {
    let mut cargo = workspace::cargo();
    cargo.args(["test", "--no-run"]);
    packages::select(&mut cargo, packages);
    built(cargo)
}

/// Runs a cargo command that builds, and collects the binaries.
fn built(mut cargo: Command) -> Result<Built> {
    cargo.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    let mut child = cargo.spawn().with_context(|| format!("starting {}", line(&cargo)))?;
    let stdout = child.stdout.take().context("cargo's messages")?;

    let (mut binaries, mut tests) = (Binaries::new(), TestBinaries::new());
    for message in Message::parse_stream(BufReader::new(stdout)) {
        if let Message::CompilerArtifact(artifact) = message.context("reading cargo's messages")?
            && let Some(path) = artifact.executable
        {
            if artifact.profile.test {
                tests.push(path.into_std_path_buf());
            } else if artifact.target.is_bin() {
                binaries.insert(artifact.target.name, path.into_std_path_buf());
            }
        }
    }
    let status = child.wait().context("waiting for cargo")?;
    if !status.success() {
        bail!("the build failed: {status} (what cargo said is above)");
    }
    Ok(Built { binaries, tests })
}

/// The binary `name` of a build.
pub(crate) fn take(binaries: &mut Binaries, name: &str) -> Result<PathBuf> {
    binaries.remove(name).with_context(|| format!("cargo built no binary `{name}`"))
}
