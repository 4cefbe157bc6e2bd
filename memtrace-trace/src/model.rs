//! Content of a trace as values: the input of a live session, and the facts about the host that a later reader needs.

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

/// One entry between two ticks. Entries are in the order in which the session received them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly all are events, and a box would be an allocation for each")]
pub enum Entry {
    /// An event that matched the filter.
    Event(Event),
    /// Name of a process, in place of that of its first stalled thread.
    Name {
        /// Process id.
        pid: u32,
        /// Start of the process in ns, where it was read.
        process_start_ns: Option<u64>,
        /// Name of the process.
        comm: Comm,
    },
    /// Membership of a process in the command that memtrace started.
    Mark {
        /// Process id.
        pid: u32,
        /// Start of the process in ns, where it was read.
        process_start_ns: Option<u64>,
        /// True when it belongs to the command; `None` when it exited too soon.
        in_command: Option<bool>,
    },
}

/// A tick as the trace holds it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TickRecord {
    /// Input of the session. Totals are since attach, whatever segment the tick is in.
    pub input: TickInput,
    /// `/proc/vmstat` since boot, in the order of [`HostFacts::vmstat_names`]; empty when it was not read.
    pub vmstat: Vec<u64>,
    /// `/proc/meminfo` in bytes, in the order of [`HostFacts::meminfo_names`]; empty when it was not read.
    pub meminfo_bytes: Vec<u64>,
    /// Stalls since the previous tick that no event of the trace reports, by process. Only a reader fills it.
    pub unrecorded_processes: Vec<UnrecordedProcess>,
    /// Unreported stalls likewise by cgroup (`None`: not read). Only a reader fills it.
    pub unrecorded_cgroups: Vec<(Option<u64>, UnrecordedStalls)>,
}

/// Settings of the recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// Version of memtrace.
    pub version: Text,
    /// Command line of memtrace, word by word.
    pub argv: Vec<Text>,
    /// The command that it started, word by word; empty without one.
    pub command: Vec<Text>,
    /// When the hooks were attached, `CLOCK_MONOTONIC` in ns: the totals count from here.
    pub start_ns: u64,
    /// Length of a tick in ns.
    pub interval_ns: u64,
    /// memtrace's own process id.
    pub own_pid: u32,
    /// Filter for the recorded stalls.
    pub filter: Filter,
    /// Shortest stall that has an event in the trace, in ns; the totals count shorter ones, too.
    pub min_stall_ns: u64,
    /// The kinds whose hooks are attached.
    pub kinds: Vec<StallKind>,
    /// Accuracy of their durations: the whole stall, a lower bound or an estimate.
    pub sources: Sources,
    /// True when scanned pages are read.
    pub scans_read: bool,
    /// True when stalls are counted by stack.
    pub stacks: bool,
    /// True when MGLRU reclaims.
    pub mglru: bool,
    /// Faults that are read.
    pub faults_read: FaultsRead,
    /// The hooks, attached or not.
    pub hooks: Vec<HookRecord>,
    /// The kernel's names of the allocation flags, by bit.
    pub gfp_names: Vec<(u32, Text)>,
    /// True when new and removed cgroups have remarks of their own. In older traces, the first limit of a cgroup that
    /// had none may be that of a new cgroup.
    pub cgroup_remarks: bool,
}

/// The beginning of a segment: everything that its other blocks depend on.
#[derive(Clone, Debug, PartialEq)]
pub struct Meta {
    /// Random number, the same in all segments of a recording.
    pub recording: u64,
    /// Number of the segment in its recording, from 0.
    pub segment: u32,
    /// Number of the run, from 1; 0 when there is only one.
    pub run: u32,
    /// Settings of the recording.
    pub setup: Setup,
    /// The host.
    pub host: HostFacts,
    /// The clocks when the segment began.
    pub clock: ClockReading,
    /// The kernel's counters around the attaching, and facts needed to compare them.
    pub baseline: Baseline,
    /// Refaults of each node since boot, as the recording began: it counts from these values.
    pub nodes_from: Vec<NodeRefaults>,
    /// State of the host before the start; only in the first segment.
    pub at_start: Option<AtStart>,
    /// `/proc/vmstat` when the segment began, in the order of [`HostFacts::vmstat_names`].
    pub vmstat: Vec<u64>,
    /// `/proc/meminfo` when the segment began, in bytes, in the order of [`HostFacts::meminfo_names`].
    pub meminfo_bytes: Vec<u64>,
    /// The zones when the segment began.
    pub zones: Vec<Zone>,
    /// Last tick of the previous segment, on which the counters of this one build; `None` in the first.
    pub base: Option<TickRecord>,
}

impl Meta {
    /// Begin of the segment, `CLOCK_MONOTONIC` in ns.
    #[must_use]
    pub fn start_ns(&self) -> u64 {
        self.base.as_ref().map_or(self.setup.start_ns, |base| base.input.t_ns)
    }

    /// Memory and swap when the segment began, with the kernel's counters since boot; `None` when nothing was read.
    #[must_use]
    pub fn memory(&self) -> Option<Memory> {
        let HostFacts { meminfo_names, vmstat_names, page_size_bytes, .. } = &self.host;
        Memory::of(named(meminfo_names, &self.meminfo_bytes), named(vmstat_names, &self.vmstat), *page_size_bytes)
    }
}

/// A note in the trace, besides events and ticks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Time, `CLOCK_MONOTONIC` in ns.
    pub t_ns: u64,
    /// Kind of the remark.
    pub kind: RemarkKind,
    /// Text in words; for a trigger, the condition.
    pub text: Text,
}

/// Kind of a remark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemarkKind {
    /// An incident began: a condition was met, a process was OOM-killed, a signal came.
    Trigger,
    /// Events are no longer written: the disk is full or failed. Ticks go on while they fit.
    EventsStopped,
    /// A block of an experiment begins: [`BlockMark`](super::mark::BlockMark).
    BlockBegin,
    /// The block is over. The time between the two remarks was measured.
    BlockEnd,
    /// A setting has another value: [`Change`](memtrace_core::host_facts::change::Change).
    Changed,
    /// Cgroups with a limit are new or removed: [`CgroupChange`](memtrace_core::host_facts::cgroups::CgroupChange).
    Cgroups,
    /// A number that this version does not know.
    Unknown,
}

/// Reason for the end of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The recording is over.
    Done,
    /// The recording continues in the next segment.
    NextSegment,
    /// This file ends and the segment continues in another: an incident file is complete.
    FileComplete,
    /// A number that this version does not know.
    Unknown,
}

/// The regular end of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Time, `CLOCK_MONOTONIC` in ns.
    pub t_ns: u64,
    /// Reason for the end.
    pub reason: EndReason,
    /// Stalls that are still open, the longest first.
    pub open: Vec<OpenStall>,
    /// Total losses in user space, by number of the stage. Writing itself can lose entries.
    pub lost: [u64; memtrace_core::session::loss::Loss::COUNT],
}
