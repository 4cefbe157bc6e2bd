//! Zones at the begin of a direct reclaim: where the kernel side finds them, and what it counts of each.

use crate::field::MemberOffset;

/// Most zones that are looked at when a direct reclaim begins: each costs three reads.
pub const MAX_ZONES: usize = 8;

/// `kswapd_failures` from which on a node is hopeless: `MAX_RECLAIM_RETRIES` of `mm/internal.h`, the same on all
/// supported kernels.
pub const HOPELESS: u32 = 16;

/// One zone that is looked at.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ZoneLocation {
    /// Its node.
    pub nid: u32,
    /// Its number in its node (`enum zone_type`).
    pub index: u32,
    /// The main zones (bit: number in the list) of the other nodes: from one of them the stall might have been spared.
    pub elsewhere: u32,
}

impl ZoneLocation {
    /// None.
    pub const NONE: Self = Self { nid: 0, index: 0, elsewhere: 0 };
}

/// Where the kernel has what is read of nodes and zones.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneLayout {
    /// How many of `zones` there are; 0 when they are not read.
    pub count: u32,
    /// Size of `struct zone` in bytes.
    pub zone_bytes: u32,
    /// The zones.
    pub zones: [ZoneLocation; MAX_ZONES],
    /// What a kernel thread has for `struct kthread`: `task_struct.worker_private`, before 5.17 `set_child_tid`.
    pub kthread: MemberOffset,
    /// `kthread.data`: of a kswapd its `pglist_data`.
    pub kthread_data: MemberOffset,
    /// `pglist_data.kswapd`: the task.
    pub kswapd: MemberOffset,
    /// `pglist_data.node_id`.
    pub node_id: MemberOffset,
    /// `pglist_data.kswapd_failures`.
    pub failures: MemberOffset,
    /// `pglist_data.node_zones`.
    pub node_zones: MemberOffset,
    /// `zone.vm_stat[NR_FREE_PAGES]`.
    pub free: MemberOffset,
    /// `zone._watermark`: min, low and high.
    pub watermarks: MemberOffset,
    /// `zone.watermark_boost`.
    pub boost: MemberOffset,
}

impl ZoneLayout {
    /// Nothing known: no BTF.
    pub const UNREAD: Self = Self {
        count: 0,
        zone_bytes: 0,
        zones: [ZoneLocation::NONE; MAX_ZONES],
        kthread: MemberOffset::UNREAD,
        kthread_data: MemberOffset::UNREAD,
        kswapd: MemberOffset::UNREAD,
        node_id: MemberOffset::UNREAD,
        failures: MemberOffset::UNREAD,
        node_zones: MemberOffset::UNREAD,
        free: MemberOffset::UNREAD,
        watermarks: MemberOffset::UNREAD,
        boost: MemberOffset::UNREAD,
    };
}

/// What one CPU counted of one zone at the begins of direct reclaims that are stalls of their own, memtrace's left out.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ZoneTotals {
    /// Began with fewer free pages than the min watermark, the boost included, as the allocator sees it.
    pub below_min: u64,
    /// From min to below low.
    pub below_low: u64,
    /// From low to below high.
    pub below_high: u64,
    /// At high or above.
    pub above_high: u64,
    /// Of all these, began while the watermarks were boosted.
    pub boosted: u64,
    /// Of those below min, began while the main zone of another node was at its high watermark or above.
    pub plenty_elsewhere: u64,
    /// Sum of the free pages seen.
    pub free_pages: u64,
    /// The fewest free pages seen; means nothing before the first begin.
    pub least_free_pages: u64,
}

impl ZoneTotals {
    /// Begins of direct reclaims at which the zone was read.
    #[inline(always)]
    #[must_use]
    pub const fn begins(&self) -> u64 {
        self.below_min + self.below_low + self.below_high + self.above_high
    }
}

/// All zones on one CPU.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ZonesTotals {
    /// In the order of [`ZoneLayout::zones`].
    pub zones: [ZoneTotals; MAX_ZONES],
    /// Begins at which a node was not known yet, so that none of its zones was read.
    pub unread: u64,
}

const _: () = {
    assert!(size_of::<ZoneTotals>() == 64);
    assert!(size_of::<ZonesTotals>() == 64 * MAX_ZONES + 8);
};
