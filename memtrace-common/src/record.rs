//! The records in the ring buffer: one header, one `repr(C)` struct per kind, sized per kind.
//!
//! A value that could not be read has no bit in `fields`; its bytes are then 0 and have no meaning.

use crate::{
    kind::StallKind,
    part::{Part, Spent},
    throttle::REASON_COUNT,
};

/// Bytes of a task name, with its terminating NUL (`TASK_COMM_LEN`).
pub const COMM_LEN: usize = 16;

/// `Header::kind` of a [`StallRecord`].
pub const KIND_STALL: u16 = 1;
/// `Header::kind` of an [`OomRecord`].
pub const KIND_OOM: u16 = 2;
/// `Header::kind` of a [`KswapdRecord`].
pub const KIND_KSWAPD: u16 = 3;

/// `Header::kind` of a [`FreedRecord`].
pub const KIND_FREED: u16 = 4;
/// `Header::kind` of a [`crate::eviction::RefaultRecord`].
pub const KIND_REFAULT: u16 = 5;

/// First part of every record.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "zerocopy", derive(zerocopy::FromBytes))]
pub struct Header {
    /// One of the `KIND_*` numbers.
    pub kind: u16,
    /// Size of the whole record in bytes.
    pub len: u16,
    /// CPU that wrote the record.
    pub cpu: u32,
    /// `CLOCK_MONOTONIC` at the end of the event, in ns.
    pub t_ns: u64,
}

/// Bits of the values of a record that were read.
pub mod fields {
    /// `order` was read.
    pub const ORDER: u32 = 1 << 0;
    /// `gfp` was read.
    pub const GFP: u32 = 1 << 1;
    /// `nid` was read.
    pub const NID: u32 = 1 << 2;
    /// `reclaimed_pages` was read from the end event.
    pub const RECLAIMED: u32 = 1 << 3;
    /// `cgroup_id` was read.
    pub const CGROUP: u32 = 1 << 4;
    /// `process_start_ns` was read.
    pub const PROCESS_START: u32 = 1 << 5;
    /// The victim's `pid` is that of its thread group.
    pub const VICTIM_TGID: u32 = 1 << 6;
    /// The victim's name was read.
    pub const VICTIM_COMM: u32 = 1 << 7;
    /// The victim's resident sizes were read.
    pub const VICTIM_RSS: u32 = 1 << 8;
    /// The victim's `oom_score_adj` was read.
    pub const VICTIM_ADJ: u32 = 1 << 9;
    /// The trigger's last event before the kill was the end of a memcg reclaim.
    pub const AFTER_MEMCG: u32 = 1 << 10;
    /// The trigger's last event before the kill was global reclaim or its retry.
    pub const AFTER_GLOBAL: u32 = 1 << 11;
    /// `off_cpu_ns` was measured.
    pub const OFF_CPU: u32 = 1 << 31;
    /// `off_cpu_ns` is an estimate.
    pub const OFF_CPU_ESTIMATED: u32 = 1 << 30;
    /// The victim was marked inside a call of the OOM killer that was seen: `call` and `victim_of_call` are set.
    pub const CALL: u32 = 1 << 12;
    /// `constraint` was read.
    pub const CONSTRAINT: u32 = 1 << 13;
    /// `limit_cgroup_id` was read: the call is about a memory cgroup.
    pub const LIMIT_CGROUP: u32 = 1 << 14;
    /// `points` was read.
    pub const POINTS: u32 = 1 << 15;
    /// `total_pages` was read.
    pub const TOTAL_PAGES: u32 = 1 << 16;
    /// The refaulting page is anonymous memory.
    pub const ANON: u32 = 1 << 17;
    /// `evicted_samples` was read.
    pub const DISTANCE: u32 = 1 << 18;
}

