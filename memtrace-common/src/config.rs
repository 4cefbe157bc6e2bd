//! Constants that the loader hands to the kernel programs before they are verified.
//!
//! They sit in read-only data, so the verifier knows them and drops the branches that they rule out.

use crate::{eviction::EvictionPlaces, oom::OomMembers, refault::RefaultPlaces, zone::ZonePlaces};

/// Where a program finds one value: the index of a raw argument (BTF tracepoint) or a byte offset in the record
/// (classic tracepoint), as the running kernel says.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// Argument index or byte offset.
    pub at: u16,
    /// Width of the value in bytes; 0 when the kernel has no such value, which is then unread.
    pub size: u16,
}

impl Field {
    /// A value that the running kernel does not have.
    pub const UNREAD: Self = Self { at: 0, size: 0 };

    /// Whether there is something to read.
    #[inline(always)]
    #[must_use]
    pub const fn is_read(self) -> bool {
        self.size != 0
    }
}

/// Offset of a member in a kernel struct (or number of a bit), by BTF; [`Member::UNREAD`] when the kernel has no such member.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member(pub u32);

impl Member {
    /// A member that the running kernel does not have.
    pub const UNREAD: Self = Self(u32::MAX);

    /// The offset in bytes, when the member is there.
    #[inline(always)]
    #[must_use]
    pub const fn offset(self) -> Option<u32> {
        if self.0 == u32::MAX { None } else { Some(self.0) }
    }
}

/// Where a program gets the id of a task's memory cgroup.
pub mod cgroup_source {
    /// It does not.
    pub const NONE: u32 = 0;
    /// `bpf_get_current_cgroup_id()`: memory is in the unified hierarchy.
    pub const HELPER: u32 = 1;
    /// A walk from the task to its memory css: memory is in a v1 hierarchy, or the task is not the current one.
    pub const WALK: u32 = 2;
}

/// Fields of a reclaim begin.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BeginFields {
    /// Allocation order.
    pub order: Field,
    /// Allocation flags.
    pub gfp: Field,
    /// Node (node reclaim only).
    pub nid: Field,
}

impl BeginFields {
    /// No value known.
    pub const UNREAD: Self = Self { order: Field::UNREAD, gfp: Field::UNREAD, nid: Field::UNREAD };
}

/// Fields of a kswapd event.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KswapdFields {
    /// Node.
    pub nid: Field,
    /// Allocation order.
    pub order: Field,
    /// Allocation flags (`wakeup_kswapd` only).
    pub gfp: Field,
}

/// Fields of `kswapd_reclaim_fail`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailFields {
    /// Node.
    pub nid: Field,
    /// Failures in a row, this one included.
    pub failures: Field,
}

/// The task that comes at a `sched_switch`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SwitchFields {
    /// Its `task_struct` (raw argument).
    pub task: Field,
    /// Its thread id (record).
    pub pid: Field,
}

/// Fields of `mm_vmscan_throttled`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThrottleFields {
    /// How long the task slept, in us.
    pub usec: Field,
    /// Why: one of [`crate::throttle::REASONS`] (raw argument), or its bit (record).
    pub reason: Field,
}

/// Fields of `lru_shrink_inactive`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShrinkFields {
    /// Node.
    pub nid: Field,
    /// Pages scanned.
    pub scanned: Field,
    /// Pages reclaimed.
    pub reclaimed: Field,
}

/// Fields of `mark_victim`. With raw arguments only `pid` or `task` is there, the rest is read from the task.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VictimFields {
    /// The victim's pid.
    pub pid: Field,
    /// The victim's `task_struct` (raw argument).
    pub task: Field,
    /// Offset and length of its name (`__data_loc`).
    pub comm: Field,
    /// Anonymous resident memory in kB.
    pub anon_rss: Field,
    /// File-backed resident memory in kB.
    pub file_rss: Field,
    /// Shared resident memory in kB.
    pub shmem_rss: Field,
    /// `oom_score_adj`.
    pub oom_score_adj: Field,
}

