//! Flags of a task (`task_struct.flags`), by `include/linux/sched.h`: the same on all kernels from 5.10 to 7.2. /proc shows
//! them in `stat`.

/// A kernel thread.
pub const PF_KTHREAD: u32 = 0x0020_0000;
/// Inside reclaim, or direct compaction: what it allocates may use the reserves, and must not reclaim.
pub const PF_MEMALLOC: u32 = 0x0000_0800;
