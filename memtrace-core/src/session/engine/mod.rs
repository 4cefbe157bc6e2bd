//! The session itself: takes events and ticks, and hands out ticks and the summary.

mod ingest;
mod nodes;
mod recent;
mod summary;
mod tick;
mod unrecorded;

use memtrace_common::{kind::StallKind, totals};

use super::{
    counters::Baseline,
    coverage::Coverage,
    evictors::{ByMemory, EvictorSummary, EvictorTable},
    faults::FaultsRead,
    filter::{CgroupNames, Filter},
    input::{KernelTotals, NodeRefaults, OpenStall, OwnCost, Pressure, Reported, TickInput},
    kswapd::Kswapds,
    loss::{Ledger, Loss},
    memory::Memory,
    nodes::PrematureSleeps,
    oom::OomKills,
    open_time::OpenTimes,
    process::{ProcessKey, ProcessLabel},
    recent::Recent,
    sampled::Sampled,
    stacks::{StackDeltas, StackTable},
    table::Table,
    tail::Tails,
    tally::{KindTally, Tally},
    window::{self, Window},
};
use crate::{
    event::{Comm, Constraint, Event, Oom, Stall},
    hook::{HookId, HookSet},
    source::Sources,
    sum,
};

/// Settings of a session.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// `CLOCK_MONOTONIC` at attach, in ns: the totals count from here.
    pub start_ns: u64,
    /// memtrace's own process id, whose stalls are counted separately.
    pub own_pid: u32,
    /// The stalls to show and to count in the tables.
    pub filter: Filter,
    /// The shrink hook is attached: scanned pages are read.
    pub scans_read: bool,
    /// The wakes of kswapd are read, and with them its work.
    pub kswapd_read: bool,
    /// The fault counts that are read.
    pub faults_read: FaultsRead,
    /// Relation of the durations of each kind to the true stall.
    pub sources: Sources,
    /// MGLRU reclaims: before 8c2214fc9a47 (mm: multi-gen LRU: reuse some legacy trace events), as on 6.1, it has no
    /// event for its scans.
    pub mglru: bool,
    /// Number of rows for processes.
    pub processes: usize,
    /// Number of rows for cgroups.
    pub cgroups: usize,
    /// Number of OOM kills that are kept.
    pub ooms: usize,
    /// A trace file is written or read: losses of the writer are a stage of loss.
    pub recorded: bool,
    /// Ticks have rows of the interval.
    pub rows: bool,
    /// Stacks of stalls are counted.
    pub stacks: bool,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            start_ns: 0,
            own_pid: 0,
            filter: Filter::default(),
            scans_read: true,
            kswapd_read: true,
            faults_read: FaultsRead::default(),
            sources: Sources::default(),
            mglru: false,
            processes: 1024,
            cgroups: 512,
            ooms: 256,
            recorded: false,
            rows: false,
            stacks: false,
        }
    }
}

/// The outcome of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The event is to be shown: it matches the filter and is not memtrace's own.
    pub shown: bool,
    /// The process has a new row: the caller may look up its name.
    pub new_process: bool,
    /// The cgroup has a new row.
    pub new_cgroup: bool,
}

/// State of the aggregation since the start.
#[derive(Debug)]
pub struct Session {
    config: SessionConfig,
    processes: Table<ProcessKey, ProcessLabel>,
    cgroups: Table<Option<u64>, ()>,
    kswapds: Kswapds,
    ooms: OomKills,
    /// Stalls that came as events, by kind, including those that do not match the filter; without memtrace's own.
    reported: [KindTally; StallKind::COUNT],
    matched: Tally,
    tails: Tails,
    /// True once a direct reclaim had no node, as in traces of older versions.
    has_placeless: bool,
    /// The longest stalls that came as events since the last tick, by kind, in ns.
    longest_ns: [u64; StallKind::COUNT],
    matched_since: Tally,
    /// Part of the time of `matched_since` that passed since the last tick, in ns.
    matched_inside_ns: u64,
    open_times: OpenTimes,
    recent: Option<Recent>,
    stacks: Option<StackTable>,
    /// Stacks of the interval, until its tick takes them.
    stacks_since: Option<StackDeltas>,
    /// Sampled refaults by evictor since the start; `None` until a tick reports some.
    evictors: Option<ByMemory<EvictorTable>>,
    /// Sampled refaults of the interval by evictor, until its tick takes them.
    evictors_since: Option<ByMemory<EvictorSummary>>,
    /// The intervals so far in which refaults were sampled.
    sampled: Option<Sampled>,
    /// The sampled part of the interval, until its tick takes it.
    sampled_since: Option<Sampled>,
    lost: [u64; Loss::COUNT],
    nodes_from: Vec<NodeRefaults>,
    /// Counters of the kernel with which ours are compared; `None` when they are not read.
    baseline: Option<Baseline>,
    /// Window of the session, when it does not begin at the attaching.
    window: Option<Window>,
    last: Last,
}

