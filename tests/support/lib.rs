//! Code shared by the integration tests: counted skips, the built binaries, and children and cgroups that are cleaned
//! up.

use std::{
    fs::OpenOptions,
    io::Write as _,
    path::PathBuf,
    process::{Child, Command},
};

pub mod cgroup;
pub mod lag;
pub mod load;
pub mod memtrace;
pub mod perf;
pub mod refaults;
pub mod stderr;
pub mod zram;

pub use cgroup::MemCgroup;

/// Reports that the test `name` cannot run on this machine, with the reason. The caller then returns.
///
/// `cargo xtask test` names a file in `MEMTRACE_SKIPS`, counts its lines and shows the reasons at the end. Only a
/// machine that truly lacks the means is a reason.
///
/// # Panics
/// When that file cannot be written: the test would otherwise count as passed.
pub fn skip(name: &str, reason: &str) {
    println!("SKIP {name}: {reason}");
    let Some(path) = std::env::var_os("MEMTRACE_SKIPS") else { return };
    let line = format!("{name}: {}\n", reason.replace('\n', " "));
    let written =
        OpenOptions::new().create(true).append(true).open(&path).and_then(|mut f| f.write_all(line.as_bytes()));
    if let Err(e) = written {
        panic!("writing the skip of {name} to {}: {e}", path.display());
    }
}

/// [`skip`] for the running test. libtest gives its thread the name of the test.
pub fn skip_here(reason: &str) {
    skip(std::thread::current().name().unwrap_or("a test"), reason);
}

/// True if this process is root. The live tests attach programs and make cgroups.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The binary `name` (`memtrace`, `memload`) of the same profile as the running test. `MEMTRACE_BIN` names another
/// memtrace to test: a static one, for example.
///
/// # Panics
/// When it was not built.
#[must_use]
pub fn bin(name: &str) -> PathBuf {
    if let Some(path) = std::env::var_os("MEMTRACE_BIN").filter(|_| name == "memtrace") {
        return path.into();
    }
    // target/<profile>/deps/<test>-<hash>
    let test = std::env::current_exe().unwrap_or_else(|e| panic!("the path of the running test: {e}"));
    let path = test.ancestors().nth(2).unwrap_or(&test).join(name);
    assert!(path.is_file(), "{} is not built; `cargo xtask test` builds it and runs the tests", path.display());
    path
}

/// A child process that is killed and reaped when it goes out of scope.
#[derive(Debug)]
pub struct ChildGuard(pub Child);

impl ChildGuard {
    /// Starts `command`.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn spawn(command: &mut Command) -> Self {
        Self(command.spawn().unwrap_or_else(|e| panic!("starting {command:?}: {e}")))
    }
}

impl Drop for ChildGuard {
    fn drop(&mut self) {
        // Both fail only when it is already gone and reaped.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
