//! Constants that the loader passes to the kernel programs before they are verified.
//!
//! They are in read-only data, so the verifier knows their values and drops the branches that these rule out.

use crate::{
    eviction::EvictionLayout,
    field::{ArgSource, MemberOffset},
    oom::OomMembers,
    refault::RefaultLayout,
    zone::ZoneLayout,
};

/// Source of the id of a task's memory cgroup.
pub mod cgroup_source {
    /// None: the id is not read.
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
    pub order: ArgSource,
    /// Allocation flags.
    pub gfp: ArgSource,
    /// Node (node reclaim only).
    pub nid: ArgSource,
}

impl BeginFields {
    /// No value known.
    pub const UNREAD: Self = Self { order: ArgSource::UNREAD, gfp: ArgSource::UNREAD, nid: ArgSource::UNREAD };
}

/// Fields of a kswapd event.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KswapdFields {
    /// Node.
    pub nid: ArgSource,
    /// Allocation order.
    pub order: ArgSource,
    /// Allocation flags (`wakeup_kswapd` only).
    pub gfp: ArgSource,
}

/// Fields of `kswapd_reclaim_fail`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailFields {
    /// Node.
    pub nid: ArgSource,
    /// Failures in a row, this one included.
    pub failures: ArgSource,
}

/// Fields of `sched_switch`: the task that is switched in.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SwitchFields {
    /// `task_struct` of the task (raw argument).
    pub task: ArgSource,
    /// Thread id of the task (record).
    pub pid: ArgSource,
}

/// Fields of `mm_vmscan_throttled`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThrottleFields {
    /// Duration of the sleep, in us.
    pub usec: ArgSource,
    /// Reason: index into [`crate::throttle::REASONS`] (raw argument), or its bit (record).
    pub reason: ArgSource,
}

/// Fields of `lru_shrink_inactive`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShrinkFields {
    /// Node.
    pub nid: ArgSource,
    /// Pages scanned.
    pub scanned: ArgSource,
    /// Pages reclaimed.
    pub reclaimed: ArgSource,
}

/// Fields of `mark_victim`. Raw arguments have only `pid` or `task`; the rest is read from the task.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VictimFields {
    /// The victim's pid.
    pub pid: ArgSource,
    /// The victim's `task_struct` (raw argument).
    pub task: ArgSource,
    /// Offset and length of the victim's name (`__data_loc`).
    pub comm: ArgSource,
    /// Anonymous resident memory in kB.
    pub anon_rss: ArgSource,
    /// File-backed resident memory in kB.
    pub file_rss: ArgSource,
    /// Shared resident memory in kB.
    pub shmem_rss: ArgSource,
    /// `oom_score_adj`.
    pub oom_score_adj: ArgSource,
}

/// Members on the way from a task to the values that memtrace reads.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskMembers {
    /// `task_struct.tgid`.
    pub tgid: MemberOffset,
    /// `task_struct.pid`.
    pub pid: MemberOffset,
    /// `task_struct.comm`.
    pub comm: MemberOffset,
    /// `task_struct.flags`.
    pub flags: MemberOffset,
    /// `task_struct.group_leader`.
    pub group_leader: MemberOffset,
    /// `task_struct.start_time`.
    pub start_time: MemberOffset,
    /// `task_struct.mm`.
    pub mm: MemberOffset,
    /// `task_struct.signal`.
    pub signal: MemberOffset,
    /// `task_struct.cgroups`.
    pub cgroups: MemberOffset,
    /// `signal_struct.oom_score_adj`.
    pub oom_score_adj: MemberOffset,
    /// `mm_struct.rss_stat`, to the first counter's value.
    pub rss_stat: MemberOffset,
    /// Distance between two counters of `mm_struct.rss_stat`.
    pub rss_stride: MemberOffset,
    /// `task_struct.nvcsw`: voluntary context switches.
    pub switches: MemberOffset,
    /// `task_struct.se.sum_exec_runtime`: run time of the task in ns, as of its last tick or switch.
    pub ran: MemberOffset,
    /// `task_struct.memcg_nr_pages_over_high`.
    pub over_high: MemberOffset,
    /// `css_set.subsys[memory_cgrp_id]`.
    pub memory_css: MemberOffset,
    /// `cgroup_subsys_state.cgroup`.
    pub css_cgroup: MemberOffset,
    /// `cgroup.kn`.
    pub cgroup_kn: MemberOffset,
    /// `kernfs_node.id`.
    pub kn_id: MemberOffset,
    /// The byte of `task_struct.in_memstall` (a bit field).
    pub memstall: MemberOffset,
    /// Mask of the bit in that byte.
    pub memstall_mask: u32,
    /// 1 when the kernel provides the current task with its type (`bpf_get_current_task_btf`, 5.11), else 0.
    pub typed: u32,
}

