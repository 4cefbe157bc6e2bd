//! Zones at the begin of a direct reclaim: their layout for the kernel side, and the counts of each.

use crate::field::MemberOffset;

/// Maximum number of zones that are read when a direct reclaim begins: each costs three reads.
pub const MAX_ZONES: usize = 8;

/// Value of `kswapd_failures` from which on a node is hopeless: `MAX_RECLAIM_RETRIES` of `mm/internal.h`, the same on
/// all supported kernels.
pub const HOPELESS: u32 = 16;

/// One zone that is read.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ZoneLocation {
    /// Node of the zone.
    pub nid: u32,
    /// Number of the zone in its node (`enum zone_type`).
    pub index: u32,
    /// The main zones of the other nodes (bit: index in the list), any of which might have spared the stall.
    pub elsewhere: u32,
}

impl ZoneLocation {
    /// No zone.
    pub const NONE: Self = Self { nid: 0, index: 0, elsewhere: 0 };
}

/// Layout of nodes and zones in the kernel.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneLayout {
    /// Number of valid `zones`; 0 when they are not read.
    pub count: u32,
    /// Size of `struct zone` in bytes.
    pub zone_bytes: u32,
    /// The zones.
    pub zones: [ZoneLocation; MAX_ZONES],
    /// Pointer from a kernel thread to its `struct kthread`: `task_struct.worker_private`, before 5.17 `set_child_tid`.
    pub kthread: MemberOffset,
    /// `kthread.data`: for a kswapd its `pglist_data`.
    pub kthread_data: MemberOffset,
    /// `pglist_data.kswapd`: the task of the kswapd.
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

/// Counts of one zone on one CPU at the begins of direct reclaims that are stalls of their own, without memtrace's.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ZoneTotals {
    /// Stalls that began with fewer free pages than the min watermark, the boost included, as the allocator sees it.
    pub below_min: u64,
    /// Stalls that began with free pages from min to below low.
    pub below_low: u64,
    /// Stalls that began with free pages from low to below high.
    pub below_high: u64,
    /// Stalls that began with free pages at high or above.
    pub above_high: u64,
    /// Stalls in any of these classes that began while the watermarks were boosted.
    pub boosted: u64,
    /// Stalls below min that began while the main zone of another node was at its high watermark or above.
    pub plenty_elsewhere: u64,
    /// Sum of the free pages seen.
    pub free_pages: u64,
    /// The fewest free pages seen; undefined before the first begin.
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
    /// Counts in the order of [`ZoneLayout::zones`].
    pub zones: [ZoneTotals; MAX_ZONES],
    /// Begins at which some zone could not be read, for example because its node was not known yet.
    pub unread: u64,
}

const _: () = {
    assert!(size_of::<ZoneTotals>() == 64);
    assert!(size_of::<ZonesTotals>() == 64 * MAX_ZONES + 8);
};
