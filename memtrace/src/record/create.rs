//! Creates the file of a trace: never through a link, never over something else, readable by its owner only.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, fchown},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{CWD, OFlags, RenameFlags, fstatfs, renameat_with, statvfs},
    io::Errno,
};

use memtrace_core::untrusted::shown_path;

/// Least room at the start, in bytes: a file system with less counts as full.
const LEAST_ROOM: u64 = 16 << 20;
const TMPFS: i64 = 0x0102_1994;
const RAMFS: i64 = 0x8584_58f6;

/// Reason why a file cannot be created, with a remedy.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

/// A new file that does not have its name yet: a start that fails leaves nothing behind, and keeps the file that it
/// would have replaced.
#[derive(Debug)]
pub struct Created {
    /// The file, empty.
    pub file: File,
    /// Warning, such as that the file lies in memory.
    pub warning: Option<String>,
    /// Pending name of the file.
    pub unnamed: PendingFile,
}

/// Final and temporary name of a file. Dropping it before the file has its final name removes the file.
#[derive(Debug)]
pub struct PendingFile {
    until_then: Option<PathBuf>,
    path: PathBuf,
    force: bool,
}

impl PendingFile {
    /// Renames the file to its final name.
    ///
    /// # Errors
    /// When something has come in the way meanwhile.
    pub fn name(mut self) -> Result<(), Refused> {
        let Some(from) = self.until_then.clone() else { return Ok(()) };
        let shown = shown_path(&self.path);
        if self.force {
            check_way(&self.path, &shown, true)?;
        }
        let flags = if self.force { RenameFlags::empty() } else { RenameFlags::NOREPLACE };
        let renamed = renameat_with(CWD, &from, CWD, &self.path, flags);
        let renamed = match renamed {
            // The file system does not know `RENAME_NOREPLACE`: a hard link replaces nothing either, and the temporary
            // name is then removed.
            Err(Errno::INVAL | Errno::NOSYS) => fs::hard_link(&from, &self.path).and_then(|()| fs::remove_file(&from)),
            other => other.map_err(io::Error::from),
        };
        renamed.map_err(|e| refusal(&e, &self.path, &shown))?;
        self.until_then = None;
        Ok(())
    }
}

impl Drop for PendingFile {
    fn drop(&mut self) {
        if let Some(path) = &self.until_then {
            // A file that cannot be removed is no failure of anything.
            let _ = fs::remove_file(path);
        }
    }
}

/// Creates a new file; with `force` it takes the place of an existing regular one.
///
/// # Errors
/// When something is in the way, the file system is full, or the directory cannot be written.
pub fn create(path: &Path, force: bool) -> Result<Created, Refused> {
    let shown = shown_path(path);
    check_way(path, &shown, force)?;
    let directory = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    check_room(directory)?;
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}", std::process::id()));
    let until_then = path.with_file_name(name);
    let file = new_file(&until_then).map_err(|e| refusal(&e, path, &shown))?;
    // The caller of sudo can then read the file without sudo.
    if let Some((uid, gid)) = sudo_caller() {
        let _ = fchown(&file, Some(uid), Some(gid));
    }
    let in_memory = fstatfs(&file).is_ok_and(|fs| {
        #[expect(clippy::unnecessary_cast, reason = "the type differs between targets")]
        let kind = fs.f_type as i64;
        kind == TMPFS || kind == RAMFS
    });
    let warning = in_memory.then(|| {
        format!("{shown} is on a file system in memory: the trace takes up memory of this host. Record to a disk")
    });
    let unnamed = PendingFile { until_then: Some(until_then), path: path.to_owned(), force };
    Ok(Created { file, warning, unnamed })
}

/// Creates a new file that only its owner can read and write.
pub(super) fn new_file(path: &Path) -> io::Result<File> {
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::CLOEXEC).bits()).unwrap_or(0);
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).custom_flags(flags).open(path)
}

/// Rejects a path at which something exists that must not be replaced.
fn check_way(path: &Path, shown: &str, force: bool) -> Result<(), Refused> {
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(metadata) if force && in_the_way(&metadata).is_none() => Ok(()),
        Ok(_) => Err(refusal(&io::ErrorKind::AlreadyExists.into(), path, shown)),
        Err(e) => Err(refusal(&e, path, shown)),
    }
}

/// Description of a file that must not be replaced; `None` for an ordinary file with one name.
fn in_the_way(metadata: &fs::Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    if kind.is_symlink() {
        Some("a symbolic link")
    } else if kind.is_dir() {
        Some("a directory")
    } else if kind.is_fifo() {
        Some("a named pipe")
    } else if !kind.is_file() {
        Some("a device or a socket")
    } else if metadata.nlink() > 1 {
        Some("a file with other names (hard links)")
    } else {
        None
    }
}