impl TaskMembers {
    /// No member known: no BTF.
    pub const UNREAD: Self = Self {
        tgid: MemberOffset::UNREAD,
        pid: MemberOffset::UNREAD,
        comm: MemberOffset::UNREAD,
        flags: MemberOffset::UNREAD,
        group_leader: MemberOffset::UNREAD,
        start_time: MemberOffset::UNREAD,
        mm: MemberOffset::UNREAD,
        signal: MemberOffset::UNREAD,
        cgroups: MemberOffset::UNREAD,
        oom_score_adj: MemberOffset::UNREAD,
        rss_stat: MemberOffset::UNREAD,
        rss_stride: MemberOffset::UNREAD,
        switches: MemberOffset::UNREAD,
        ran: MemberOffset::UNREAD,
        over_high: MemberOffset::UNREAD,
        memory_css: MemberOffset::UNREAD,
        css_cgroup: MemberOffset::UNREAD,
        cgroup_kn: MemberOffset::UNREAD,
        kn_id: MemberOffset::UNREAD,
        memstall: MemberOffset::UNREAD,
        memstall_mask: 0,
        typed: 0,
    };
}

/// Places of the values of all events.
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
    pub direct_end: ArgSource,
    /// `nr_reclaimed` of `mm_vmscan_memcg_reclaim_end`.
    pub memcg_end: ArgSource,
    /// `nr_reclaimed` of `mm_vmscan_node_reclaim_end`.
    pub node_end: ArgSource,
    /// `mm_vmscan_throttled`.
    pub throttled: ThrottleFields,
    /// `mm_vmscan_lru_shrink_inactive`.
    pub shrink: ShrinkFields,
    /// `mm_shrink_slab_start`: the `struct shrinker` (raw argument), or the address of its function (record).
    pub shrinker: ArgSource,
    /// `mm_vmscan_wakeup_kswapd`.
    pub wakeup_kswapd: KswapdFields,
    /// `mm_vmscan_kswapd_wake`.
    pub kswapd_wake: KswapdFields,
    /// `mm_vmscan_kswapd_sleep`.
    pub kswapd_sleep: KswapdFields,
    /// `mm_vmscan_kswapd_reclaim_fail`.
    pub kswapd_fail: FailFields,
    /// `nid` of `mm_vmscan_kswapd_clear_hopeless`.
    pub kswapd_clear: ArgSource,
    /// `oom:mark_victim`.
    pub victim: VictimFields,
    /// `pid` of `oom:finish_task_reaping`.
    pub reaped: ArgSource,
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
        direct_end: ArgSource::UNREAD,
        memcg_end: ArgSource::UNREAD,
        node_end: ArgSource::UNREAD,
        throttled: ThrottleFields { usec: ArgSource::UNREAD, reason: ArgSource::UNREAD },
        shrink: ShrinkFields { nid: ArgSource::UNREAD, scanned: ArgSource::UNREAD, reclaimed: ArgSource::UNREAD },
        shrinker: ArgSource::UNREAD,
        wakeup_kswapd: KswapdFields { nid: ArgSource::UNREAD, order: ArgSource::UNREAD, gfp: ArgSource::UNREAD },
        kswapd_wake: KswapdFields { nid: ArgSource::UNREAD, order: ArgSource::UNREAD, gfp: ArgSource::UNREAD },
        kswapd_sleep: KswapdFields { nid: ArgSource::UNREAD, order: ArgSource::UNREAD, gfp: ArgSource::UNREAD },
        kswapd_fail: FailFields { nid: ArgSource::UNREAD, failures: ArgSource::UNREAD },
        kswapd_clear: ArgSource::UNREAD,
        victim: VictimFields {
            pid: ArgSource::UNREAD,
            task: ArgSource::UNREAD,
            comm: ArgSource::UNREAD,
            anon_rss: ArgSource::UNREAD,
            file_rss: ArgSource::UNREAD,
            shmem_rss: ArgSource::UNREAD,
            oom_score_adj: ArgSource::UNREAD,
        },
        reaped: ArgSource::UNREAD,
        switch: SwitchFields { task: ArgSource::UNREAD, pid: ArgSource::UNREAD },
    };
}

