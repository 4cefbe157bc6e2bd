//! The session: events and ticks in, what every view shows out. It never looks at a clock, a file or a terminal.
//!
//! Exact totals come from the kernel side at each tick; who stalled comes from events, of which a full ring loses
//! some. What the totals count and no event told is shown as `unattributed`, so that the two always add up.

pub mod filter;
pub mod histogram;
pub mod input;
mod kswapd;
pub mod loss;
mod oom;
pub mod summary;
mod table;
pub mod tally;
pub mod tick;

use memtrace_common::{kind::StallKind, totals};

use self::{
    filter::{CgroupNames, Filter},
    input::{HostSample, KernelTotals, KindTotals},
    kswapd::Kswapds,
    loss::{Ledger, Loss},
    oom::OomKills,
    summary::{CgroupSummary, Group, KindSummary, NodeSummary, ProcessSummary, Summary},
    table::Table,
    tally::{KindTally, Tally},
    tick::{Interval, KswapdTick, Reclaim, Tick},
};
use crate::event::{Comm, Constraint, Event, Oom, Stall};

/// How a session is made.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// `CLOCK_MONOTONIC` at attach, in ns: the totals count from here.
    pub start_ns: u64,
    /// memtrace's own process id, whose stalls are kept apart.
    pub own_pid: u32,
    /// Which stalls are shown and counted in the tables.
    pub filter: Filter,
    /// Whether pages scanned are read at all (the shrink hook is attached).
    pub scans_read: bool,
    /// Rows for processes.
    pub processes: usize,
    /// Rows for cgroups.
    pub cgroups: usize,
    /// OOM kills that are kept.
    pub ooms: usize,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            start_ns: 0,
            own_pid: 0,
            filter: Filter::default(),
            scans_read: true,
            processes: 1024,
            cgroups: 512,
            ooms: 256,
        }
    }
}

/// What the session made of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// It is to be shown: it matches the filter and is not memtrace's own.
    pub shown: bool,
    /// Its process has a new row: the caller may learn its name.
    pub new_process: bool,
    /// Its cgroup has a new row.
    pub new_cgroup: bool,
}

/// Which process: the pid, and its start where it was read, which tells a reused pid apart.
type ProcessKey = (u32, Option<u64>);

/// What is known of a process beside its stalls.
#[derive(Clone, Copy, Debug)]
struct ProcessLabel {
    comm: Comm,
    cgroup_id: Option<u64>,
}

/// Everything that is known since the start.
#[derive(Debug)]
pub struct Session {
    config: SessionConfig,
    processes: Table<ProcessKey, ProcessLabel>,
    cgroups: Table<Option<u64>, ()>,
    kswapds: Kswapds,
    ooms: OomKills,
    /// All that events told, whether it matched or not; memtrace's own apart.
    told: [KindTally; StallKind::COUNT],
    matched: Tally,
    /// The longest stalls that events told since the last tick, by kind, in ns.
    longest_ns: [u64; StallKind::COUNT],
    matched_since: Tally,
    lost: [u64; Loss::COUNT],
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
    own: input::OwnCost,
}

impl Session {
    /// A session with all its memory allocated: [`Self::apply`] allocates nothing.
    #[must_use]
    pub fn new(config: SessionConfig) -> Self {
        let label = ProcessLabel { comm: Comm::default(), cgroup_id: None };
        let start_ns = config.start_ns;
        Self {
            processes: Table::new(config.processes, |n| (n, None), label),
            cgroups: Table::new(config.cgroups, |n| Some(u64::from(n)), ()),
            kswapds: Kswapds::new(start_ns),
            ooms: OomKills::new(config.ooms),
            told: [KindTally::default(); StallKind::COUNT],
            matched: Tally::default(),
            longest_ns: [0; StallKind::COUNT],
            matched_since: Tally::default(),
            lost: [0; Loss::COUNT],
            last: Last { t_ns: start_ns, awake_ns: vec![0; totals::MAX_NODES as usize], ..Last::default() },
            config,
        }
    }

    /// Takes one event. Allocates nothing. The caller has put the path of a cgroup that it sees for the first time
    /// into `names` before, so that a filter on paths can judge it.
    pub fn apply(&mut self, event: &Event, names: &dyn CgroupNames) -> Applied {
        match event {
            Event::Stall(stall) => self.apply_stall(stall, names),
            Event::Oom(oom) => {
                self.ooms.push(*oom);
                Applied { shown: true, ..Applied::default() }
            }
            Event::Kswapd(kswapd) => {
                self.kswapds.apply(kswapd);
                Applied { shown: true, ..Applied::default() }
            }
        }
    }

