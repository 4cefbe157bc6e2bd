//! The hooks, each declared once: the values that it gives, the loss without it, the fields that it reads.
//!
//! docs/dev/add-a-hook.md walks through a new one.

use memtrace_common::{config::EventFields, count::Count, field::ArgSource, kind::StallKind};

use super::{HookSet, functions::FUNCTIONS};

/// Selects the slot of a value in the fields of the kernel side.
pub type Place = fn(&mut EventFields) -> &mut ArgSource;

/// One hook, before its state on this kernel is known.
#[derive(Clone, Copy, Debug)]
pub struct Hook {
    /// Id of the hook.
    pub id: HookId,
    /// Tracefs group, such as `vmscan`.
    pub group: &'static str,
    /// Event, such as `mm_vmscan_direct_reclaim_begin`.
    pub event: &'static str,
    /// Full name: `group:event`.
    pub name: &'static str,
    /// Name of the program that reads raw arguments; the classic one has the suffix `_tp`.
    pub program: &'static str,
    /// The values that memtrace takes from it, in words.
    pub gives: &'static str,
    /// The loss without it, in words.
    pub without: &'static str,
    /// The end event of a begin: a begin without its end would only leave spans open.
    pub end: Option<HookId>,
    /// True for the hooks without which memtrace has nothing to report.
    pub required: bool,
    /// The kind of stall that begins with this event.
    pub kind: Option<StallKind>,
    /// The count that its program adds to. No other hook adds to it.
    pub counts: Option<Count>,
    /// The values that it reads, by their names in the event. Raw arguments have the same names, except those that
    /// `memtrace-probe` names itself.
    pub values: &'static [(&'static str, Place)],
}

/// `Some` with a value, `None` without.
macro_rules! given {
    () => {
        None
    };
    ($value:expr) => {
        Some($value)
    };
}

