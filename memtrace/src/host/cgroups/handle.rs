//! A cgroup's directory from its id, without a walk.

use std::{
    fs::{self, File},
    io,
    os::{
        fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::{Path, PathBuf},
};

/// `FILEID_KERNFS`: the handle is the 64-bit id of the kernfs node, which is the cgroup id.
const FILEID_KERNFS: i32 = 0xfe;

/// Suffix that the kernel appends to the path of a removed directory.
const DELETED: &[u8] = b" (deleted)";

/// The kernel's `struct file_handle` with room for that id.
#[repr(C)]
struct Handle {
    bytes: u32,
    kind: i32,
    id: [u8; 8],
}

/// The mount in which handles are opened.
#[derive(Debug)]
pub(super) struct ByHandle {
    dir: File,
    mount: PathBuf,
}

impl ByHandle {
    /// Opens the mount, and tries a handle on the root of the hierarchy.
    ///
    /// # Errors
    /// EPERM without `CAP_DAC_READ_SEARCH` in the initial user namespace, ESTALE or EOPNOTSUPP on old kernels.
    pub(super) fn open(mount: &Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let by_handle = Self { dir: File::open(mount)?, mount: mount.to_owned() };
        by_handle.open_id(by_handle.dir.metadata()?.ino())?;
        Ok(by_handle)
    }

    fn open_id(&self, id: u64) -> io::Result<OwnedFd> {
        let mut handle = Handle { bytes: 8, kind: FILEID_KERNFS, id: id.to_ne_bytes() };
        // SAFETY: `handle` has the layout of `struct file_handle` followed by the 8 bytes that it announces, and lives
        // through the call; the call writes nothing.
        let fd = unsafe {
            libc::open_by_handle_at(
                self.dir.as_raw_fd(),
                (&raw mut handle).cast(),
                libc::O_PATH | libc::O_CLOEXEC | libc::O_DIRECTORY,
            )
        };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call just returned this descriptor, and nobody else has it.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// The path relative to the mount, starting with `/`. `None` when no such cgroup exists (any more) or when it lies
    /// outside the mounted part.
    ///
    /// # Errors
    /// When the kernel cannot open it at present, for example without free descriptors.
    pub(super) fn path(&self, id: u64) -> io::Result<Option<Vec<u8>>> {
        let fd = match self.open_id(id) {
            Err(e) if e.raw_os_error() == Some(libc::ESTALE) => return Ok(None),
            other => other?,
        };
        let path = fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()))?;
        let Ok(relative) = path.strip_prefix(&self.mount) else { return Ok(None) };
        let mut name = vec![b'/'];
        name.extend(relative.as_os_str().as_bytes());
        // The kernel appends this to a cgroup that was removed at this very moment; another cgroup may really have such
        // a name.
        if name.ends_with(DELETED) && !path.exists() {
            name.truncate(name.len() - DELETED.len());
        }
        Ok(Some(name))
    }
}
