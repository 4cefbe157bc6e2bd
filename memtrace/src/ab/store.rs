//! Storage of the journal: a directory of root's own in `/run`, locked by one experiment at a time.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    os::fd::{AsFd as _, OwnedFd},
    path::Path,
};

use anyhow::{Context as _, Result, bail};
use rustix::{
    fs::{
        AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, flock, fstat, fsync, mkdirat, openat, renameat, statat,
        unlinkat,
    },
    io::Errno,
};

use super::plan::journal::Journal;
use memtrace_core::untrusted::shown_path;

/// The directory. It is gone at the next boot, as are the settings.
pub(super) const DIRECTORY: &str = "/run/memtrace";
const LOCK: &str = "ab.lock";
const JOURNAL: &str = "ab.journal";
const NEW: &str = "ab.journal.new";
/// Longest journal in bytes.
const LONGEST: u64 = 1 << 20;

/// The directory, locked.
#[derive(Debug)]
pub(super) struct Store {
    dir: OwnedFd,
    /// The lock, held as long as this file is open.
    _lock: File,
}

impl Store {
    /// Locks the directory; creates it when it does not exist.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let shown = shown_path(path);
        match mkdirat(CWD, path, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(e) => return Err(e).with_context(|| format!("creating {shown}")),
        }
        let dir = directory(path).with_context(|| format!("opening {shown}"))?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut lock: File = openat(&dir, LOCK, flags, Mode::RUSR | Mode::WUSR)
            .with_context(|| format!("opening {shown}/{LOCK}"))?
            .into();
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let mut pid = String::new();
                // The pid is for the message only: failing to read it is not another error.
                let _ = (&lock).take(16).read_to_string(&mut pid);
                let pid = pid.trim().parse::<u32>().map_or_else(|_| String::new(), |pid| format!(" (pid {pid})"));
                bail!(
                    "another `memtrace ab`{pid} is running, and two would disturb each other. Wait for it, or stop it"
                );
            }
            Err(e) => return Err(e).with_context(|| format!("locking {shown}/{LOCK}")),
        }
        lock.set_len(0)
            .and_then(|()| lock.write_all(format!("{}\n", std::process::id()).as_bytes()))
            .context("writing the lock")?;
        Ok(Self { dir, _lock: lock })
    }

    /// Journal of an experiment that did not end in order; `None` when there is none.
    pub(super) fn journal(&self) -> Result<Option<Journal>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file: File = match openat(&self.dir, JOURNAL, flags, Mode::empty()) {
            Ok(file) => file.into(),
            Err(Errno::NOENT) => return Ok(None),
            Err(e) => return Err(e).with_context(|| format!("opening {DIRECTORY}/{JOURNAL}")),
        };
        let mut text = String::new();
        file.take(LONGEST).read_to_string(&mut text).with_context(|| format!("reading {DIRECTORY}/{JOURNAL}"))?;
        let journal = Journal::decode(&text).map_err(anyhow::Error::msg);
        journal
            .map(Some)
            .with_context(|| format!("{DIRECTORY}/{JOURNAL} lists the settings to restore, but cannot be used"))
    }

    /// Saves a journal: it is complete and synced when this returns.
    pub(super) fn keep(&self, journal: &Journal) -> Result<()> {
        let text = journal.encode().context("writing the journal")?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let write = || -> io::Result<()> {
            let mut file: File = openat(&self.dir, NEW, flags, Mode::RUSR | Mode::WUSR)?.into();
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            renameat(&self.dir, NEW, &self.dir, JOURNAL)?;
            Ok(fsync(reopened(&self.dir)?)?)
        };
        write()
            .with_context(|| format!("saving the original settings to {DIRECTORY}/{JOURNAL}; no setting was changed"))
    }

    /// Removes the journal: nothing is left to restore.
    pub(super) fn forget(&self) -> io::Result<()> {
        match unlinkat(&self.dir, JOURNAL, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }
}

/// True when an experiment that no longer runs left something to restore. Cheap; false, without a message, where this
/// cannot be determined.
#[must_use]
pub fn is_left_behind() -> bool {
    let is_held = |dir: &OwnedFd| {
        let Ok(lock) = openat(dir, LOCK, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()) else {
            return false;
        };
        flock(&lock, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK)
    };
    directory(Path::new(DIRECTORY))
        .is_ok_and(|dir| statat(&dir, JOURNAL, AtFlags::SYMLINK_NOFOLLOW).is_ok() && !is_held(&dir))
}

/// Opens a directory that belongs to this user and that nobody else can write to.
fn directory(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = openat(CWD, path, flags, Mode::empty())?;
    let stat = fstat(&dir)?;
    let others = Mode::WGRP | Mode::WOTH;
    let is_private = FileType::from_raw_mode(stat.st_mode) == FileType::Directory
        && stat.st_uid == rustix::process::geteuid().as_raw()
        && !Mode::from_raw_mode(stat.st_mode).intersects(others);
    if is_private {
        Ok(dir)
    } else {
        Err(io::Error::other("another user owns it or can write to it, and could change the settings to restore"))
    }
}

fn reopened(dir: &OwnedFd) -> io::Result<OwnedFd> {
    Ok(openat(dir.as_fd(), ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::{Journal, Store};

    #[test]
    fn one_at_a_time_and_what_is_kept_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("memtrace");
        let store = Store::open(&path).unwrap();
        let second = Store::open(&path).unwrap_err().to_string();
        assert!(second.contains(&format!("(pid {})", std::process::id())), "{second}");
        assert_eq!(store.journal().unwrap(), None);
        let journal = Journal { boot_id: "b".to_owned(), pid: 1, begun: "now".to_owned(), kept: Vec::new() };
        store.keep(&journal).unwrap();
        assert_eq!(store.journal().unwrap(), Some(journal));
        let mode = |name: &str| fs::metadata(path.join(name)).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode("ab.journal"), mode("")), (0o600, 0o700));
        store.forget().unwrap();
        store.forget().unwrap();
        assert_eq!(store.journal().unwrap(), None);
        fs::write(path.join("ab.journal"), "{").unwrap();
        assert!(format!("{:#}", store.journal().unwrap_err()).contains("damaged"));
    }

    #[test]
    fn what_others_could_have_put_there_is_not_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("open");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(format!("{:#}", Store::open(&path).unwrap_err()).contains("another user"));
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path(), &link).unwrap();
        assert!(Store::open(&link).is_err());
        let path = dir.path().join("own");
        drop(Store::open(&path).unwrap());
        fs::write(dir.path().join("precious"), "{}").unwrap();
        std::os::unix::fs::symlink("../precious", path.join("ab.journal")).unwrap();
        assert!(Store::open(&path).unwrap().journal().is_err());
    }
}