/// The state at the last tick.
#[derive(Debug, Default)]
struct Last {
    t_ns: u64,
    totals: KernelTotals,
    awake_ns: Vec<u64>,
    oom_kills: u64,
    loss: Ledger,
    own: OwnCost,
    memory: Option<Memory>,
    pressure: Option<Pressure>,
    node_refaults: Vec<NodeRefaults>,
    coverage: Coverage,
    premature_sleeps: Option<PrematureSleeps>,
}

impl Session {
    /// A session with all its memory allocated: [`Self::apply`] allocates nothing.
    #[must_use]
    pub fn new(config: SessionConfig) -> Self {
        let label = ProcessLabel { comm: Comm::default(), in_command: None, cgroup_id: None };
        let start_ns = config.start_ns;
        Self {
            processes: Table::new(config.processes, |n| (n, None), label),
            cgroups: Table::new(config.cgroups, |n| Some(u64::from(n)), ()),
            kswapds: Kswapds::new(start_ns),
            ooms: OomKills::new(config.ooms),
            reported: [KindTally::default(); StallKind::COUNT],
            matched: Tally::default(),
            tails: Tails::default(),
            has_placeless: false,
            longest_ns: [0; StallKind::COUNT],
            matched_since: Tally::default(),
            matched_inside_ns: 0,
            open_times: OpenTimes::default(),
            recent: config.rows.then(Recent::new),
            stacks: config.stacks.then(StackTable::default),
            stacks_since: None,
            evictors: None,
            evictors_since: None,
            sampled: None,
            sampled_since: None,
            lost: [0; Loss::COUNT],
            nodes_from: Vec::new(),
            baseline: None,
            window: None,
            last: Last { t_ns: start_ns, awake_ns: vec![0; totals::MAX_NODES as usize], ..Last::default() },
            config,
        }
    }

    /// Sets the facts that are known once the hooks are attached, before the first event: the start of the totals
    /// (`CLOCK_MONOTONIC`, in ns), the hooks that are attached, MGLRU, the faults that are read, and the relation of
    /// the durations of each kind to the true stall. Allocates nothing.
    pub fn begin(&mut self, start_ns: u64, hooks: HookSet, mglru: bool, faults_read: FaultsRead, sources: Sources) {
        self.config.faults_read = faults_read;
        self.config.sources = sources;
        self.config.start_ns = start_ns;
        self.config.scans_read = hooks.has(HookId::ShrinkInactive);
        self.config.kswapd_read = hooks.has(HookId::KswapdWake);
        self.config.mglru = mglru;
        self.kswapds.begin(start_ns);
        self.last.t_ns = start_ns;
    }

    /// Begins at a tick in the middle of a recording, before the first event after it. All counts start there.
    pub fn begin_at(&mut self, base: &TickInput) {
        self.config.start_ns = base.t_ns;
        self.last.t_ns = base.t_ns;
        self.kswapds.begin(base.t_ns);
        for (&nid, totals) in base.totals.kswapd.iter().filter(|(_, totals)| totals.last_ns > 0) {
            self.kswapds.begin_node(nid, totals.awake != 0);
        }
        let readings = window::readings(base);
        self.baseline = self.baseline.take().zip(readings).map(|(old, readings)| Baseline { readings, ..old });
        self.nodes_from.clone_from(&base.host.node_refaults);
        self.open_times.begin(base.t_ns, &base.totals.open);
        self.last.memory = base.host.memory;
        self.last.pressure = base.host.pressure;
        self.window = Some(Window::new(base));
    }

    /// Sets the kernel's counts of memory and swap before the first tick, as a base for the first interval.
    pub fn count_memory_from(&mut self, memory: Option<Memory>) {
        self.last.memory = memory;
    }

    /// Sets the kernel's counters around the attaching: from then on each tick compares ours with them.
    pub fn cover(&mut self, baseline: Baseline) {
        self.baseline = Some(baseline);
    }

    /// Takes one event. Allocates nothing. When an event has a new cgroup, the caller has put its path into `names`
    /// before, so that a filter on paths can match it.
    pub fn apply(&mut self, event: &Event, names: &dyn CgroupNames) -> Applied {
        match event {
            Event::Stall(stall) => self.apply_stall(stall, names),
            Event::Oom(oom) => {
                self.ooms.push(*oom);
                Applied { shown: true, ..Applied::default() }
            }
            Event::Freed(freed) => {
                self.ooms.freed(freed);
                Applied { shown: true, ..Applied::default() }
            }
            Event::Kswapd(kswapd) => {
                self.kswapds.apply(kswapd);
                if let Some(recent) = &mut self.recent {
                    recent.add_waker(kswapd);
                }
                Applied { shown: true, ..Applied::default() }
            }
        }
    }

