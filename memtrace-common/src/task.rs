//! Flags of a task (`task_struct.flags`), from `include/linux/sched.h`: the same on all kernels from 5.10 to 7.2.
//! `/proc/PID/stat` shows them.

/// A kernel thread.
pub const PF_KTHREAD: u32 = 0x0020_0000;
/// Inside reclaim, or direct compaction: allocations of the task may use the reserves, and must not reclaim.
pub const PF_MEMALLOC: u32 = 0x0000_0800;
