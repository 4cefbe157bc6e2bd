//! Values of the maps that hold exact totals, and the ledger of the kernel side's losses.

use crate::{
    histogram::BUCKETS,
    kind::StallKind,
    part::{Part, Spent},
    throttle::REASON_COUNT,
};

/// Totals of one kind of stall on one CPU since attach. They count every stall, even if its record did not fit the
/// ring.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct StallTotals {
    /// Finished stalls.
    pub count: u64,
    /// Sum of their durations, in ns.
    pub total_ns: u64,
    /// Longest duration, in ns.
    pub max_ns: u64,
    /// Pages scanned in them.
    pub scanned_pages: u64,
    /// Pages reclaimed in them.
    pub reclaimed_pages: u64,
    /// Time in them, by part.
    pub spent: Spent,
    /// Time in them in which the tasks did not run, in ns.
    pub off_cpu_ns: u64,
    /// Time throttled by reason, in us; time of an unknown reason is in none of them.
    pub throttled_us: [u64; REASON_COUNT],
    /// Latencies by [`crate::histogram::bucket_of`].
    pub buckets: [u64; BUCKETS],
}

/// Slot of memtrace's own stalls of all kinds in the map of [`StallTotals`]; the slots below are those of the kinds.
pub const SLOT_SELF: u32 = StallKind::COUNT as u32;
/// Slot of reclaim on request (`memory.reclaim`): no task waits for the memory.
pub const SLOT_PROACTIVE: u32 = SLOT_SELF + 1;
/// Number of slots in the map of [`StallTotals`].
pub const SLOTS: u32 = SLOT_PROACTIVE + 1;

/// Maximum number of NUMA nodes whose kswapd is followed.
pub const MAX_NODES: u32 = 64;

/// Number of orders of allocations that are counted separately; the last one includes all higher orders.
pub const ORDERS: usize = 16;

/// Values of [`KswapdTotals::failures_from`].
pub mod failures_from {
    /// Failures are not known.
    pub const NOWHERE: u32 = 0;
    /// `pglist_data.kswapd_failures`, read when a round of kswapd's loop begins and when kswapd goes to sleep. Failures
    /// that were reset between two readings are not seen: a lower bound.
    pub const READINGS: u32 = 1;
    /// The kernel's event (7.2): each is counted.
    pub const EVENTS: u32 = 2;
}

/// Totals of one node's kswapd since attach.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KswapdTotals {
    /// `kswapd_wake` events: loop rounds that went on to balance the node, not sleep-to-wake edges.
    pub rounds: u64,
    /// Changes from sleep to work.
    pub wakes: u64,
    /// `kswapd_sleep` events.
    pub sleeps: u64,
    /// Number of wakeups by tasks (`wakeup_kswapd`).
    pub wakeups: u64,
    /// Time from the begin of each round to its end, in ns; where no end is reported, to the last shrink seen in it,
    /// which is a lower bound of the work.
    pub busy_ns: u64,
    /// Rounds whose end was reported (`balance_pgdat`).
    pub balances: u64,
    /// Pages that kswapd scanned.
    pub scanned_pages: u64,
    /// Pages that kswapd reclaimed.
    pub reclaimed_pages: u64,
    /// Time in soft-limit reclaim, in ns.
    pub soft_limit_ns: u64,
    /// `CLOCK_MONOTONIC` of the last event of this node, in ns; 0 when none was seen.
    pub last_ns: u64,
    /// Rounds in which kswapd reclaimed nothing at all.
    pub failures: u64,
    /// Number of times that the node became hopeless: kswapd failed so often in a row that it is not woken any more,
    /// and every allocation that lacks memory stalls in direct reclaim.
    pub hopeless: u64,
    /// Number of times that a hopeless node got another try.
    pub cleared: u64,
    /// Wakeups by order.
    pub wakeups_by_order: [u64; ORDERS],
    /// Rounds by order of the allocation that kswapd works for.
    pub rounds_by_order: [u64; ORDERS],
    /// 1 while kswapd works, 0 while it sleeps or was never seen.
    pub awake: u32,
    /// Thread id of the kswapd, 0 when it was never seen at work.
    pub tid: u32,
    /// Failures in a row, as of the last event or reading.
    pub failures_in_a_row: u32,
    /// Largest number of failures in a row.
    pub most_failures_in_a_row: u32,
    /// Source of the failures: one of [`failures_from`].
    pub failures_from: u32,
    /// Explicit padding, 0.
    pub pad: u32,
}

