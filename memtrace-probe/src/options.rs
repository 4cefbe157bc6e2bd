//! Choices of whoever loads the kernel side.

use std::path::Path;

/// Where the memory controller is, which decides how a task's cgroup is found without BTF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryHierarchy {
    /// In the unified hierarchy.
    V2,
    /// In a hierarchy of its own.
    V1,
    /// Nowhere.
    None,
}

/// The methods of attaching that are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachWith {
    /// BTF tracepoints, then classic ones.
    All,
    /// Classic tracepoints only, as on a kernel without BTF.
    ClassicOnly,
}

/// What the caller decides.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions<'a> {
    /// Size of the ring buffer in bytes: a power of two, at least a page.
    pub ring_bytes: u32,
    /// memtrace's own process id.
    pub self_tgid: u32,
    /// Where the memory controller is.
    pub hierarchy: MemoryHierarchy,
    /// Where tracefs is mounted.
    pub tracefs: Option<&'a Path>,
    /// Which ways to attach are tried.
    pub attach_with: AttachWith,
    /// Events whose hooks are left out.
    pub without: &'a [String],
    /// Whether refaults are traced: their hook can be the dearest of all.
    pub refaults: bool,
    /// Whether the kernel keeps account of memory stalls (PSI); else no task ever has `task_struct.in_memstall`.
    pub psi: bool,
    /// Whether the stacks of stalls are counted.
    pub stacks: bool,
    /// Whether the time is told in which stalled tasks do not run: at every context switch of the host.
    pub off_cpu: bool,
    /// Whether it is told who evicts the file pages that come back: at every page that enters or leaves the page cache.
    pub evictors: bool,
}
