//! `cargo xtask install`: installs memtrace where `sudo memtrace` finds it.

use std::{env, ffi::OsStr, path::Path, process::Command};

use anyhow::{Context as _, Result};
use rustix::fs::{Access, access};

use crate::{
    as_root, build, tools,
    workspace::{output, sh},
};

/// Builds for release and copies the binary and its debug file to `prefix`/bin: a backtrace looks for the debug file
/// only beside the binary.
pub(crate) fn install(prefix: &Path) -> Result<()> {
    tools::setup(false)?;
    let options = build::BuildOptions { profile: build::Profile::Release, ..build::BuildOptions::default() };
    let memtrace = build::take(&mut build::binaries(&options)?, "memtrace")?;
    let bin = prefix.join("bin");
    let to = bin.join("memtrace");
    copy(&memtrace, &to, "-m755")?;
    if let Some(debug) = build::debug_file(&memtrace) {
        copy(&debug, &to.with_extension("dwp"), "-m644")?;
    }

    let path = env::var_os("PATH").unwrap_or_default();
    if !contains(&path, &bin) {
        eprintln!("xtask: {0} is not in PATH: call it as {0}/memtrace", bin.display());
    }
    if let Some(secure) = secure_path()
        && !contains(secure.as_ref(), &bin)
    {
        eprintln!("xtask: sudo looks in {secure} only: call it as `sudo {}`", to.display());
    }
    Ok(())
}

/// Copies a file, as root if needed.
fn copy(from: &Path, to: &Path, mode: &str) -> Result<()> {
    let args = ["-D".as_ref(), mode.as_ref(), "--".as_ref(), from.as_os_str(), to.as_os_str()];
    if to.parent().is_some_and(writable) {
        sh(Command::new("install").args(args))
    } else {
        sh(&mut as_root::command("install", &args, &[])?)
    }
    .with_context(|| format!("installing {}", to.display()))?;
    println!("installed {}", to.display());
    Ok(())
}

/// True if the nearest existing ancestor of `bin` may be written.
fn writable(bin: &Path) -> bool {
    bin.ancestors().find(|a| a.exists()).is_some_and(|a| access(a, Access::WRITE_OK).is_ok())
}

fn contains(path: &OsStr, dir: &Path) -> bool {
    env::split_paths(path).any(|p| p == dir)
}

/// sudo's replacement for PATH, if sudo lists it without a password.
fn secure_path() -> Option<String> {
    let said = output(Command::new("sudo").args(["--non-interactive", "--list"]))?;
    parse_secure_path(&said)
}

/// `secure_path=/usr/local/sbin\:/usr/local/bin, use_pty`
fn parse_secure_path(said: &str) -> Option<String> {
    let (_, rest) = said.split_once("secure_path=")?;
    let value = rest.split([',', '\n']).next()?;
    Some(value.trim().trim_matches('"').replace("\\:", ":"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secure_path_is_read_from_what_sudo_lists() {
        let said = "Matching Defaults entries for me on host:\n    env_reset, \
                    secure_path=/usr/local/sbin\\:/usr/local/bin\\:/usr/bin, use_pty\n\nUser me may run ...\n";
        assert_eq!(parse_secure_path(said).as_deref(), Some("/usr/local/sbin:/usr/local/bin:/usr/bin"));
        assert_eq!(parse_secure_path("User me may run the following commands\n"), None);
    }

    #[test]
    fn a_directory_is_in_path_only_as_a_whole() {
        assert!(contains("/usr/local/bin:/bin".as_ref(), Path::new("/bin")));
        assert!(!contains("/usr/local/bin".as_ref(), Path::new("/usr/local")));
    }
}
