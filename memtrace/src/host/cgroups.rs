//! Names of memory cgroups by id, which is the inode number of their directory.

mod handle;
mod hierarchy;

use std::{
    collections::HashMap,
    fs, io,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use self::handle::ByHandle;
pub use self::hierarchy::{Hierarchy, Version, memory_hierarchy};

/// Names kept at once. Cgroups beyond it are resolved anew each time they are seen.
const CAPACITY: usize = 16_384;

/// A walk of the hierarchy is the slow way: at most one in this time.
const WALK_INTERVAL: Duration = Duration::from_secs(1);

/// The names, relative to the root of the memory hierarchy (`/` for the root itself). They are bytes that other
/// processes chose. A cgroup that was resolved once keeps its name after its removal.
#[derive(Debug)]
pub struct CgroupNames {
    mount: Option<PathBuf>,
    by_handle: Option<ByHandle>,
    names: HashMap<u64, Arc<[u8]>>,
    walked: Option<Instant>,
}

impl CgroupNames {
    /// For the memory hierarchy that is mounted; without one nothing is resolved.
    #[must_use]
    pub fn new() -> Self {
        Self::under(memory_hierarchy().ok().and_then(|hierarchy| hierarchy.mount().map(Path::to_owned)))
    }

    fn under(mount: Option<PathBuf>) -> Self {
        let by_handle = mount.as_deref().and_then(|mount| ByHandle::open(mount).ok());
        let mut names = Self { mount, by_handle, names: HashMap::with_capacity(CAPACITY), walked: None };
        names.walk();
        names
    }

    /// Whether ids are resolved at once (by handle) rather than by a walk at most once a second, in which a short-lived
    /// cgroup can be missed. The first needs `CAP_DAC_READ_SEARCH`.
    #[must_use]
    pub fn is_immediate(&self) -> bool {
        self.by_handle.is_some()
    }

    /// The name of the cgroup with this id, when it exists or was resolved before.
    pub fn resolve(&mut self, id: u64) -> Option<Arc<[u8]>> {
        if let Some(name) = self.names.get(&id) {
            return Some(name.clone());
        }
        if let Some(by_handle) = &self.by_handle {
            let name: Arc<[u8]> = by_handle.path(id)?.into();
            self.keep(id, &name);
            return Some(name);
        }
        if self.walked.is_none_or(|at| at.elapsed() >= WALK_INTERVAL) {
            self.walk();
        }
        self.names.get(&id).cloned()
    }

    /// The id of the cgroup with this name.
    ///
    /// # Errors
    /// When it does not exist or no memory hierarchy is mounted.
    pub fn id_of(&self, name: &[u8]) -> io::Result<u64> {
        let mount = self.mount.as_deref().ok_or(io::ErrorKind::NotFound)?;
        let relative = name.strip_prefix(b"/").unwrap_or(name);
        Ok(fs::metadata(mount.join(std::ffi::OsStr::from_bytes(relative)))?.ino())
    }

    fn keep(&mut self, id: u64, name: &Arc<[u8]>) {
        // A full table keeps what it has: long-lived cgroups were there first, and nothing is allocated.
        if self.names.len() < CAPACITY {
            self.names.insert(id, name.clone());
        }
    }

    fn walk(&mut self) {
        let Some(mount) = self.mount.clone() else { return };
        self.walked = Some(Instant::now());
        let mut pending = vec![mount.clone()];
        while let Some(dir) = pending.pop() {
            if self.names.len() >= CAPACITY {
                return;
            }
            if let Ok(metadata) = fs::symlink_metadata(&dir) {
                let name = dir.strip_prefix(&mount).map_or(&b""[..], |path| path.as_os_str().as_bytes());
                self.keep(metadata.ino(), &[b"/", name].concat().into());
            }
            let Ok(entries) = fs::read_dir(&dir) else { continue };
            let dirs = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            pending.extend(dirs.map(|entry| entry.path()));
        }
    }
}

impl Default for CgroupNames {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
