//! Sampled refaults: the process that brought a page back, and the process that had evicted it.

use memtrace_common::eviction::NAME_LEN;

use super::Comm;

/// The name of a file as the kernel keeps it, cut, NUL padded; chosen by the creator of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(pub [u8; NAME_LEN]);

impl FileName {
    /// The bytes before the first NUL; empty when the name was not read.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        let end = self.0.iter().position(|&b| b == 0).unwrap_or(NAME_LEN);
        &self.0[..end]
    }

    /// True when the name may be longer than the part that was kept.
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

/// Process that evicted a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Evictor {
    /// Process id; that of the thread for a kernel thread.
    pub pid: u32,
    /// Name of the process: that of its first thread.
    pub comm: Comm,
    /// True for a kernel thread, such as kswapd: the eviction is at no process's own cost.
    pub is_kthread: bool,
}

/// A file, as far as it is known from a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId {
    /// Major and minor number of the device.
    pub dev: (u32, u32),
    /// Inode number.
    pub ino: u64,
    /// First name of the file, without folders.
    pub name: FileName,
}

/// Key of sampled refaults: the process that evicted the pages, the process that brought them back, and the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EvictorKey {
    /// Process that evicted the pages.
    pub evictor: Evictor,
    /// Process that brought them back.
    pub pid: u32,
    /// Name of that process.
    pub comm: Comm,
    /// Id of the memory cgroup of that process.
    pub cgroup_id: Option<u64>,
    /// The file; `None` for anonymous memory.
    pub file: Option<FileId>,
}

/// A page of the sample came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampledRefault {
    /// Time between eviction and refault, in ns.
    pub away_ns: u64,
    /// Pages of the same type (of files, or anonymous) that were evicted meanwhile from the memory cgroup to which the
    /// page was charged, estimated by the same sample. `None` when other cgroups have taken the slot of its counter.
    pub distance_pages: Option<u64>,
    /// Both processes, and the memory.
    pub key: EvictorKey,
}