/// Members of `compact_control`, the first argument of the events of compaction since 5.18 (abd4349ff9b8, mm:
/// compaction: cleanup the compaction trace events).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompactMembers {
    /// Allocation order.
    pub order: MemberOffset,
    /// Allocation flags.
    pub gfp: MemberOffset,
    /// True when an allocation waits for the compaction.
    pub direct: MemberOffset,
}

impl CompactMembers {
    /// No member known: no BTF.
    pub const UNREAD: Self =
        Self { order: MemberOffset::UNREAD, gfp: MemberOffset::UNREAD, direct: MemberOffset::UNREAD };
}

/// All constants.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// memtrace's own process id, whose stalls are counted separately.
    pub self_tgid: u32,
    /// Number of bytes waiting in the ring from which on a record wakes user space.
    pub wake_bytes: u32,
    /// log2 of the page size.
    pub page_shift: u32,
    /// One of [`cgroup_source`], for the current task.
    pub cgroup_source: u32,
    /// 1 when the stacks of stalls are counted, else 0.
    pub stacks: u32,
    /// 1 when the time in which stalled tasks do not run is measured, else 0.
    pub off_cpu: u32,
    /// 1 when the diagnostic log is written, else 0.
    pub kernel_log: u32,
    /// Places of the values for raw and BTF tracepoint programs: argument indices.
    pub args: EventFields,
    /// Places of the values for classic tracepoint programs: offsets in the record.
    pub record: EventFields,
    /// Members of the task.
    pub task: TaskMembers,
    /// Layout for the classification of a refault.
    pub refault: RefaultLayout,
    /// Members of `compact_control`.
    pub compact: CompactMembers,
    /// `shrinker.scan_objects`.
    pub shrinker_function: MemberOffset,
    /// Members of `oom_control`.
    pub oom: OomMembers,
    /// Layout of nodes and zones.
    pub zones: ZoneLayout,
    /// Members on the way from a page to its file.
    pub eviction: EvictionLayout,
}

impl Config {
    /// Nothing known yet: every field is unread.
    pub const UNREAD: Self = Self {
        self_tgid: 0,
        wake_bytes: 0,
        page_shift: 0,
        cgroup_source: cgroup_source::NONE,
        stacks: 0,
        off_cpu: 0,
        kernel_log: 0,
        args: EventFields::UNREAD,
        record: EventFields::UNREAD,
        task: TaskMembers::UNREAD,
        refault: RefaultLayout::UNREAD,
        compact: CompactMembers::UNREAD,
        shrinker_function: MemberOffset::UNREAD,
        oom: OomMembers::UNREAD,
        zones: ZoneLayout::UNREAD,
        eviction: EvictionLayout::UNREAD,
    };
}
