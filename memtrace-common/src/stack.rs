//! Values of the maps of stacks: keys, counts and addresses.

/// Maximum number of frames in the kernel; deeper stacks lack their outermost ones.
pub const KERNEL_FRAMES: usize = 48;
/// Maximum number of frames in user space: the depth to which a kernel walks by default
/// (`kernel.perf_event_max_stack`).
pub const USER_FRAMES: usize = 127;
/// Maximum number of stacks that are kept at a time.
pub const MAX_STACKS: u32 = 4096;
/// Maximum number of rows that count stalls by stack.
pub const MAX_COUNTS: u32 = 8192;

/// The addresses of one stack, innermost first.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct StackFrames {
    /// Bytes of `kernel` that were written, or the negative error number of the kernel.
    pub kernel_bytes: i32,
    /// Bytes of `user` that were written, or the negative error number; a process without frame pointers has only its
    /// innermost frame.
    pub user_bytes: i32,
    /// Addresses in the kernel.
    pub kernel: [u64; KERNEL_FRAMES],
    /// Addresses in the process.
    pub user: [u64; USER_FRAMES],
}

/// Key of a row: the stalls that it counts.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct StackKey {
    /// Hash of the addresses and the process.
    pub hash: u64,
    /// Id of the task's memory cgroup; 0 when not read.
    pub cgroup_id: u64,
    /// Start of the process in ns; 0 when not read.
    pub process_start_ns: u64,
    /// Process id.
    pub tgid: u32,
    /// Number of the [`crate::kind::StallKind`].
    pub kind: u32,
}

/// Counts of a row since it was made.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StackCounts {
    /// Stalls.
    pub stalls: u64,
    /// Sum of their durations, in ns.
    pub total_ns: u64,
}

/// Adds one word to a hash of addresses; with 64 bits a few thousand stacks do not collide.
#[inline(always)]
#[must_use]
pub const fn mix(hash: u64, word: u64) -> u64 {
    (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}