    fn apply_stall(&mut self, stall: &Stall, names: &dyn CgroupNames) -> Applied {
        if stall.pid == self.config.own_pid {
            return Applied::default();
        }
        let kind = stall.kind as usize;
        self.told[kind].count += 1;
        self.told[kind].total_ns = self.told[kind].total_ns.saturating_add(stall.dur_ns);
        self.longest_ns[kind] = self.longest_ns[kind].max(stall.dur_ns);
        if !self.config.filter.matches(stall, names) {
            return Applied::default();
        }
        self.matched.add(stall);
        self.matched_since.add(stall);
        let label = ProcessLabel { comm: stall.comm, cgroup_id: stall.cgroup_id };
        let (process, new_process) = self.processes.row((stall.pid, stall.process_start_ns), label);
        process.label.cgroup_id = stall.cgroup_id;
        process.tally.add(stall);
        let (cgroup, new_cgroup) = self.cgroups.row(stall.cgroup_id, ());
        cgroup.tally.add(stall);
        Applied { shown: true, new_process, new_cgroup }
    }

    /// Gives a process its own name, in place of that of its first stalled thread.
    pub fn name_process(&mut self, pid: u32, process_start_ns: Option<u64>, comm: Comm) {
        if let Some(row) = self.processes.get_mut(&(pid, process_start_ns)) {
            row.label.comm = comm;
        }
    }

    /// Says which limit the latest OOM kill of this victim enforced (from the kernel log). False when there is none.
    pub fn refine_oom(&mut self, victim_pid: u32, constraint: Constraint) -> bool {
        self.ooms.refine(victim_pid, constraint)
    }

    /// The OOM kills that are kept, oldest first.
    pub fn ooms(&self) -> impl Iterator<Item = &Oom> {
        self.ooms.kept()
    }

    /// Counts `n` more lost at a stage in user space. Allocates nothing.
    pub fn add_loss(&mut self, stage: Loss, n: u64) {
        self.lost[stage as usize] = self.lost[stage as usize].saturating_add(n);
    }

    /// Sets what was lost at a stage whose counter is kept elsewhere, since the start.
    pub fn set_loss(&mut self, stage: Loss, total: u64) {
        self.lost[stage as usize] = total;
    }

    /// What was lost so far, by stage; the kernel side's as of the last tick.
    #[must_use]
    pub fn loss(&self) -> Ledger {
        self.ledger(&self.last.totals)
    }

    fn ledger(&self, totals: &KernelTotals) -> Ledger {
        let mut ledger = Ledger(totals.loss.clone());
        for stage in Loss::ALL {
            *ledger.0.entry(stage.name()).or_default() += self.lost[stage as usize];
        }
        ledger
    }

    /// Ends an interval at `now_ns` (`CLOCK_MONOTONIC`), given the exact totals and a sample of the host.
    pub fn tick(&mut self, now_ns: u64, totals: &KernelTotals, host: &HostSample) -> Tick {
        let last = std::mem::take(&mut self.last);
        let kinds = totals.stalls.iter().map(|(&kind, now)| {
            (kind, tick::interval(now, last.totals.stalls.get(&kind), self.longest_ns[kind as usize]))
        });
        let kinds = kinds.collect();
        let (scanned, reclaimed) = tick::reclaim_sums(totals);
        let (scanned_before, reclaimed_before) = tick::reclaim_sums(&last.totals);
        let mut awake_ns = last.awake_ns;
        let kswapd = self.tick_kswapd(now_ns, totals, &last.totals, &mut awake_ns);
        let loss = self.ledger(totals);
        let oom_kills = self.oom_kills(totals);
        let tick = Tick {
            t_ns: now_ns,
            elapsed_ns: now_ns.saturating_sub(last.t_ns),
            all: tick::all_kinds(&kinds),
            stalls: kinds.into_iter().map(|(kind, (interval, _))| (kind, interval)).collect(),
            matched: (!self.config.filter.is_empty()).then(|| Interval::of_tally(&self.matched_since)),
            own_stalls: totals.own.count.saturating_sub(last.totals.own.count),
            own_stalled_ns: totals.own.total_ns.saturating_sub(last.totals.own.total_ns),
            kswapd,
            reclaim: Reclaim::of(
                scanned.saturating_sub(scanned_before),
                reclaimed.saturating_sub(reclaimed_before),
                self.config.scans_read,
            ),
            zones: tick::tightest_zones(host),
            pressure: host.pressure,
            oom_kills: oom_kills.saturating_sub(last.oom_kills),
            loss: loss.since(&last.loss),
            own: host.own,
        };
        self.longest_ns = [0; StallKind::COUNT];
        self.matched_since = Tally::default();
        self.last = Last { t_ns: now_ns, totals: totals.clone(), awake_ns, oom_kills, loss, own: host.own };
        tick
    }

