//! All maps. Everything is allocated when the maps are created: nothing may be allocated while memory is short.

use aya_ebpf::{
    bindings::BPF_F_MMAPABLE,
    macros::map,
    maps::{Array, HashMap, LruHashMap, PerCpuArray, RingBuf},
};
use memtrace_common::{
    count::Count,
    eviction::{MAX_EVICTED, MAX_EVICTING},
    kind::StallKind,
    record::COMM_LEN,
    refault::{MAX_CGROUPS, MAX_TASKS, RefaultCounts, SLOT_OWN, TaskFaults, TaskKey},
    shrinker::{MAX_SHRINKERS, ShrinkerKey, ShrinkerTotals},
    span::TaskSpans,
    stack::{MAX_COUNTS, MAX_STACKS, StackCounts, StackFrames, StackKey},
    totals::{KswapdTotals, Loss, MAX_NODES, OomCalls, OtherShrinks, SLOTS, StallTotals},
    zone::ZonesTotals,
};

/// Records on their way to user space. Mapped twice there, so each byte counts double in its resident size.
#[map]
pub(crate) static RING: RingBuf = RingBuf::with_byte_size(2 << 20, 0);

/// Number of slots of [`SPANS`] that follow from a thread's id. A power of two.
pub(crate) const THREAD_SLOTS: u32 = 4096;
/// Number of further slots, for threads whose own slot belongs to another thread. A power of two.
pub(crate) const MORE_THREAD_SLOTS: u32 = 8192;

/// Open spans by slot. The slot of most threads follows from their id, which saves a search. A map that user space may
/// map begins at a page, so each entry begins at a cache line.
#[map]
pub(crate) static SPANS: Array<TaskSpans> = Array::with_max_entries(THREAD_SLOTS + MORE_THREAD_SLOTS, BPF_F_MMAPABLE);

/// Owner of each slot of [`SPANS`]: the thread that added the slot here first.
#[map]
pub(crate) static OWNERS: HashMap<u32, u32> = HashMap::with_max_entries(THREAD_SLOTS + MORE_THREAD_SLOTS, 0);

/// Slots of the threads whose slot does not follow from their id. A thread id cannot be reused while its task is inside
/// reclaim. An entry outlives its stall while there are few of them, since the thread will likely stall again.
#[map]
pub(crate) static MOVED: HashMap<u32, u32> = HashMap::with_max_entries(MORE_THREAD_SLOTS, 0);

/// Number of entries in [`MOVED`].
#[map]
pub(crate) static ENTRIES: Array<u64> = Array::with_max_entries(1, 0);

/// Exact totals by slot: a stall kind, or memtrace's own.
#[map]
pub(crate) static STALLS: PerCpuArray<StallTotals> = PerCpuArray::with_max_entries(SLOTS, 0);

/// Exact totals by node. Only that node's kswapd writes them, except `wakeups`.
#[map]
pub(crate) static KSWAPD: Array<KswapdTotals> = Array::with_max_entries(MAX_NODES, 0);

/// The kswapd threads that were seen, by thread id.
#[map]
pub(crate) static KSWAPD_TASKS: HashMap<u32, KswapdTask> = HashMap::with_max_entries(2 * MAX_NODES, 0);

/// Address of each node's `pglist_data`; 0 until its kswapd was seen.
#[map]
pub(crate) static NODES: Array<u64> = Array::with_max_entries(MAX_NODES, 0);

/// The zones at the begins of direct reclaims.
#[map]
pub(crate) static ZONES: PerCpuArray<ZonesTotals> = PerCpuArray::with_max_entries(1, 0);

/// Shrinks inside stalls, by the node that was reclaimed.
#[map]
pub(crate) static NODE_SHRINKS: PerCpuArray<OtherShrinks> = PerCpuArray::with_max_entries(MAX_NODES, 0);

/// Shrinks outside every stall and kswapd.
#[map]
pub(crate) static OTHER_SHRINKS: PerCpuArray<OtherShrinks> = PerCpuArray::with_max_entries(1, 0);

/// Time of stalls by shrinker and kind.
#[map]
pub(crate) static SHRINKER_TOTALS: HashMap<ShrinkerKey, ShrinkerTotals> = HashMap::with_max_entries(MAX_SHRINKERS, 0);

/// Refaults, major faults and swap-ins by process.
#[map]
pub(crate) static TASK_FAULTS: HashMap<TaskKey, TaskFaults> = HashMap::with_max_entries(MAX_TASKS, 0);

/// Refaults by memory cgroup.
#[map]
pub(crate) static CGROUP_REFAULTS: HashMap<u64, RefaultCounts> = HashMap::with_max_entries(MAX_CGROUPS, 0);

/// All refaults, with memtrace's own in a separate slot.
#[map]
pub(crate) static REFAULT_TOTALS: PerCpuArray<RefaultCounts> = PerCpuArray::with_max_entries(SLOT_OWN + 1, 0);

