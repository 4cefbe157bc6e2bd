//! Values of the maps of stacks: of whom, how often, how long; and the addresses.

/// Most frames of the kernel's part; deeper ones lack their outermost.
pub const KERNEL_FRAMES: usize = 48;
/// Most frames of the user's part, which is what a kernel walks by default (`kernel.perf_event_max_stack`).
pub const USER_FRAMES: usize = 127;
/// Most stacks that are kept at a time, and most rows that count them.
pub const MAX_STACKS: u32 = 4096;
/// See [`MAX_STACKS`].
pub const MAX_COUNTS: u32 = 8192;

/// The addresses of one stack, innermost first.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct StackFrames {
    /// Bytes of `kernel` that were written, or the negative error number of the kernel.
    pub kernel_bytes: i32,
    /// The same of `user`; a process without frame pointers has only its innermost.
    pub user_bytes: i32,
    /// Addresses in the kernel.
    pub kernel: [u64; KERNEL_FRAMES],
    /// Addresses in the process.
    pub user: [u64; USER_FRAMES],
}

/// Which stalls a row counts.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct StackKey {
    /// Of the addresses and the process.
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

/// What they come to since the row was made.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StackCounts {
    /// Stalls.
    pub stalls: u64,
    /// Their time in ns.
    pub total_ns: u64,
}

/// One more word in a hash of addresses; 64 bits keep a few thousand stacks apart.
#[inline(always)]
#[must_use]
pub const fn mix(hash: u64, word: u64) -> u64 {
    (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}