/// Losses of the kernel side: events that it could not keep or pair; one counter per CPU each.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// A stall's record did not fit the ring.
    RingStall = 0,
    /// An OOM record did not fit the ring.
    RingOom = 1,
    /// A kswapd record did not fit the ring.
    RingKswapd = 2,
    /// The map of open spans was full (or its bucket busy): the stall was not seen.
    InflightFull = 3,
    /// A begin while a span of its kind was open: the end of the first was lost.
    SecondBegin = 4,
    /// An end without a begin: the begin was before attach, or was lost.
    EndWithoutBegin = 5,
    /// A span that never ended: its thread exited, or an outer span ended first.
    LostEnd = 6,
    /// A begin beyond the depth of the stack of spans.
    NestOverflow = 7,
    /// A node number beyond [`MAX_NODES`].
    NodeRange = 8,
    /// No room for a stack, or for a row that counts it.
    Stack = 9,
    /// No room for a row of the time by shrinker: the time is only in the total of all shrinkers.
    Shrinker = 10,
    /// The record that the memory of an OOM victim was freed did not fit the ring.
    RingFreed = 11,
    /// A sampled refault did not fit the ring.
    RingRefault = 12,
    /// The map of OOM victims whose memory is not freed yet was full.
    VictimsFull = 13,
}

impl Loss {
    /// Number of counters.
    pub const COUNT: usize = 14;
    /// All counters, in the order of their numbers.
    pub const ALL: [Self; Self::COUNT] = [
        Self::RingStall,
        Self::RingOom,
        Self::RingKswapd,
        Self::InflightFull,
        Self::SecondBegin,
        Self::EndWithoutBegin,
        Self::LostEnd,
        Self::NestOverflow,
        Self::NodeRange,
        Self::Stack,
        Self::Shrinker,
        Self::RingFreed,
        Self::RingRefault,
        Self::VictimsFull,
    ];

    /// The name of the stage in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RingStall => "ring_stall",
            Self::RingOom => "ring_oom",
            Self::RingKswapd => "ring_kswapd",
            Self::InflightFull => "inflight_full",
            Self::SecondBegin => "second_begin",
            Self::EndWithoutBegin => "end_without_begin",
            Self::LostEnd => "lost_end",
            Self::NestOverflow => "nest_overflow",
            Self::NodeRange => "node_range",
            Self::Stack => "stack",
            Self::Shrinker => "shrinker",
            Self::RingFreed => "ring_freed",
            Self::RingRefault => "ring_refault",
            Self::VictimsFull => "victims_full",
        }
    }
}

/// Counters that are not loss: shrinks that belong to no stall and no kswapd (khugepaged, `MADV_PAGEOUT`, DAMON...).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OtherShrinks {
    /// Pages scanned.
    pub scanned_pages: u64,
    /// Pages reclaimed.
    pub reclaimed_pages: u64,
}

/// Calls of the OOM killer: their number, and the open one. One slot is enough, since all calls happen under the
/// kernel's `oom_lock`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OomCalls {
    /// Number of the open call (`oom_kill_process`), from 1 since attach: each call is one decision, irrespective of
    /// the victims.
    pub calls: u64,
    /// Value of the open call: see [`crate::record::OomRecord`].
    pub limit_cgroup_id: u64,
    /// Value of the open call, likewise.
    pub total_pages: u64,
    /// Value of the open call, likewise.
    pub points: i64,
    /// Address of the task that was chosen.
    pub chosen: u64,
    /// Thread that is in the call; 0 when none is.
    pub tid: u32,
    /// Number of victims that the call has marked so far.
    pub victims: u32,
    /// Value of the open call, likewise.
    pub constraint: u32,
    /// Value of the open call, likewise.
    pub gfp: u32,
    /// Value of the open call, likewise.
    pub order: i32,
    /// Bits of [`crate::record::fields`] of the values that were read.
    pub fields: u32,
}

const _: () = assert!(size_of::<OomCalls>() == 64);
const _: () = assert!(size_of::<StallTotals>() == 8 * (6 + Part::COUNT + REASON_COUNT + BUCKETS));
