//! The directory of a flight recorder: its lock, its segments, its incident files.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};

use super::limits::{Extent, Limits};
use memtrace_core::untrusted::shown_path;

const LOCK: &str = ".memtrace.lock";
const SEGMENT: &str = "segment-";
const INCIDENT: &str = "incident-";
const SUFFIX: &str = ".mtrc";

/// Reason why a directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another recorder uses it.
    #[error(
        "another recorder{pid} already records to {dir}: two in one directory would delete each other's files. \
         Choose another directory with `--dir`, or stop that recorder first",
        dir = shown_path(.dir),
        pid = .pid.map_or(String::new(), |pid| format!(" (pid {pid})"))
    )]
    Locked {
        /// The directory.
        dir: PathBuf,
        /// Process id of the other recorder; `None` if it cannot be read.
        pid: Option<u32>,
    },
    /// The file system refused.
    #[error("{dir}: {error}. Choose a writable directory with `--dir`", dir = shown_path(.dir))]
    Io {
        /// The directory.
        dir: PathBuf,
        /// Error of the file system.
        error: io::Error,
    },
}

/// A segment on disk.
#[derive(Clone, Debug)]
struct StoredSegment {
    path: PathBuf,
    extent: Extent,
}

/// The directory, held by one recorder at a time.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    limits: Limits,
    /// Complete segments, oldest first.
    segments: Vec<StoredSegment>,
    /// Lock file; the lock is held as long as it is open.
    _lock: File,
}

impl Store {
    /// Locks the directory, and creates it if needed. Segments of an earlier recorder count as kept.
    ///
    /// Times of files are converted to the clock of `now_ns` by their age.
    ///
    /// # Errors
    /// When another recorder has locked it, or the file system refuses.
    pub fn open(dir: &Path, limits: Limits, now_ns: u64) -> Result<Self, StoreError> {
        let failed = |error| StoreError::Io { dir: dir.to_owned(), error };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
        let lock = lock(dir)?;
        let mut store = Self { dir: dir.to_owned(), limits, segments: Vec::new(), _lock: lock };
        store.segments = store.left_behind(now_ns).map_err(failed)?;
        Ok(store)
    }

    /// Path of the directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Limits of the ring and of the incident files.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Begins a segment; `stamp` sorts by time (`20261124T131500Z-000042`).
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create_segment(&self, stamp: &str) -> io::Result<(PathBuf, File)> {
        self.create(SEGMENT, stamp)
    }

    /// Adds a complete segment to the kept ones.
    pub fn complete(&mut self, path: PathBuf, begin_ns: u64, bytes: u64) {
        self.segments.push(StoredSegment { path, extent: Extent { begin_ns, bytes } });
    }

    /// Removes segments beyond the limits. If a file cannot be removed, the next call tries again.
    pub fn prune(&mut self, open_bytes: u64, now_ns: u64) {
        let extents: Vec<_> = self.segments.iter().map(|segment| segment.extent).collect();
        let surplus = self.limits.surplus(&extents, open_bytes, now_ns);
        let is_gone = |path: &Path| match fs::remove_file(path) {
            Ok(()) => true,
            Err(e) => e.kind() == io::ErrorKind::NotFound,
        };
        let mut at = 0;
        self.segments.retain(|segment| {
            at += 1;
            at > surplus || !is_gone(&segment.path)
        });
    }

    /// The complete segments that reach beyond `from_ns`, oldest first.
    pub fn since(&self, from_ns: u64) -> impl Iterator<Item = &Path> {
        let first = self.segments.iter().rposition(|segment| segment.extent.begin_ns <= from_ns).unwrap_or(0);
        self.segments[first..].iter().map(|segment| segment.path.as_path())
    }

