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

/// Places of [`SPANS`] that follow from a thread's id. A power of two.
pub(crate) const THREAD_SLOTS: u32 = 4096;
/// Places after them for the threads whose own another one has. A power of two.
pub(crate) const MORE_THREAD_SLOTS: u32 = 8192;

/// Open spans by slot: that of most threads follows from their id, which saves a search. What user space may map begins at
/// a page, so that each entry begins a line of the cache.
#[map]
pub(crate) static SPANS: Array<TaskSpans> = Array::with_max_entries(THREAD_SLOTS + MORE_THREAD_SLOTS, BPF_F_MMAPABLE);

/// Owner of each slot of [`SPANS`]: the thread that added the slot here first.
#[map]
pub(crate) static OWNERS: HashMap<u32, u32> = HashMap::with_max_entries(THREAD_SLOTS + MORE_THREAD_SLOTS, 0);

/// The slots of the threads that have another one than that of their id. A thread id cannot be reused while its task is
/// inside reclaim. An entry outlives its stall while there are few of them, since the thread will likely stall again.
#[map]
pub(crate) static MOVED: HashMap<u32, u32> = HashMap::with_max_entries(MORE_THREAD_SLOTS, 0);

/// Number of entries in [`MOVED`].
#[map]
pub(crate) static ENTRIES: Array<u64> = Array::with_max_entries(1, 0);

/// Exact totals by slot: a stall kind, or memtrace's own.
#[map]
pub(crate) static STALLS: PerCpuArray<StallTotals> = PerCpuArray::with_max_entries(SLOTS, 0);

/// Exact totals by node. Written by that node's kswapd, but for `wakeups`.
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

/// What each process had to get back.
#[map]
pub(crate) static TASK_FAULTS: HashMap<TaskKey, TaskFaults> = HashMap::with_max_entries(MAX_TASKS, 0);

/// Refaults by memory cgroup.
#[map]
pub(crate) static CGROUP_REFAULTS: HashMap<u64, RefaultCounts> = HashMap::with_max_entries(MAX_CGROUPS, 0);

/// All refaults: those of memtrace itself in a slot of their own.
#[map]
pub(crate) static REFAULT_TOTALS: PerCpuArray<RefaultCounts> = PerCpuArray::with_max_entries(SLOT_OWN + 1, 0);

/// Runs of `memcg:mod_memcg_lruvec_state`, refaults or not: what the hook costs follows from them.
#[map]
pub(crate) static LRUVEC_RUNS: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);

/// The ledger of what could not be kept, by [`Loss`].
#[map]
pub(crate) static LOSS: PerCpuArray<u64> = PerCpuArray::with_max_entries(Loss::COUNT as u32, 0);

/// Who last ended a reclaim on this CPU, to tell what an OOM kill follows.
#[map]
pub(crate) static LAST_RECLAIM: PerCpuArray<LastReclaim> = PerCpuArray::with_max_entries(1, 0);

/// The counts.
#[map]
pub(crate) static COUNTS: PerCpuArray<u64> = PerCpuArray::with_max_entries(Count::COUNT as u32, 0);

/// The open call of the OOM killer, and how many calls there were.
#[map]
pub(crate) static OOM_CALLS: Array<OomCalls> = Array::with_max_entries(1, 0);

/// OOM victims whose memory is not back yet: by the address of their mm (by process id where it is not known), and by
/// the thread id that the OOM reaper will name.
#[map]
pub(crate) static VICTIMS: HashMap<u64, MarkedVictim> = HashMap::with_max_entries(1024, 0);

/// Room in which a stack is put together, by kind of stall.
#[map]
pub(crate) static STACK_ROOM: PerCpuArray<StackFrames> = PerCpuArray::with_max_entries(StallKind::COUNT as u32, 0);

/// The stacks by hash. The loader leaves one entry of this and the next when stacks are not asked for.
#[map]
pub(crate) static STACKS: HashMap<u64, StackFrames> = HashMap::with_max_entries(MAX_STACKS, 0);

/// How often and how long each was stalled on.
#[map]
pub(crate) static STACK_COUNTS: HashMap<StackKey, StackCounts> = HashMap::with_max_entries(MAX_COUNTS, 0);

/// Pages of the sample that were evicted and are not back. The loader leaves one entry when they are not asked for.
#[map]
pub(crate) static EVICTED: LruHashMap<PageKey, Evicted> = LruHashMap::with_max_entries(MAX_EVICTED, 0);

/// How many pages of the sample were evicted, by the memory cgroup that they were charged to and by which memory they were.
/// The loader leaves one entry when they are not asked for.
#[map]
pub(crate) static EVICTIONS: LruHashMap<u64, Evictions> = LruHashMap::with_max_entries(MAX_EVICTING, 0);

/// Evictions of one cgroup.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Evictions {
    /// When they were counted first: another time is another count.
    pub since_ns: u64,
    /// Pages of the sample.
    pub pages: u64,
}

/// A page of a file, or a slot of swap.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct PageKey {
    /// Address of the file's `address_space`; 0 of a slot of swap.
    pub mapping: u64,
    /// Number of the page in the file, or the swap entry.
    pub index: u64,
}

/// A page that was evicted.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Evicted {
    /// When.
    pub t_ns: u64,
    /// Inode number of its file, which tells a reused address apart; 0 of anonymous memory.
    pub ino: u64,
    /// Key of its cgroup's [`EVICTIONS`].
    pub counted_in: u64,
    /// How they stood with it.
    pub evictions: Evictions,
    /// Process that evicted it.
    pub tgid: u32,
    /// Whether that is a kernel thread.
    pub is_kthread: u32,
    /// Name of the thread that evicted it.
    pub comm: [u8; COMM_LEN],
}

/// What is remembered of one kswapd thread.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct KswapdTask {
    /// Up to when its work is counted, in ns.
    pub counted_ns: u64,
    /// Begin of an open soft-limit reclaim, 0 when none is open.
    pub soft_limit_ns: u64,
    /// Its node.
    pub nid: u32,
    /// Explicit padding, 0.
    pub pad: u32,
}

/// An OOM victim whose memory is not back yet.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct MarkedVictim {
    /// When it was marked.
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
    /// Its name.
    pub comm: [u8; COMM_LEN],
}

/// The last end of a reclaim on a CPU.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct LastReclaim {
    /// Whose.
    pub tid: u32,
    /// `AFTER_MEMCG` or `AFTER_GLOBAL` of `memtrace_common::record::fields`.
    pub what: u32,
}