/// Declares the hooks: [`HookId`], and the table of those on tracepoints.
macro_rules! hooks {
    (tracepoints { $($id:ident = $group:literal $event:literal, $program:literal,
        $(required $required:literal,)? $(begins $kind:ident,)? $(until $end:ident,)? $(counts $count:ident,)?
        gives $gives:literal, without $without:literal, [$($value:literal = $f:ident $(. $g:ident)?),*];)+ }
     others { $($(#[$doc:meta])* $other:ident;)+ }) => {
        /// A hook. The tables here and in [`functions`](super::functions) have the properties of each; `Zones` is no
        /// program, and `memtrace-probe` sets its status.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum HookId {
            $(#[doc = $gives] $id,)+
            $($(#[$doc])* $other,)+
        }

        impl HookId {
            /// All hooks.
            pub const ALL: &[Self] = &[$(Self::$id,)+ $(Self::$other,)+];
        }

        /// The hooks on tracepoints, in the order of attaching. Hooks that drop state come first, and ends before
        /// begins, so that a stall that begins during the attaching has its end.
        pub const HOOKS: &[Hook] = &[$(Hook {
            id: HookId::$id,
            group: $group,
            event: $event,
            name: concat!($group, ":", $event),
            program: $program,
            gives: $gives,
            without: $without,
            end: given!($(HookId::$end)?),
            required: matches!(given!($($required)?), Some(true)),
            kind: given!($(StallKind::$kind)?),
            counts: given!($(Count::$count)?),
            values: &[$(($value, |fields| &mut fields.$f $(.$g)?)),*],
        },)+];
    };
}

hooks! {
    tracepoints {
    ProcessExit = "sched" "sched_process_exit", "process_exit",
        gives "the exit of a thread, to drop its state",
        without "a stall cut off by an exit counts as one in flight",
        [];
    DirectEnd = "vmscan" "mm_vmscan_direct_reclaim_end", "direct_end",
        required true,
        gives "end of direct reclaim, pages reclaimed",
        without "no direct-reclaim stalls",
        ["nr_reclaimed" = direct_end];
    DirectBegin = "vmscan" "mm_vmscan_direct_reclaim_begin", "direct_begin",
        required true,
        begins Direct, until DirectEnd,
        gives "begin of direct reclaim: order, gfp",
        without "no direct-reclaim stalls",
        ["order" = direct_begin.order, "gfp_flags" = direct_begin.gfp];
    MemcgEnd = "vmscan" "mm_vmscan_memcg_reclaim_end", "memcg_end",
        required true,
        gives "end of reclaim at a cgroup's limit, pages reclaimed",
        without "no memcg stalls",
        ["nr_reclaimed" = memcg_end];
    MemcgBegin = "vmscan" "mm_vmscan_memcg_reclaim_begin", "memcg_begin",
        required true,
        begins Memcg, until MemcgEnd,
        gives "begin of reclaim at a cgroup's limit (memory.max, memory.high, memory.reclaim alike)",
        without "no memcg stalls",
        ["order" = memcg_begin.order, "gfp_flags" = memcg_begin.gfp];
    NodeEnd = "vmscan" "mm_vmscan_node_reclaim_end", "node_end",
        gives "end of node reclaim (vm.zone_reclaim_mode)",
        without "no node-reclaim stalls",
        ["nr_reclaimed" = node_end];
    NodeBegin = "vmscan" "mm_vmscan_node_reclaim_begin", "node_begin",
        begins Node, until NodeEnd,
        gives "begin of node reclaim: node, order, gfp",
        without "no node-reclaim stalls",
        ["nid" = node_begin.nid, "order" = node_begin.order, "gfp_flags" = node_begin.gfp];
    SoftLimitEnd = "vmscan" "mm_vmscan_memcg_softlimit_reclaim_end", "soft_limit_end",
        gives "end of soft-limit reclaim inside a stall or kswapd",
        without "time in soft-limit reclaim is part of the rest",
        [];
    SoftLimitBegin = "vmscan" "mm_vmscan_memcg_softlimit_reclaim_begin", "soft_limit_begin",
        until SoftLimitEnd,
        gives "begin of soft-limit reclaim inside a stall or kswapd",
        without "time in soft-limit reclaim is part of the rest",
        [];
    ShrinkerEnd = "vmscan" "mm_shrink_slab_end", "shrinker_end",
        gives "end of a shrinker inside a stall",
        without "time in shrinkers (slab) is part of the rest",
        [];
    ShrinkerBegin = "vmscan" "mm_shrink_slab_start", "shrinker_begin",
        until ShrinkerEnd,
        gives "begin of a shrinker inside a stall, and which one it is",
        without "time in shrinkers (slab) is part of the rest",
        ["shrink" = shrinker];
    Throttled = "vmscan" "mm_vmscan_throttled", "throttled",
        gives "time a reclaim was throttled",
        without "throttled_ns is unread",
        ["usec_delayed" = throttled.usec, "reason" = throttled.reason];
    ShrinkInactive = "vmscan" "mm_vmscan_lru_shrink_inactive", "shrink_inactive",
        gives "pages scanned and reclaimed, per stall and per kswapd",
        without "scanned_pages is unread; kswapd's work and busy time are unread",
        ["nid" = shrink.nid, "nr_scanned" = shrink.scanned, "nr_reclaimed" = shrink.reclaimed];
    WakeupKswapd = "vmscan" "mm_vmscan_wakeup_kswapd", "wakeup_kswapd",
        gives "who woke kswapd, for which order",
        without "who woke kswapd is unknown",
        ["nid" = wakeup_kswapd.nid, "order" = wakeup_kswapd.order, "gfp_flags" = wakeup_kswapd.gfp];
    KswapdWake = "vmscan" "mm_vmscan_kswapd_wake", "kswapd_wake",
        gives "kswapd at work, per node",
        without "kswapd's wakes and work are unread",
        ["nid" = kswapd_wake.nid, "order" = kswapd_wake.order];
    KswapdSleep = "vmscan" "mm_vmscan_kswapd_sleep", "kswapd_sleep",
        gives "kswapd asleep, per node",
        without "kswapd's sleeps are unread",
        ["nid" = kswapd_sleep.nid];
    RetryZone = "oom" "reclaim_retry_zone", "retry_zone",
        gives "global reclaim that failed and is tried again",
        without "only the kernel log separates a global OOM kill from a memcg one",
        [];
    TaskReaped = "oom" "finish_task_reaping", "task_reaped",
        gives "the time at which the OOM reaper gave a victim's memory back",
        without "the time at which a lingering victim's memory was back is unread",
        ["pid" = reaped];
    MarkVictim = "oom" "mark_victim", "mark_victim",
        required true,
        gives "OOM victim and trigger",
        without "no OOM victims",
        [];
    }
    others {
    /// Refaults.
    Refaults;
    /// Pages read back from swap.
    SwapIns;
    /// Major faults.
    MajorFaults;
    /// The wait of a direct reclaim for kswapd.
    Pfmemalloc;
    /// Reclaim and sleep above `memory.high`.
    MemcgHigh;
    /// Proactive reclaim (`memory.reclaim`).
    Proactive;
    /// Direct compaction.
    Compaction;
    /// Faults on pages in swap.
    SwapFaults;
    /// Sections that the kernel counts as memory stalls.
    Memstall;
    /// A round of kswapd's work.
    Balance;
    /// Rounds in which kswapd reclaimed nothing.
    Failures;
    /// A call of the OOM killer.
    OomCall;
    /// The end of an address space.
    MmGone;
    /// Switches of stalled tasks.
    OffCpu;
    /// Evictions of file pages.
    Evictors;
    /// Evictions of anonymous memory.
    SwapEvictors;
    /// Free pages and watermarks in the kernel's memory.
    Zones;
    }
}

/// Names of all hooks, those on functions included, as `--without` takes them.
#[must_use]
pub fn names() -> Vec<&'static str> {
    let functions = FUNCTIONS.iter().map(|hook| hook.name);
    HOOKS.iter().map(|hook| hook.event).chain(functions).collect()
}

/// The counts that these hooks maintain.
pub fn counts(hooks: HookSet) -> impl Iterator<Item = Count> {
    let functions = FUNCTIONS.iter().map(|hook| (hook.id, hook.counts));
    let all = HOOKS.iter().map(|hook| (hook.id, hook.counts)).chain(functions);
    all.filter(move |(id, _)| hooks.has(*id)).filter_map(|(_, count)| count)
}

impl Hook {
    /// Names of the values that the kernel's event does not have.
    #[must_use]
    pub fn unread(&self, fields: &EventFields) -> Vec<&'static str> {
        let mut fields = *fields;
        self.values.iter().filter(|(_, place)| !place(&mut fields).is_read()).map(|(name, _)| *name).collect()
    }
}