    /// Begins an incident file, and removes the oldest ones beyond the limit.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create_incident(&self, stamp: &str) -> io::Result<(PathBuf, File)> {
        let mut incidents = self.names(INCIDENT)?;
        incidents.sort_unstable();
        let surplus = (incidents.len() + 1).saturating_sub(self.limits.max_incidents.max(1));
        for name in incidents.iter().take(surplus) {
            // A file that cannot be removed must not keep this incident from being saved.
            let _ = fs::remove_file(self.dir.join(name));
        }
        self.create(INCIDENT, stamp)
    }

    /// Creates a new file under a name that is free: a clock that was set back must not stop the recorder.
    fn create(&self, prefix: &str, stamp: &str) -> io::Result<(PathBuf, File)> {
        let mut n = 0;
        loop {
            let tail = if n == 0 { String::new() } else { format!("-{n}") };
            let path = self.dir.join(format!("{prefix}{stamp}{tail}{SUFFIX}"));
            match new_file(&path) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists && n < 1000 => n += 1,
                result => return result.map(|file| (path, file)),
            }
        }
    }

    fn names(&self, prefix: &str) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(&self.dir)?.flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        Ok(names.filter(|name| name.starts_with(prefix) && name.ends_with(SUFFIX)).collect())
    }

    fn left_behind(&self, now_ns: u64) -> io::Result<Vec<StoredSegment>> {
        let segment = |name: String| {
            let path = self.dir.join(name);
            let metadata = fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file)?;
            // The last write is the end of the segment; taken as its beginning, it keeps the segment a little longer.
            let age_ns = metadata.modified().ok()?.elapsed().unwrap_or_default().as_nanos();
            let begin_ns = now_ns.saturating_sub(u64::try_from(age_ns).unwrap_or(u64::MAX));
            Some(StoredSegment { path, extent: Extent { begin_ns, bytes: metadata.size() } })
        };
        let mut segments: Vec<_> = self.names(SEGMENT)?.into_iter().filter_map(segment).collect();
        segments.sort_by(|a, b| (a.extent.begin_ns, &a.path).cmp(&(b.extent.begin_ns, &b.path)));
        Ok(segments)
    }
}

fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// Takes the lock of the directory. The kernel releases it when the process ends, in whatever way.
fn lock(dir: &Path) -> Result<File, StoreError> {
    let failed = |error| StoreError::Io { dir: dir.to_owned(), error };
    let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(no_follow);
    let file = options.open(dir.join(LOCK)).map_err(failed)?;
    if let Err(e) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
        if e != rustix::io::Errno::WOULDBLOCK {
            return Err(failed(e.into()));
        }
        let mut pid = String::new();
        // The process id of the holder is only for the message: if it cannot be read, that is no further failure.
        let _ = (&file).take(32).read_to_string(&mut pid);
        return Err(StoreError::Locked { dir: dir.to_owned(), pid: pid.trim().parse().ok() });
    }
    file.set_len(0).map_err(failed)?;
    (&file).write_all(format!("{}\n", std::process::id()).as_bytes()).map_err(failed)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Limits, Store, StoreError};

    const S: u64 = 1_000_000_000;
    const LIMITS: Limits =
        Limits { keep_ns: 60 * S, max_bytes: 1 << 20, max_files: 10, max_incidents: 2, after_ns: 10 * S };

    fn names(store: &Store) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(store.dir()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names.retain(|name| !name.starts_with('.'));
        names
    }

    #[test]
    fn a_second_recorder_gets_the_pid_of_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("not/there/yet");
        let first = Store::open(&dir, LIMITS, 0).unwrap();
        let refused = Store::open(&dir, LIMITS, 0).unwrap_err();
        let pid = std::process::id();
        assert!(matches!(refused, StoreError::Locked { pid: Some(holder), .. } if holder == pid), "{refused}");
        assert!(refused.to_string().contains(&format!("(pid {pid})")), "{refused}");
        drop(first);
        Store::open(&dir, LIMITS, 0).unwrap();
    }

    #[test]
    fn old_segments_go_and_what_others_put_there_stays() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("notes.txt"), "mine").unwrap();
        let mut store = Store::open(dir.path(), LIMITS, 0).unwrap();
        for n in 0..20 {
            let (path, _) = store.create_segment(&format!("{n:02}")).unwrap();
            store.complete(path, n * 10 * S, 10);
            store.prune(0, (n + 1) * 10 * S);
        }
        let want = ["notes.txt", "segment-14.mtrc", "segment-15.mtrc", "segment-16.mtrc", "segment-17.mtrc"];
        assert_eq!(names(&store)[..5], want);
        assert_eq!(store.since(155 * S).count(), 5);
        drop(store);
        // The next recorder takes them over, by their age.
        let mut store = Store::open(dir.path(), LIMITS, 1000 * S).unwrap();
        assert_eq!(store.since(0).count(), 6);
        store.prune(0, 2000 * S);
        assert_eq!(store.since(0).count(), 1);
    }

    #[test]
    fn incidents_are_bounded_and_never_overwrite() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), LIMITS, 0).unwrap();
        for stamp in ["1-oom", "1-oom", "2-psi.some", "3-signal"] {
            store.create_incident(stamp).unwrap();
        }
        assert_eq!(names(&store), ["incident-2-psi.some.mtrc", "incident-3-signal.mtrc"]);
    }
}