    fn apply_stall(&mut self, stall: &Stall, names: &dyn CgroupNames) -> Applied {
        if stall.pid == self.config.own_pid {
            return Applied::default();
        }
        let kind = stall.kind as usize;
        self.reported[kind].count = self.reported[kind].count.saturating_add(1);
        self.reported[kind].total_ns = self.reported[kind].total_ns.saturating_add(stall.dur_ns);
        self.longest_ns[kind] = self.longest_ns[kind].max(stall.dur_ns);
        if !self.config.filter.matches(stall, names) {
            return Applied::default();
        }
        self.tails.add(stall);
        if stall.kind == StallKind::Direct {
            match stall.nid {
                Some(nid) => self.kswapds.count_direct(nid, stall.t_ns, stall.dur_ns),
                None => self.has_placeless = true,
            }
        }
        let inside_ns = stall.dur_ns.min(stall.t_ns.saturating_sub(self.last.t_ns));
        if !self.config.filter.is_empty() {
            self.matched.add(stall);
            self.matched_since.add(stall);
            self.matched_inside_ns = self.matched_inside_ns.saturating_add(inside_ns);
        }
        let label = ProcessLabel { comm: stall.comm, in_command: None, cgroup_id: stall.cgroup_id };
        let (process, new_process) = self.processes.row((stall.pid, stall.process_start_ns), label);
        process.label.cgroup_id = stall.cgroup_id;
        process.tally.add(stall);
        let (cgroup, new_cgroup) = self.cgroups.row(stall.cgroup_id, ());
        cgroup.tally.add(stall);
        if let Some(recent) = &mut self.recent {
            recent.add(stall, inside_ns);
        }
        Applied { shown: true, new_process, new_cgroup }
    }

    /// Sets the refaults of each node since boot at the start, as a base for their counts.
    pub fn count_nodes_from(&mut self, start: Vec<NodeRefaults>) {
        self.nodes_from = start;
    }

    /// Stalls that came as events so far, by kind.
    #[must_use]
    pub fn reported(&self) -> [Reported; StallKind::COUNT] {
        std::array::from_fn(|kind| Reported {
            count: self.reported[kind].count,
            total_ns: self.reported[kind].total_ns,
            longest_ns: self.longest_ns[kind],
        })
    }

    /// Number of losses in user space so far, by the number of [`Loss`].
    #[must_use]
    pub fn lost(&self) -> [u64; Loss::COUNT] {
        self.lost
    }

    /// Replaces the name of a process, which is first that of its first stalled thread. False when the process has no
    /// row.
    pub fn name_process(&mut self, pid: u32, process_start_ns: Option<u64>, comm: Comm) -> bool {
        self.processes.get_mut(&(pid, process_start_ns)).map(|row| row.label.comm = comm).is_some()
    }

    /// Sets whether a process belongs to the command that memtrace started. False when the process has no row.
    pub fn mark_process(&mut self, pid: u32, process_start_ns: Option<u64>, in_command: Option<bool>) -> bool {
        self.processes.get_mut(&(pid, process_start_ns)).map(|row| row.label.in_command = in_command).is_some()
    }

    /// Sets the limit of the latest OOM kill of this victim, from the kernel log. False when there is no such kill.
    pub fn refine_oom(&mut self, victim_pid: u32, constraint: Constraint) -> bool {
        self.ooms.refine(victim_pid, constraint)
    }

    /// The OOM kills that are kept, oldest first.
    pub fn ooms(&self) -> impl Iterator<Item = &Oom> {
        self.ooms.kept()
    }

    /// Adds `n` to the loss at a stage in user space. Allocates nothing.
    pub fn add_loss(&mut self, stage: Loss, n: u64) {
        self.lost[stage as usize] = self.lost[stage as usize].saturating_add(n);
    }

    /// Sets the loss since the start at a stage whose counter is kept elsewhere.
    pub fn set_loss(&mut self, stage: Loss, total: u64) {
        self.lost[stage as usize] = total;
    }

    /// Sets, at the end, the total losses in user space and the stalls that are not over: both may be known better by
    /// then than at the last tick.
    pub fn end(&mut self, lost: [u64; Loss::COUNT], open: &[OpenStall]) {
        let base = self.window.as_ref().map_or([0; Loss::COUNT], Window::lost);
        self.lost = std::array::from_fn(|stage| lost[stage].saturating_sub(base[stage]));
        self.last.totals.open = open.to_vec();
    }

    /// Losses so far, by stage; those of the kernel side as of the last tick.
    #[must_use]
    pub fn loss(&self) -> Ledger {
        self.ledger(&self.last.totals)
    }

    fn ledger(&self, totals: &KernelTotals) -> Ledger {
        let mut ledger = Ledger(totals.loss.clone());
        let is_shown = |stage: &Loss| match stage {
            Loss::Writer => self.config.recorded,
            Loss::Messages => self.lost[Loss::Messages as usize] > 0,
            _ => true,
        };
        for stage in Loss::ALL.into_iter().filter(is_shown) {
            sum::add(ledger.0.entry(stage.name()).or_default(), self.lost[stage as usize]);
        }
        ledger
    }
}