fn refusal(error: &io::Error, path: &Path, shown: &str) -> Refused {
    let metadata = fs::symlink_metadata(path).ok();
    let text = match metadata.as_ref().map(in_the_way) {
        Some(Some(what)) => format!("{shown} is {what}, which memtrace does not write to. Choose another file with -o"),
        Some(None) => format!("{shown} already exists: replace it with --force, or choose another file with -o"),
        None if error.kind() == io::ErrorKind::NotFound => {
            format!(
                "{shown} cannot be created: its directory does not exist. Run `mkdir -p`, or choose another with -o"
            )
        }
        None => {
            format!(
                "{shown} cannot be created: {error}. Choose another file with -o, such as -o /var/tmp/memtrace.mtrc"
            )
        }
    };
    Refused(text)
}

/// Rejects a full file system, and suggests one with room.
fn check_room(directory: &Path) -> Result<(), Refused> {
    let room = |dir: &Path| statvfs(dir).ok().map(|fs| fs.f_bavail.saturating_mul(fs.f_frsize));
    let Some(bytes) = room(directory).filter(|&bytes| bytes < LEAST_ROOM) else { return Ok(()) };
    let shown = shown_path(directory);
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let others = [Some(PathBuf::from("/var/tmp")), home, Some(PathBuf::from("/tmp")), Some(PathBuf::from("/dev/shm"))];
    let other = others.into_iter().flatten().find(|dir| room(dir).is_some_and(|bytes| bytes >= LEAST_ROOM));
    let next = match other {
        Some(dir) => {
            format!("{} has room: memtrace record -o {}", shown_path(&dir), shown_path(&dir.join("memtrace.mtrc")))
        }
        None => "/var/tmp, $HOME, /tmp and /dev/shm have no room either. Free some, or record over ssh with `-o -`"
            .to_owned(),
    };
    Err(Refused(format!("the file system of {shown} is full ({} KiB left): {next}", bytes >> 10)))
}

/// User and group id of the caller of sudo; `None` without sudo.
fn sudo_caller() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let id = |name| std::env::var(name).ok()?.parse().ok();
    Some((id("SUDO_UID")?, id("SUDO_GID")?))
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt as _, symlink},
        path::Path,
    };

    use super::create;

    fn refused(path: &Path, force: bool) -> String {
        create(path, force).unwrap_err().to_string()
    }

    #[test]
    fn a_new_file_is_for_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.mtrc");
        // A start that failed leaves nothing.
        drop(create(&path, false).unwrap());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        create(&path, false).unwrap().unnamed.name().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(refused(&path, false).contains("replace it with --force"));
        fs::write(&path, "old").unwrap();
        drop(create(&path, true).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        create(&path, true).unwrap().unnamed.name().unwrap();
        assert_eq!((fs::read(&path).unwrap(), fs::read_dir(dir.path()).unwrap().count()), (Vec::new(), 1));
        // Something may come in between.
        let other = dir.path().join("b.mtrc");
        let created = create(&other, false).unwrap();
        fs::write(&other, "precious").unwrap();
        assert!(created.unnamed.name().unwrap_err().to_string().contains("--force"));
        assert_eq!(fs::read(&other).unwrap(), b"precious");
    }

    #[test]
    fn nothing_else_is_written_through_or_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("precious"), "mine").unwrap();
        symlink(at("precious"), at("link")).unwrap();
        symlink(at("nothing"), at("dangling")).unwrap();
        fs::write(at("one"), "mine").unwrap();
        fs::hard_link(at("one"), at("two")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), rustix::fs::Mode::RUSR).unwrap();
        for (name, what) in [
            ("link", "symbolic link"),
            ("dangling", "symbolic link"),
            ("two", "hard links"),
            ("fifo", "named pipe"),
            ("", "directory"),
        ] {
            for force in [false, true] {
                let error = refused(&at(name), force);
                assert!(error.contains(what) && error.contains("-o"), "{name} {force}: {error}");
            }
        }
        assert_eq!((fs::read(at("precious")).unwrap(), fs::read(at("two")).unwrap()), (b"mine".into(), b"mine".into()));
        assert!(!at("nothing").exists());
        assert!(refused(&at("no/such/dir"), false).contains("mkdir -p"));
    }

    #[test]
    fn a_file_in_memory_is_warned_of() {
        let dir = tempfile::tempdir_in("/dev/shm").unwrap();
        let created = create(&dir.path().join("a.mtrc"), false).unwrap();
        assert!(created.warning.unwrap().contains("in memory"));
    }
}