/// Members on the way from a task to what memtrace wants to know of it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskMembers {
    /// `task_struct.tgid`.
    pub tgid: Member,
    /// `task_struct.pid`.
    pub pid: Member,
    /// `task_struct.comm`.
    pub comm: Member,
    /// `task_struct.flags`.
    pub flags: Member,
    /// `task_struct.group_leader`.
    pub group_leader: Member,
    /// `task_struct.start_time`.
    pub start_time: Member,
    /// `task_struct.mm`.
    pub mm: Member,
    /// `task_struct.signal`.
    pub signal: Member,
    /// `task_struct.cgroups`.
    pub cgroups: Member,
    /// `signal_struct.oom_score_adj`.
    pub oom_score_adj: Member,
    /// `mm_struct.rss_stat`, to the first counter's value.
    pub rss_stat: Member,
    /// Distance between two counters of `mm_struct.rss_stat`.
    pub rss_stride: Member,
    /// `task_struct.nvcsw`: voluntary context switches.
    pub switches: Member,
    /// `task_struct.se.sum_exec_runtime`: how long the task ran, in ns, as of its last tick or switch.
    pub ran: Member,
    /// `task_struct.memcg_nr_pages_over_high`.
    pub over_high: Member,
    /// `css_set.subsys[memory_cgrp_id]`.
    pub memory_css: Member,
    /// `cgroup_subsys_state.cgroup`.
    pub css_cgroup: Member,
    /// `cgroup.kn`.
    pub cgroup_kn: Member,
    /// `kernfs_node.id`.
    pub kn_id: Member,
    /// The byte of `task_struct.in_memstall` (a bit field).
    pub memstall: Member,
    /// The bit in that byte.
    pub memstall_mask: u32,
    /// Whether the kernel hands out the current task with its type (`bpf_get_current_task_btf`, 5.11): 0 or 1.
    pub typed: u32,
}

impl TaskMembers {
    /// No member known: no BTF.
    pub const UNREAD: Self = Self {
        tgid: Member::UNREAD,
        pid: Member::UNREAD,
        comm: Member::UNREAD,
        flags: Member::UNREAD,
        group_leader: Member::UNREAD,
        start_time: Member::UNREAD,
        mm: Member::UNREAD,
        signal: Member::UNREAD,
        cgroups: Member::UNREAD,
        oom_score_adj: Member::UNREAD,
        rss_stat: Member::UNREAD,
        rss_stride: Member::UNREAD,
        switches: Member::UNREAD,
        ran: Member::UNREAD,
        over_high: Member::UNREAD,
        memory_css: Member::UNREAD,
        css_cgroup: Member::UNREAD,
        cgroup_kn: Member::UNREAD,
        kn_id: Member::UNREAD,
        memstall: Member::UNREAD,
        memstall_mask: 0,
        typed: 0,
    };
}

/// Where to find the values of every event.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventFields {
    /// `mm_vmscan_direct_reclaim_begin`.
    pub direct_begin: BeginFields,
    /// `mm_vmscan_memcg_reclaim_begin`.
    pub memcg_begin: BeginFields,
    /// `mm_vmscan_node_reclaim_begin`.
    pub node_begin: BeginFields,
    /// `throttle_direct_reclaim`, a function.
    pub pfmemalloc_begin: BeginFields,
    /// `try_to_compact_pages`, a function.
    pub compaction_begin: BeginFields,
    /// `nr_reclaimed` of `mm_vmscan_direct_reclaim_end`.
    pub direct_end: Field,
    /// `nr_reclaimed` of `mm_vmscan_memcg_reclaim_end`.
    pub memcg_end: Field,
    /// `nr_reclaimed` of `mm_vmscan_node_reclaim_end`.
    pub node_end: Field,
    /// `mm_vmscan_throttled`.
    pub throttled: ThrottleFields,
    /// `mm_vmscan_lru_shrink_inactive`.
    pub shrink: ShrinkFields,
    /// `mm_shrink_slab_start`: the `struct shrinker` (raw argument), or the address of its function (record).
    pub shrinker: Field,
    /// `mm_vmscan_wakeup_kswapd`.
    pub wakeup_kswapd: KswapdFields,
    /// `mm_vmscan_kswapd_wake`.
    pub kswapd_wake: KswapdFields,
    /// `mm_vmscan_kswapd_sleep`.
    pub kswapd_sleep: KswapdFields,
    /// `mm_vmscan_kswapd_reclaim_fail`.
    pub kswapd_fail: FailFields,
    /// `nid` of `mm_vmscan_kswapd_clear_hopeless`.
    pub kswapd_clear: Field,
    /// `oom:mark_victim`.
    pub victim: VictimFields,
    /// `pid` of `oom:finish_task_reaping`.
    pub reaped: Field,
    /// `sched_switch`.
    pub switch: SwitchFields,
}

