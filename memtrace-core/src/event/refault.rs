//! Refaults of the sample: who brought which page back, and who had evicted it.

use memtrace_common::eviction::NAME_LEN;

use super::Comm;

/// The name of a file as the kernel keeps it, cut, NUL padded; chosen by whoever made the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(pub [u8; NAME_LEN]);

impl FileName {
    /// The bytes before the first NUL; empty when the name was not read.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        let end = self.0.iter().position(|&b| b == 0).unwrap_or(NAME_LEN);
        &self.0[..end]
    }

    /// Whether there may be more of it than was kept.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.bytes().len() >= NAME_LEN - 1
    }
}

impl From<&[u8]> for FileName {
    fn from(bytes: &[u8]) -> Self {
        let mut name = [0; NAME_LEN];
        let len = bytes.len().min(NAME_LEN - 1);
        name[..len].copy_from_slice(&bytes[..len]);
        Self(name)
    }
}

/// Who evicted a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Evictor {
    /// Process id; that of the thread for a kernel thread.
    pub pid: u32,
    /// Name of the process: that of its first thread.
    pub comm: Comm,
    /// Whether it is a kernel thread: kswapd, at nobody's own cost.
    pub is_kthread: bool,
}

/// A file, as far as a page tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId {
    /// Major and minor number of its device.
    pub dev: (u32, u32),
    /// Inode number.
    pub ino: u64,
    /// Its first name, without folders.
    pub name: FileName,
}

/// Which refaults: who evicted the pages, who brought them back, of which file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EvictorKey {
    /// Who evicted them.
    pub evictor: Evictor,
    /// Process that brought them back.
    pub pid: u32,
    /// Its name.
    pub comm: Comm,
    /// Id of its memory cgroup.
    pub cgroup_id: Option<u64>,
    /// The file; `None` of anonymous memory.
    pub file: Option<FileId>,
}

/// A page of the sample came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampledRefault {
    /// How long it was away, in ns.
    pub away_ns: u64,
    /// Pages of files, or of anonymous memory as this one, that were evicted meanwhile of the memory cgroup that it was
    /// charged to, estimated by the same sample. `None` where their count has given way to those of other cgroups.
    pub distance_pages: Option<u64>,
    /// Both processes, and the memory.
    pub key: EvictorKey,
}