    fn tick_kswapd(
        &mut self,
        now_ns: u64,
        totals: &KernelTotals,
        before: &KernelTotals,
        awake_ns: &mut [u64],
    ) -> Vec<KswapdTick> {
        let mut nodes = Vec::with_capacity(totals.kswapd.len());
        for (&nid, now) in &totals.kswapd {
            let old = before.kswapd.get(&nid).copied().unwrap_or_default();
            self.kswapds.tick(nid, now, now_ns);
            let awake = self.kswapds.awake_ns(nid);
            let awake_before = awake_ns.get_mut(nid as usize).map_or(0, |slot| std::mem::replace(slot, awake));
            nodes.push(KswapdTick {
                nid,
                awake: now.awake != 0,
                awake_ns: awake.saturating_sub(awake_before),
                busy_ns: now.busy_ns.saturating_sub(old.busy_ns),
                wakes: now.wakes.saturating_sub(old.wakes),
                sleeps: now.sleeps.saturating_sub(old.sleeps),
                wakeups: now.wakeups.saturating_sub(old.wakeups),
                reclaim: Reclaim::of(
                    now.scanned_pages.saturating_sub(old.scanned_pages),
                    now.reclaimed_pages.saturating_sub(old.reclaimed_pages),
                    self.config.scans_read,
                ),
            });
        }
        nodes
    }

    fn oom_kills(&self, totals: &KernelTotals) -> u64 {
        self.ooms.seen() + totals.loss.get(totals::Loss::RingOom.name()).copied().unwrap_or(0)
    }

    /// What the session comes to, as of the last tick.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let totals = &self.last.totals;
        let (scanned, reclaimed) = tick::reclaim_sums(totals);
        Summary {
            t_ns: self.last.t_ns,
            duration_ns: self.last.t_ns.saturating_sub(self.config.start_ns),
            stalls: totals.stalls.iter().map(|(&kind, totals)| (kind, KindSummary::of(totals))).collect(),
            all: KindSummary::of(&sum_of_kinds(totals)),
            matched: (!self.config.filter.is_empty()).then(|| self.matched.clone()),
            unattributed: self.unattributed(),
            processes: self.process_group(),
            cgroups: self.cgroup_group(),
            nodes: self.nodes(),
            reclaim: Reclaim::of(scanned, reclaimed, self.config.scans_read),
            ooms: self.ooms.kept().copied().collect(),
            oom_kills: self.oom_kills(totals),
            loss: self.ledger(totals),
            own_stalls: KindSummary::of(&totals.own),
            own: self.last.own,
        }
    }

    /// What the exact totals count and no event told. Never negative: events of a tick may be ahead of its totals.
    fn unattributed(&self) -> KindTally {
        let mut rest = KindTally::default();
        for (&kind, totals) in &self.last.totals.stalls {
            let told = self.told[kind as usize];
            rest.count += totals.count.saturating_sub(told.count);
            rest.total_ns = rest.total_ns.saturating_add(totals.total_ns.saturating_sub(told.total_ns));
        }
        rest
    }

    fn process_group(&self) -> Group<ProcessSummary> {
        let row = |row: &table::Row<ProcessKey, ProcessLabel>| ProcessSummary {
            pid: row.key.0,
            process_start_ns: row.key.1,
            comm: row.label.comm,
            cgroup_id: row.label.cgroup_id,
            tally: row.tally.clone(),
        };
        let mut rows: Vec<_> = self.processes.rows().iter().map(row).collect();
        rows.sort_by_key(|row| (std::cmp::Reverse(row.tally.total_ns), row.pid, row.process_start_ns));
        let (other, folded) = self.processes.other();
        Group { rows, other: other.clone(), folded }
    }

    fn cgroup_group(&self) -> Group<CgroupSummary> {
        let row = |row: &table::Row<Option<u64>, ()>| CgroupSummary { cgroup_id: row.key, tally: row.tally.clone() };
        let mut rows: Vec<_> = self.cgroups.rows().iter().map(row).collect();
        rows.sort_by_key(|row| (std::cmp::Reverse(row.tally.total_ns), row.cgroup_id));
        let (other, folded) = self.cgroups.other();
        Group { rows, other: other.clone(), folded }
    }

    fn nodes(&self) -> Vec<NodeSummary> {
        let node = |(&nid, totals): (&u32, &totals::KswapdTotals)| NodeSummary {
            nid,
            wakes: totals.wakes,
            sleeps: totals.sleeps,
            wakeups: totals.wakeups,
            awake_ns: self.kswapds.awake_ns(nid),
            busy_ns: totals.busy_ns,
            awake: totals.awake != 0,
            reclaim: Reclaim::of(totals.scanned_pages, totals.reclaimed_pages, self.config.scans_read),
            top_waker: self.kswapds.top_waker(nid),
        };
        self.last.totals.kswapd.iter().map(node).collect()
    }
}

/// All kinds together, since attach.
fn sum_of_kinds(totals: &KernelTotals) -> KindTotals {
    let mut sum = KindTotals::default();
    for kind in totals.stalls.values() {
        sum.count += kind.count;
        sum.total_ns = sum.total_ns.saturating_add(kind.total_ns);
        sum.max_ns = sum.max_ns.max(kind.max_ns);
        sum.throttled_ns = sum.throttled_ns.saturating_add(kind.throttled_ns);
        sum.soft_limit_ns = sum.soft_limit_ns.saturating_add(kind.soft_limit_ns);
        sum.latency.add(kind.latency.counts());
    }
    sum
}

#[cfg(test)]
mod tests;