impl EventFields {
    /// No event known.
    pub const UNREAD: Self = Self {
        direct_begin: BeginFields::UNREAD,
        memcg_begin: BeginFields::UNREAD,
        node_begin: BeginFields::UNREAD,
        pfmemalloc_begin: BeginFields::UNREAD,
        compaction_begin: BeginFields::UNREAD,
        direct_end: Field::UNREAD,
        memcg_end: Field::UNREAD,
        node_end: Field::UNREAD,
        throttled: ThrottleFields { usec: Field::UNREAD, reason: Field::UNREAD },
        shrink: ShrinkFields { nid: Field::UNREAD, scanned: Field::UNREAD, reclaimed: Field::UNREAD },
        shrinker: Field::UNREAD,
        wakeup_kswapd: KswapdFields { nid: Field::UNREAD, order: Field::UNREAD, gfp: Field::UNREAD },
        kswapd_wake: KswapdFields { nid: Field::UNREAD, order: Field::UNREAD, gfp: Field::UNREAD },
        kswapd_sleep: KswapdFields { nid: Field::UNREAD, order: Field::UNREAD, gfp: Field::UNREAD },
        kswapd_fail: FailFields { nid: Field::UNREAD, failures: Field::UNREAD },
        kswapd_clear: Field::UNREAD,
        victim: VictimFields {
            pid: Field::UNREAD,
            task: Field::UNREAD,
            comm: Field::UNREAD,
            anon_rss: Field::UNREAD,
            file_rss: Field::UNREAD,
            shmem_rss: Field::UNREAD,
            oom_score_adj: Field::UNREAD,
        },
        reaped: Field::UNREAD,
        switch: SwitchFields { task: Field::UNREAD, pid: Field::UNREAD },
    };
}

/// Members of `compact_control`, the first argument of the events of compaction since 5.11.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompactMembers {
    /// Allocation order.
    pub order: Member,
    /// Allocation flags.
    pub gfp: Member,
    /// Whether an allocation waits for it.
    pub direct: Member,
}

impl CompactMembers {
    /// Nothing known: no BTF.
    pub const UNREAD: Self = Self { order: Member::UNREAD, gfp: Member::UNREAD, direct: Member::UNREAD };
}

/// All of it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// memtrace's own process id, whose stalls are kept apart.
    pub self_tgid: u32,
    /// Bytes waiting in the ring from which a record wakes user space.
    pub wake_bytes: u32,
    /// log2 of the page size.
    pub page_shift: u32,
    /// One of [`cgroup_source`], for the current task.
    pub cgroup_source: u32,
    /// Whether the stacks of stalls are counted: 0 or 1.
    pub stacks: u32,
    /// Whether the time is told in which stalled tasks do not run: 0 or 1.
    pub off_cpu: u32,
    /// Where BTF tracepoint programs find their values: argument indices.
    pub args: EventFields,
    /// Where classic tracepoint programs find theirs: offsets in the record.
    pub record: EventFields,
    /// Members of the task.
    pub task: TaskMembers,
    /// What is needed to judge a refault.
    pub refault: RefaultPlaces,
    /// Members of `compact_control`.
    pub compact: CompactMembers,
    /// `shrinker.scan_objects`.
    pub shrinker_function: Member,
    /// Members of `oom_control`.
    pub oom: OomMembers,
    /// Where nodes and zones have what is read of them.
    pub zones: ZonePlaces,
    /// The way from a page to its file.
    pub eviction: EvictionPlaces,
}

impl Config {
    /// Nothing known yet: every field unread.
    pub const UNREAD: Self = Self {
        self_tgid: 0,
        wake_bytes: 0,
        page_shift: 0,
        cgroup_source: cgroup_source::NONE,
        stacks: 0,
        off_cpu: 0,
        args: EventFields::UNREAD,
        record: EventFields::UNREAD,
        task: TaskMembers::UNREAD,
        refault: RefaultPlaces::UNREAD,
        compact: CompactMembers::UNREAD,
        shrinker_function: Member::UNREAD,
        oom: OomMembers::UNREAD,
        zones: ZonePlaces::UNREAD,
        eviction: EvictionPlaces::UNREAD,
    };
}