/// A finished stall.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "zerocopy", derive(zerocopy::FromBytes))]
pub struct StallRecord {
    /// `t_ns` is the end of the stall.
    pub header: Header,
    /// Duration of the stall in ns.
    pub dur_ns: u64,
    /// Id (inode number) of the task's memory cgroup.
    pub cgroup_id: u64,
    /// Start time of the process (`group_leader->start_time`), which identifies it when a pid is reused.
    pub process_start_ns: u64,
    /// Pages scanned by the shrinks inside the stall.
    pub scanned_pages: u64,
    /// Pages reclaimed according to the end event.
    pub reclaimed_pages: u64,
    /// Time inside the stall, by part.
    pub spent: Spent,
    /// Address of the function of the shrinker in which the stall spent the most time; 0 when there is none or it was
    /// not read.
    pub shrinker: u64,
    /// Time in that shrinker, in ns.
    pub shrinker_ns: u64,
    /// Time in which the task did not run, in ns.
    pub off_cpu_ns: u64,
    /// Time throttled by reason, in us; time of an unknown reason is in none of them.
    pub throttled_us: [u32; REASON_COUNT],
    /// Process id.
    pub tgid: u32,
    /// Thread id.
    pub tid: u32,
    /// Flags of the allocation (`gfp_t`).
    pub gfp: u32,
    /// Order of the allocation.
    pub order: i32,
    /// Node that was reclaimed, for kinds whose event names one; else the node of the CPU at the end.
    pub nid: i32,
    /// Number of shrinks inside the stall.
    pub shrinks: u32,
    /// Bits of [`fields`].
    pub fields: u32,
    /// A [`StallKind`] number.
    pub stall_kind: u8,
    /// Explicit padding, 0.
    pub pad: [u8; 3],
    /// Name of the thread.
    pub comm: [u8; COMM_LEN],
}

/// The OOM killer chose a task.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "zerocopy", derive(zerocopy::FromBytes))]
pub struct OomRecord {
    /// `t_ns` is the time at which the victim was marked.
    pub header: Header,
    /// Id of the victim's own memory cgroup.
    pub cgroup_id: u64,
    /// Anonymous resident memory of the victim, in bytes.
    pub anon_rss_bytes: u64,
    /// File-backed resident memory of the victim, in bytes.
    pub file_rss_bytes: u64,
    /// Shared resident memory of the victim, in bytes.
    pub shmem_rss_bytes: u64,
    /// Number of the call of the OOM killer (`oom_kill_process`) since attach, from 1.
    pub call: u64,
    /// Id of the memory cgroup whose limit was hit (`oom_control.memcg`).
    pub limit_cgroup_id: u64,
    /// Pages that the score relates to (`oom_control.totalpages`): the limit of the cgroup, or memory and swap of the
    /// host or of the allowed nodes.
    pub total_pages: u64,
    /// Score by which the victim was chosen: its pages, swap and page tables, shifted by its `oom_score_adj`, in pages
    /// (`oom_control.chosen_points`).
    pub points: i64,
    /// Process id of the victim; its thread id where [`fields::VICTIM_TGID`] is not set.
    pub pid: u32,
    /// Thread id in the event (a thread of the victim that still has its memory), as printed in the kernel log.
    pub tid: u32,
    /// Process id of the task that ran out of memory.
    pub trigger_tgid: u32,
    /// Thread id of the task that ran out of memory.
    pub trigger_tid: u32,
    /// Bits of [`fields`].
    pub fields: u32,
    /// The victim's `oom_score_adj`.
    pub oom_score_adj: i32,
    /// Position of the victim within its call, from 1: further ones are members of a cgroup with `memory.oom.group`.
    pub victim_of_call: u32,
    /// `oom_control.constraint`: 0 none, 1 cpuset, 2 memory policy, 3 memory cgroup (`enum oom_constraint`, the same on
    /// all supported kernels).
    pub constraint: u32,
    /// Flags of the allocation that failed (`gfp_t`).
    pub gfp: u32,
    /// Order of the allocation that failed; -1 when a person requested the kill (sysrq f).
    pub order: i32,
    /// Name of the victim.
    pub comm: [u8; COMM_LEN],
    /// Name of the task that ran out of memory.
    pub trigger_comm: [u8; COMM_LEN],
}

