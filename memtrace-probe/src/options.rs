//! Options of the caller that loads the kernel side.

use std::path::Path;

/// Hierarchy of the memory controller. Without BTF it decides the way to find a task's cgroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryHierarchy {
    /// In the unified hierarchy.
    V2,
    /// In a hierarchy of its own.
    V1,
    /// In no hierarchy.
    None,
}

/// The methods of attaching that are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachWith {
    /// Raw and BTF tracepoints, then classic ones.
    All,
    /// Classic tracepoints only, as on a kernel without BTF.
    ClassicOnly,
}

/// Options of loading and attaching.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions<'a> {
    /// Size of the ring buffer in bytes: a power of two, at least a page.
    pub ring_bytes: u32,
    /// memtrace's own process id.
    pub self_tgid: u32,
    /// Hierarchy of the memory controller.
    pub hierarchy: MemoryHierarchy,
    /// The mount point of tracefs; `None` where it is not mounted.
    pub tracefs: Option<&'a Path>,
    /// The methods of attaching to try.
    pub attach_with: AttachWith,
    /// Events whose hooks are left out.
    pub without: &'a [String],
    /// Trace refaults. Their hook can be the most expensive one.
    pub refaults: bool,
    /// The kernel keeps account of memory stalls (PSI). Without it no task ever has `task_struct.in_memstall`.
    pub psi: bool,
    /// Count the stacks of stalls.
    pub stacks: bool,
    /// Measure the time in which stalled tasks do not run, at every context switch of the host.
    pub off_cpu: bool,
    /// Write the diagnostic log.
    pub kernel_log: bool,
    /// Sample the processes that evict the file pages that come back, at every page that enters or leaves the page
    /// cache.
    pub evictors: bool,
}
