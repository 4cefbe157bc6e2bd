//! Names of memory cgroups by id, which is the inode number of their directory.

mod cache;
mod handle;
mod hierarchy;

use std::{
    collections::VecDeque,
    fs, io,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

pub use self::hierarchy::{Hierarchy, Version, memory_hierarchy};
use self::{cache::Cache, handle::ByHandle};

/// Shortest time between two walks of the hierarchy, which are slow.
const WALK_INTERVAL: Duration = Duration::from_secs(1);

/// Time limit of the walk at the start if handles work: it then serves only cgroups that vanish before they are seen,
/// and must not delay the start.
const WALK_BUDGET: Duration = Duration::from_millis(50);

/// The names, relative to the root of the memory hierarchy (`/` for the root itself). They are bytes that other
/// processes chose. A cgroup that was resolved once keeps its name after its removal.
#[derive(Debug)]
pub struct CgroupNames {
    mount: Option<PathBuf>,
    by_handle: Option<ByHandle>,
    cache: Cache,
    walked: Option<Instant>,
}

impl CgroupNames {
    /// Names of the mounted memory hierarchy; without one nothing is resolved. Walks the hierarchy once, so that
    /// cgroups which exist now have a name even when they vanish with their OOM victim.
    #[must_use]
    pub fn new() -> Self {
        Self::under(memory_hierarchy().ok().and_then(|hierarchy| hierarchy.mount().map(Path::to_owned)))
    }

    fn under(mount: Option<PathBuf>) -> Self {
        let by_handle = mount.as_deref().and_then(|mount| ByHandle::open(mount).ok());
        let mut names = Self { mount, by_handle, cache: Cache::default(), walked: None };
        names.walk(names.by_handle.is_some().then_some(WALK_BUDGET));
        names
    }

    /// True if ids are resolved at once by handle, which needs `CAP_DAC_READ_SEARCH`. Otherwise a walk at most once a
    /// second resolves them, and can miss a short-lived cgroup.
    #[must_use]
    pub fn is_immediate(&self) -> bool {
        self.by_handle.is_some()
    }

    /// The name of the cgroup with this id, when it exists or was resolved before.
    pub fn resolve(&mut self, id: u64) -> Option<Arc<[u8]>> {
        if let Some(name) = self.cache.get(id) {
            return name;
        }
        if let Some(by_handle) = &self.by_handle {
            let name = by_handle.path(id).ok()?.map(Arc::from);
            self.cache.insert(id, name.clone());
            return name;
        }
        if self.walked.is_none_or(|at| at.elapsed() >= WALK_INTERVAL) {
            self.walk(None);
        }
        self.cache.get(id).flatten()
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

    fn walk(&mut self, budget: Option<Duration>) {
        let Some(mount) = self.mount.clone() else { return };
        let start = Instant::now();
        let mut pending = VecDeque::from([mount.clone()]);
        let mut seen = 0;
        while let Some(dir) = pending.pop_front() {
            if seen == cache::CAPACITY || budget.is_some_and(|budget| start.elapsed() > budget) {
                break;
            }
            seen += 1;
            if let Ok(metadata) = fs::symlink_metadata(&dir) {
                let name = dir.strip_prefix(&mount).map_or(&b""[..], |path| path.as_os_str().as_bytes());
                self.cache.insert(metadata.ino(), Some([b"/", name].concat().into()));
            }
            let Ok(entries) = fs::read_dir(&dir) else { continue };
            let dirs = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            pending.extend(dirs.map(|entry| entry.path()));
        }
        self.walked = Some(Instant::now());
    }
}

impl memtrace_core::session::filter::CgroupNames for CgroupNames {
    fn path(&self, id: u64) -> Option<&[u8]> {
        self.cache.peek(id)
    }
}

impl Default for CgroupNames {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
