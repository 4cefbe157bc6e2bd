//! Refaults: pages of the working set that come back. They are only counted, in the kernel, since there can be a
//! million a second.

use crate::{
    field::{ArgSource, MemberOffset},
    record::COMM_LEN,
};

/// Counts of refaults; all only grow.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RefaultCounts {
    /// Pages of files.
    pub file_pages: u64,
    /// Anonymous pages.
    pub anon_pages: u64,
    /// Events: one for a large folio of many pages.
    pub events: u64,
    /// Pages whose reuse distance puts them into the working set: they go to the active list at once.
    pub activated_pages: u64,
    /// Pages that were in use (active) when they were evicted: thrashing.
    pub restored_pages: u64,
}

/// Key of a process in the map of [`TaskFaults`]: its id, and its start, which identifies it when the id is reused.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TaskKey {
    /// `group_leader->start_time` in ns; 0 when it was not read.
    pub start_ns: u64,
    /// Process id.
    pub tgid: u32,
    /// Explicit padding, 0.
    pub pad: u32,
}

/// Refaults, major faults and swap-ins of one process.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskFaults {
    /// Refaults of the process.
    pub refaults: RefaultCounts,
    /// Major faults: a page had to be read from a disk.
    pub major_faults: u64,
    /// Pages that it read back from swap.
    pub swapin_pages: u64,
    /// Id of the memory cgroup in which the process was first seen; 0 when that was not read.
    pub cgroup_id: u64,
    /// 1 once the process has exited: user space removes the entry after its last reading.
    pub exited: u32,
    /// Explicit padding, 0.
    pub pad: u32,
    /// Name of the first thread of the process that was seen.
    pub comm: [u8; COMM_LEN],
}

/// Layout for the classification of a refault.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefaultLayout {
    /// `WORKINGSET_REFAULT_ANON` of `enum node_stat_item`; the five after it are `_FILE`, `ACTIVATE_ANON`, `_FILE`,
    /// `RESTORE_ANON`, `_FILE`. `u32::MAX` when the kernel has another order.
    pub first_item: u32,
    /// Argument of `mod_memcg_lruvec_state` with the number of pages.
    pub value: ArgSource,
    /// Flags of a page or folio.
    pub flags: MemberOffset,
    /// Bit of `PG_swapbacked`: anonymous.
    pub swapbacked: MemberOffset,
    /// Bit of `PG_active`.
    pub active: MemberOffset,
    /// Bit of `PG_workingset`.
    pub workingset: MemberOffset,
    /// Bit of `PG_head`: more than one page.
    pub head: MemberOffset,
    /// Number of pages (u32) of one that has `PG_head`.
    pub nr_pages: MemberOffset,
    /// `mem_cgroup.css`.
    pub memcg_css: MemberOffset,
}

impl RefaultLayout {
    /// Nothing known: no BTF.
    pub const UNREAD: Self = Self {
        first_item: u32::MAX,
        value: ArgSource::UNREAD,
        flags: MemberOffset::UNREAD,
        swapbacked: MemberOffset::UNREAD,
        active: MemberOffset::UNREAD,
        workingset: MemberOffset::UNREAD,
        head: MemberOffset::UNREAD,
        nr_pages: MemberOffset::UNREAD,
        memcg_css: MemberOffset::UNREAD,
    };
}

/// Slot of all processes except memtrace in the map of totals.
pub const SLOT_ALL: u32 = 0;
/// Slot of memtrace itself.
pub const SLOT_OWN: u32 = 1;

/// Maximum number of processes that are counted separately; further ones are only in the totals.
pub const MAX_TASKS: u32 = 4096;
/// Maximum number of memory cgroups that are counted separately.
pub const MAX_CGROUPS: u32 = 2048;

const _: () = {
    assert!(size_of::<TaskKey>() == 16);
    assert!(size_of::<TaskFaults>() == 5 * 8 + 3 * 8 + 8 + COMM_LEN);
};