/// Ways in which the memory of a victim is freed.
pub mod freed_by {
    /// The address space was torn down (`exit_mmap`).
    pub const EXIT: u32 = 0;
    /// The OOM reaper took its private memory (`finish_task_reaping`), since it did not exit within two seconds.
    pub const REAPER: u32 = 1;
}

/// The memory of an OOM victim was freed.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "zerocopy", derive(zerocopy::FromBytes))]
pub struct FreedRecord {
    /// `t_ns` is the time at which it was freed.
    pub header: Header,
    /// Time at which the victim was marked: `t_ns` of its [`OomRecord`].
    pub marked_ns: u64,
    /// Process id of the victim, as in its [`OomRecord`].
    pub pid: u32,
    /// Thread id of the victim, as in its [`OomRecord`].
    pub tid: u32,
    /// One of [`freed_by`].
    pub by: u32,
    /// Bits of [`fields`]: `VICTIM_COMM` when the name was read.
    pub fields: u32,
    /// Name of the victim.
    pub comm: [u8; COMM_LEN],
}

/// Event of a [`KswapdRecord`].
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KswapdStep {
    /// A task asked for kswapd (`wakeup_kswapd`); `tgid`, `tid`, `comm` and `gfp` are those of that task.
    Wakeup = 0,
    /// kswapd began to work after a sleep, or was first seen at work.
    Wake = 1,
    /// kswapd went to sleep.
    Sleep = 2,
}

impl KswapdStep {
    /// All steps.
    pub const ALL: [Self; 3] = [Self::Wakeup, Self::Wake, Self::Sleep];

    /// The name in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wakeup => "wakeup",
            Self::Wake => "wake",
            Self::Sleep => "sleep",
        }
    }

    /// The step with this number; `None` for a number that no step has.
    #[must_use]
    pub const fn from_u8(n: u8) -> Option<Self> {
        match n {
            0 => Some(Self::Wakeup),
            1 => Some(Self::Wake),
            2 => Some(Self::Sleep),
            _ => None,
        }
    }
}

/// A task that was already stalled on memory when memtrace started, from the task iterator (not in the ring).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "zerocopy", derive(zerocopy::FromBytes))]
pub struct StalledTask {
    /// Process id.
    pub tgid: u32,
    /// Thread id.
    pub tid: u32,
    /// Name of the thread.
    pub comm: [u8; COMM_LEN],
}

/// kswapd was asked for, woke or went to sleep.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "zerocopy", derive(zerocopy::FromBytes))]
pub struct KswapdRecord {
    /// `t_ns` is the time of the event.
    pub header: Header,
    /// The node.
    pub nid: i32,
    /// Order of the allocation that kswapd works for.
    pub order: i32,
    /// Flags of the allocation, for [`KswapdStep::Wakeup`].
    pub gfp: u32,
    /// Process id of the current task.
    pub tgid: u32,
    /// Thread id of the current task.
    pub tid: u32,
    /// Bits of [`fields`].
    pub fields: u32,
    /// A [`KswapdStep`] number.
    pub step: u8,
    /// Explicit padding, 0.
    pub pad: [u8; 7],
    /// Name of the current task.
    pub comm: [u8; COMM_LEN],
}

const _: () = {
    assert!(size_of::<Header>() == 16);
    assert!(size_of::<StallRecord>() == 8 * (18 + Part::COUNT));
    assert!(size_of::<OomRecord>() == 152);
    assert!(size_of::<FreedRecord>() == 56);
    assert!(size_of::<KswapdRecord>() == 64);
    assert!(size_of::<StalledTask>() == 24);
    assert!(StallKind::COUNT <= u8::MAX as usize);
};
