//! What a trace holds, as values: the same that a session is given live, and what a later reader must know of the host.

use memtrace_common::kind::StallKind;

use memtrace_core::{
    at_start::AtStart,
    event::{Comm, Event},
    hook::HookRecord,
    session::{
        counters::Baseline,
        faults::FaultsRead,
        filter::Filter,
        input::{NodeRefaults, OpenStall, TickInput, Zone},
        memory::Memory,
    },
    source::Sources,
    untrusted::Text,
};

use crate::tick::named;

pub use memtrace_core::{
    host_facts::{CgroupLimits, ClockReading, HostFacts, Setting, SwapArea},
    session::unrecorded::{UnrecordedProcess, UnrecordedStalls},
};

/// One thing that happened between two ticks, in the order in which the session was given it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly all are events, and a box would be an allocation for each")]
pub enum Entry {
    /// An event that matched the filter.
    Event(Event),
    /// A process got its own name, in place of that of its first stalled thread.
    Name {
        /// Process id.
        pid: u32,
        /// Start of the process in ns, where it was read.
        process_start_ns: Option<u64>,
        /// Its name.
        comm: Comm,
    },
    /// It was learnt whether a process belongs to the command that memtrace started.
    Mark {
        /// Process id.
        pid: u32,
        /// Start of the process in ns, where it was read.
        process_start_ns: Option<u64>,
        /// Whether it does; `None` when it was gone too soon.
        in_command: Option<bool>,
    },
}

/// A tick as the trace holds it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TickRecord {
    /// What the session is given. Totals are since attach, whatever segment the tick is in.
    pub input: TickInput,
    /// `/proc/vmstat` since boot, in the order of [`HostFacts::vmstat_names`]; empty when it was not read.
    pub vmstat: Vec<u64>,
    /// `/proc/meminfo` in bytes, in the order of [`HostFacts::meminfo_names`]; empty when it was not read.
    pub meminfo_bytes: Vec<u64>,
    /// Since the tick before, by process, what no event of the trace tells. Only a reader fills it.
    pub unrecorded_processes: Vec<UnrecordedProcess>,
    /// The same by cgroup (`None`: not read). Only a reader fills it.
    pub unrecorded_cgroups: Vec<(Option<u64>, UnrecordedStalls)>,
}

/// How the trace was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// Version of memtrace.
    pub version: Text,
    /// Its command line, word by word.
    pub argv: Vec<Text>,
    /// The command that it started, word by word; empty without one.
    pub command: Vec<Text>,
    /// When the hooks were attached, `CLOCK_MONOTONIC` in ns: the totals count from here.
    pub start_ns: u64,
    /// Length of a tick in ns.
    pub interval_ns: u64,
    /// memtrace's own process id.
    pub own_pid: u32,
    /// Which stalls were asked for.
    pub filter: Filter,
    /// Shorter stalls have no event in the trace, in ns; the totals have them.
    pub min_stall_ns: u64,
    /// The kinds whose hooks are attached.
    pub kinds: Vec<StallKind>,
    /// How their durations relate to the true stall.
    pub sources: Sources,
    /// Whether pages scanned are read.
    pub scans_read: bool,
    /// Whether the stacks of stalls are counted.
    pub stacks: bool,
    /// Whether MGLRU reclaims.
    pub mglru: bool,
    /// Which faults are read.
    pub faults_read: FaultsRead,
    /// The hooks, attached or not.
    pub hooks: Vec<HookRecord>,
    /// The kernel's names of the allocation flags, by bit.
    pub gfp_names: Vec<(u32, Text)>,
    /// True when new and gone cgroups are remarks of their own. In older traces a first limit of a cgroup that had none may
    /// be that of a new cgroup.
    pub cgroup_remarks: bool,
}

/// The beginning of a segment: all that its other blocks rest on.
#[derive(Clone, Debug, PartialEq)]
pub struct Meta {
    /// A random number: segments with the same one are parts of one recording.
    pub recording: u64,
    /// Number of the segment in its recording, from 0.
    pub segment: u32,
    /// Which of several runs, from 1; 0 when there is only one.
    pub run: u32,
    /// How the trace was made.
    pub setup: Setup,
    /// The host.
    pub host: HostFacts,
    /// The clocks when the segment began.
    pub clock: ClockReading,
    /// The kernel's counters around the attaching, and what is fixed for them.
    pub baseline: Baseline,
    /// Refaults of each node since boot, from where they count.
    pub nodes_from: Vec<NodeRefaults>,
    /// What was going on before the start; in the first segment.
    pub at_start: Option<AtStart>,
    /// `/proc/vmstat` when the segment began, in the order of [`HostFacts::vmstat_names`].
    pub vmstat: Vec<u64>,
    /// `/proc/meminfo` when the segment began, in bytes, in the order of [`HostFacts::meminfo_names`].
    pub meminfo_bytes: Vec<u64>,
    /// The zones when the segment began.
    pub zones: Vec<Zone>,
    /// The last tick of the segment before, which the counters of this one build on; `None` in the first.
    pub base: Option<TickRecord>,
}

impl Meta {
    /// When what it holds begins, `CLOCK_MONOTONIC` in ns.
    #[must_use]
    pub fn start_ns(&self) -> u64 {
        self.base.as_ref().map_or(self.setup.start_ns, |base| base.input.t_ns)
    }

    /// Memory and swap when the segment began, with what the kernel had counted since boot; `None` when nothing was read.
    #[must_use]
    pub fn memory(&self) -> Option<Memory> {
        let HostFacts { meminfo_names, vmstat_names, page_size_bytes, .. } = &self.host;
        Memory::of(named(meminfo_names, &self.meminfo_bytes), named(vmstat_names, &self.vmstat), *page_size_bytes)
    }
}

/// Something that is worth a note in the trace beside what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// When, `CLOCK_MONOTONIC` in ns.
    pub t_ns: u64,
    /// What it is.
    pub kind: RemarkKind,
    /// In words; for a trigger the condition.
    pub text: Text,
}

/// What a remark is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemarkKind {
    /// An incident began: a condition was met, a process was OOM-killed, a signal came.
    Trigger,
    /// Events are no longer written: the disk is full or failed. Ticks go on while they fit.
    EventsStopped,
    /// A block of an experiment begins: [`BlockMark`](super::mark::BlockMark).
    BlockBegin,
    /// It is over: what is between the two was measured.
    BlockEnd,
    /// A setting has another value: [`Change`](memtrace_core::host_facts::change::Change).
    Changed,
    /// Cgroups with a limit are new or gone: [`CgroupChange`](memtrace_core::host_facts::cgroups::CgroupChange).
    Cgroups,
    /// Of a kind that this version does not know.
    Unknown,
}

/// Why a segment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The recording is over.
    Done,
    /// The next segment goes on.
    NextSegment,
    /// This file ends, and the segment goes on in another one: an incident file is complete.
    FileComplete,
    /// Of a kind that this version does not know.
    Unknown,
}

/// The regular end of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// When, `CLOCK_MONOTONIC` in ns.
    pub t_ns: u64,
    /// Why.
    pub reason: EndReason,
    /// Stalls that are not over, the longest first.
    pub open: Vec<OpenStall>,
    /// What was lost in user space in all, by the number of the stage: writing itself can lose.
    pub lost: [u64; memtrace_core::session::loss::Loss::COUNT],
}