/// Runs of `memcg:mod_memcg_lruvec_state`, refaults or not: the cost of the hook follows from them.
#[map]
pub(crate) static LRUVEC_RUNS: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);

/// The ledger of losses, by [`Loss`].
#[map]
pub(crate) static LOSS: PerCpuArray<u64> = PerCpuArray::with_max_entries(Loss::COUNT as u32, 0);

/// Thread that last ended a reclaim on this CPU, to determine the reclaim before an OOM kill.
#[map]
pub(crate) static LAST_RECLAIM: PerCpuArray<LastReclaim> = PerCpuArray::with_max_entries(1, 0);

/// Counts of the whole host, by [`Count`].
#[map]
pub(crate) static COUNTS: PerCpuArray<u64> = PerCpuArray::with_max_entries(Count::COUNT as u32, 0);

/// The open call of the OOM killer, and the number of calls.
#[map]
pub(crate) static OOM_CALLS: Array<OomCalls> = Array::with_max_entries(1, 0);

/// OOM victims whose memory is not freed yet: by the address of their mm (by process id where that is not known), and
/// by the thread id that the OOM reaper reports.
#[map]
pub(crate) static VICTIMS: HashMap<u64, MarkedVictim> = HashMap::with_max_entries(1024, 0);

/// Room in which a stack is assembled, by kind of stall.
#[map]
pub(crate) static STACK_ROOM: PerCpuArray<StackFrames> = PerCpuArray::with_max_entries(StallKind::COUNT as u32, 0);

/// Stacks by hash. The loader shrinks this map and the next one to one entry when stacks are not enabled.
#[map]
pub(crate) static STACKS: HashMap<u64, StackFrames> = HashMap::with_max_entries(MAX_STACKS, 0);

/// Number and duration of the stalls, by stack, process, cgroup and kind.
#[map]
pub(crate) static STACK_COUNTS: HashMap<StackKey, StackCounts> = HashMap::with_max_entries(MAX_COUNTS, 0);

/// Sampled pages that were evicted and did not come back. The loader shrinks the map to one entry when they are not
/// enabled.
#[map]
pub(crate) static EVICTED: LruHashMap<PageKey, Evicted> = LruHashMap::with_max_entries(MAX_EVICTED, 0);

/// Number of sampled evictions, by the memory cgroup to which the pages were charged and by type (file or anonymous).
/// The loader shrinks the map to one entry when they are not enabled.
#[map]
pub(crate) static EVICTIONS: LruHashMap<u64, Evictions> = LruHashMap::with_max_entries(MAX_EVICTING, 0);

/// Evictions of one cgroup.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Evictions {
    /// Time of the first eviction that was counted: another time identifies another counter.
    pub since_ns: u64,
    /// Number of sampled pages.
    pub pages: u64,
}

/// A page of a file, or a slot of swap.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct PageKey {
    /// Address of the file's `address_space`; 0 for a slot of swap.
    pub mapping: u64,
    /// Number of the page in the file, or the swap entry.
    pub index: u64,
}

/// A page that was evicted.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Evicted {
    /// Time of the eviction, `CLOCK_MONOTONIC` in ns.
    pub t_ns: u64,
    /// Inode number of the file, which identifies it when an address is reused; 0 for anonymous memory.
    pub ino: u64,
    /// Key of the cgroup's counter in [`EVICTIONS`].
    pub counted_in: u64,
    /// State of that counter at the eviction.
    pub evictions: Evictions,
    /// Process that evicted it.
    pub tgid: u32,
    /// 1 when that is a kernel thread, else 0.
    pub is_kthread: u32,
    /// Name of the process that evicted it.
    pub comm: [u8; COMM_LEN],
}

/// State of one kswapd thread.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct KswapdTask {
    /// Time up to which its work is counted, in ns.
    pub counted_ns: u64,
    /// Begin of an open soft-limit reclaim, 0 when none is open.
    pub soft_limit_ns: u64,
    /// Node of the kswapd.
    pub nid: u32,
    /// Explicit padding, 0.
    pub pad: u32,
}

/// An OOM victim whose memory is not freed yet.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct MarkedVictim {
    /// Time at which it was marked, `CLOCK_MONOTONIC` in ns.
    pub marked_ns: u64,
    /// Address of its mm; 0 when it is not known.
    pub mm: u64,
    /// Process id.
    pub pid: u32,
    /// Thread id.
    pub tid: u32,
    /// `VICTIM_COMM` of `memtrace_common::record::fields` when the name was read.
    pub fields: u32,
    /// Explicit padding, 0.
    pub pad: u32,
    /// Name of the victim.
    pub comm: [u8; COMM_LEN],
}

/// The last end of a reclaim on a CPU.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct LastReclaim {
    /// Thread that ended it.
    pub tid: u32,
    /// `AFTER_MEMCG` or `AFTER_GLOBAL` of `memtrace_common::record::fields`.
    pub what: u32,
}
