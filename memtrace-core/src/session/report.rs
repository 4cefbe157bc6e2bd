//! What the session shows: a row per tick, and the summary.

use std::{collections::BTreeMap, sync::Arc};

use memtrace_common::{
    kind::StallKind,
    refault::RefaultCounts,
    totals::{self, OtherShrinks},
};

use super::{
    Last, ProcessKey, ProcessLabel, Session,
    coverage::{Coverage, Ours, RefaultTotals},
    faults::Faults,
    input::{HostSample, KernelTotals, KindTotals, NodeRefaults},
    loss::Ledger,
    nodes::PrematureSleeps,
    shrinkers::ShrinkerSummary,
    stacks::{StackKey, StackSum, StackTable},
    summary::{
        CgroupSummary, Group, KindSummary, NodeReclaim, Proactive, ProcessSummary, StackRow, StackSummary, Summary,
    },
    table::Row,
    tally::{KindTally, Tally},
    tick::{self, Interval, KswapdTick, Reclaim, Tick},
};

/// The most stalled first, then those with the most refaults.
fn order(tally: &Tally) -> std::cmp::Reverse<(u64, u64)> {
    std::cmp::Reverse((tally.total_ns, tally.faults.refaulted_pages()))
}

fn refaults_since(now: RefaultCounts, before: Option<RefaultCounts>) -> RefaultCounts {
    let before = Faults { refaults: before.unwrap_or_default(), ..Faults::default() };
    Faults { refaults: now, ..Faults::default() }.since(&before).refaults
}

impl Session {
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
        let coverage = self.coverage(totals, &loss, host);
        let uncovered = coverage.worse_than(&last.coverage).cloned().collect();
        let tick = Tick {
            t_ns: now_ns,
            elapsed_ns: now_ns.saturating_sub(last.t_ns),
            all: tick::all_kinds(&kinds),
            stalls: kinds.into_iter().map(|(kind, (interval, _))| (kind, interval)).collect(),
            matched: (!self.config.filter.is_empty()).then(|| Interval::of_tally(&self.matched_since)),
            own_stalls: totals.own.count.saturating_sub(last.totals.own.count),
            own_stalled_ns: totals.own.total_ns.saturating_sub(last.totals.own.total_ns),
            rows: self.take_recent(kswapd.iter().map(|node| (node.nid, node.wakeups))),
            kswapd,
            reclaim: Reclaim::of(
                scanned.saturating_sub(scanned_before),
                reclaimed.saturating_sub(reclaimed_before),
                self.config.scans_read,
            )
            .told(self.scans_told(totals)),
            zones: host.zones.clone(),
            pressure: host.pressure,
            memory: host.memory.map(|memory| memory.since(last.memory.as_ref())),
            refaults: totals.refaults.map(|now| refaults_since(now, last.totals.refaults)),
            faults_read: self.config.faults_read,
            open: totals.open.clone(),
            stacks: self.stacks_since.take(),
            evictors: self.evictors_since.take(),
            oom_kills: oom_kills.saturating_sub(last.oom_kills),
            loss: loss.since(&last.loss),
            own: host.own,
            coverage: coverage.clone(),
            uncovered,
        };
        self.longest_ns = [0; StallKind::COUNT];
        self.matched_since = Tally::default();
        let node_refaults = host.node_refaults.clone();
        self.last = Last {
            t_ns: now_ns,
            totals: totals.clone(),
            awake_ns,
            oom_kills,
            loss,
            own: host.own,
            memory: host.memory,
            node_refaults,
            coverage,
            premature_sleeps: PrematureSleeps::since(self.baseline.as_ref(), host.counters.as_ref()),
        };
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
        let scans_told = self.scans_told(totals);
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
                    scans_told,
                ),
            });
        }
        nodes
    }

    fn oom_kills(&self, totals: &KernelTotals) -> u64 {
        self.ooms.seen().saturating_add(totals.loss.get(totals::Loss::RingOom.name()).copied().unwrap_or(0))
    }

    fn kind_summary(&self, kind: StallKind, totals: &KindTotals) -> KindSummary {
        let slowest = self.tails.slowest(kind);
        KindSummary {
            p99_off_cpu_ns: slowest.as_ref().and_then(|slowest| slowest.off_cpu_ns),
            p99_off_cpu_estimated_ns: slowest.as_ref().and_then(|slowest| slowest.off_cpu_estimated_ns),
            p99_throttles: slowest.as_ref().map(|slowest| slowest.throttles).unwrap_or_default(),
            p99_parts: slowest.map(|slowest| slowest.parts),
            ..KindSummary::of(Some(kind), totals)
        }
    }

    /// The shrinkers of each kind that went through any.
    fn shrinkers(&self) -> BTreeMap<StallKind, ShrinkerSummary> {
        let shrinkers = &self.last.totals.shrinkers;
        let of_kind = |&kind: &StallKind| {
            let slowest = self.tails.slowest(kind).map(|slowest| slowest.shrinkers).unwrap_or_default();
            let summary = ShrinkerSummary { all: shrinkers.of_kind(kind), slowest: shrinkers.named(slowest) };
            (!summary.all.is_empty()).then_some((kind, summary))
        };
        self.last.totals.stalls.keys().filter_map(of_kind).collect()
    }

    fn stack_summary(&self, table: &StackTable) -> StackSummary {
        let row = |(key, sum): (StackKey, StackSum)| StackRow {
            stack: table.stack(key.stack).map(Arc::clone),
            kind: key.kind,
            pid: key.pid,
            comm: self.processes.get(&(key.pid, key.process_start_ns)).map(|row| row.label.comm),
            cgroup_id: key.cgroup_id,
            sum,
        };
        StackSummary { rows: table.rows().into_iter().map(row).collect(), other: table.other() }
    }

    /// What the session comes to, as of the last tick.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let totals = &self.last.totals;
        let (scanned, reclaimed) = tick::reclaim_sums(totals);
        Summary {
            t_ns: self.last.t_ns,
            duration_ns: self.last.t_ns.saturating_sub(self.config.start_ns),
            stalls: totals.stalls.iter().map(|(&kind, totals)| (kind, self.kind_summary(kind, totals))).collect(),
            shrinkers: self.shrinkers(),
            sources: self.config.sources,
            all: KindSummary::of(None, &sum_of_kinds(totals)),
            churn: None,
            incomplete: None,
            open: totals.open.clone(),
            matched: (!self.config.filter.is_empty()).then(|| self.matched.clone()),
            unattributed: self.unattributed(),
            processes: self.process_group(),
            cgroups: self.cgroup_group(),
            nodes: self.nodes(),
            reclaim: Reclaim::of(scanned, reclaimed, self.config.scans_read).told(self.scans_told(totals)),
            stacks: self.stacks.as_ref().map(|table| self.stack_summary(table)),
            evictors: self
                .evictors
                .as_ref()
                .map(|tables| tables.map(|table| table.summary(!self.config.filter.is_empty()))),
            ooms: self.ooms.kept().copied().collect(),
            oom_kills: self.oom_kills(totals),
            oom_calls: totals.oom_calls,
            loss: self.ledger(totals),
            proactive: totals.proactive.as_ref().map(Proactive::of),
            own_stalls: KindSummary::of(None, &totals.own),
            refaults: totals.refaults,
            own_refaults: totals.own_refaults,
            node_refaults: self.node_refaults(),
            node_reclaim: self.node_reclaim(),
            zones: totals.zones.clone(),
            premature_sleeps: self.last.premature_sleeps,
            faults_read: self.config.faults_read,
            own: self.last.own,
            coverage: self.last.coverage.clone(),
        }
    }

    fn coverage(&self, totals: &KernelTotals, loss: &Ledger, host: &HostSample) -> Coverage {
        let (Some(baseline), Some(now)) = (&self.baseline, &host.counters) else { return Coverage::default() };
        let ours = Ours {
            totals,
            loss,
            scans_read: self.config.scans_read,
            sources: self.config.sources,
            oom_kills: self.oom_kills(totals),
            ooms_pending: host.ooms_pending,
            oom_groups: self.ooms.groups(),
            refaults: totals.refaults.map(|all| {
                // The kernel's counters have memtrace's own in them.
                let own = totals.own_refaults.unwrap_or_default();
                RefaultTotals {
                    file_pages: all.file_pages.saturating_add(own.file_pages),
                    anon_pages: all.anon_pages.saturating_add(own.anon_pages),
                }
            }),
            cgroup: baseline.readings.after.cgroup.is_some().then_some(&self.matched),
            cgroup_refaults: totals.refaults.map(|_| self.matched_refaults()),
        };
        Coverage::new(baseline, now, &ours)
    }

    /// What stalls scanned and reclaimed of each node.
    fn node_reclaim(&self) -> Vec<NodeReclaim> {
        let totals = &self.last.totals;
        let told = self.scans_told(totals);
        let node = |(&nid, sum): (&u32, &OtherShrinks)| NodeReclaim {
            nid,
            reclaim: Reclaim::of(sum.scanned_pages, sum.reclaimed_pages, told),
        };
        totals.node_shrinks.iter().map(node).collect()
    }

    /// What each node's counters grew by. A node that came later counts from its first reading.
    fn node_refaults(&self) -> Vec<NodeRefaults> {
        let since_start = |now: &NodeRefaults| {
            let start = self.nodes_from.iter().find(|start| start.nid == now.nid).unwrap_or(now);
            NodeRefaults {
                nid: now.nid,
                file_pages: now.file_pages.saturating_sub(start.file_pages),
                anon_pages: now.anon_pages.saturating_sub(start.anon_pages),
            }
        };
        self.last.node_refaults.iter().map(since_start).collect()
    }

    /// The refaults of all cgroups that match the filter.
    fn matched_refaults(&self) -> RefaultTotals {
        let mut sum = self.cgroups.other().0.faults;
        self.cgroups.rows().iter().for_each(|row| sum.merge(&row.tally.faults));
        RefaultTotals { file_pages: sum.refaults.file_pages, anon_pages: sum.refaults.anon_pages }
    }

    /// What the exact totals count and no event told. Never negative: events of a tick may be ahead of its totals.
    fn unattributed(&self) -> KindTally {
        let mut rest = KindTally::default();
        for (&kind, totals) in &self.last.totals.stalls {
            let told = self.told[kind as usize];
            rest.count = rest.count.saturating_add(totals.count.saturating_sub(told.count));
            rest.total_ns = rest.total_ns.saturating_add(totals.total_ns.saturating_sub(told.total_ns));
        }
        rest
    }

    fn process_group(&self) -> Group<ProcessSummary> {
        let row = |row: &Row<ProcessKey, ProcessLabel>| ProcessSummary {
            pid: row.key.0,
            process_start_ns: row.key.1,
            comm: row.label.comm,
            in_command: row.label.in_command,
            cgroup_id: row.label.cgroup_id,
            tally: row.tally.clone(),
        };
        let mut rows: Vec<_> = self.processes.rows().iter().map(row).collect();
        rows.sort_by_key(|row| (order(&row.tally), row.pid, row.process_start_ns));
        let (other, folded) = self.processes.other();
        let other = self.with_rest(other, rows.iter().map(|row| &row.tally));
        Group { rows, other, folded }
    }

    fn cgroup_group(&self) -> Group<CgroupSummary> {
        let row = |row: &Row<Option<u64>, ()>| CgroupSummary { cgroup_id: row.key, tally: row.tally.clone() };
        let mut rows: Vec<_> = self.cgroups.rows().iter().map(row).collect();
        rows.sort_by_key(|row| (order(&row.tally), row.cgroup_id));
        let (other, folded) = self.cgroups.other();
        let other = self.with_rest(other, rows.iter().map(|row| &row.tally));
        Group { rows, other, folded }
    }

    /// What was folded away, with the refaults that the totals have and no row told: those for which the tables of the
    /// kernel side had no room. A filter asks for a part of them that nobody knows.
    fn with_rest<'a>(&self, folded: &Tally, rows: impl Iterator<Item = &'a Tally>) -> Tally {
        let mut other = folded.clone();
        if let (Some(all), true) = (self.last.totals.refaults, self.config.filter.is_empty()) {
            let mut told = folded.faults;
            rows.for_each(|row| told.merge(&row.faults));
            let told = Faults { refaults: told.refaults, ..Faults::default() };
            other.faults.merge(&Faults { refaults: all, ..Faults::default() }.since(&told));
        }
        other
    }

    /// Whether this kernel tells what kswapd scans. Under an MGLRU that has no event for it, all stays at zero while
    /// reclaim is at work.
    pub(super) fn scans_told(&self, totals: &KernelTotals) -> bool {
        let (scanned, reclaimed) = tick::reclaim_sums(totals);
        let at_work = reclaimed > 0 || totals.kswapd.values().any(|node| node.wakes > 0);
        self.config.scans_read && !(self.config.mglru && scanned == 0 && at_work)
    }
}

/// All kinds together, since attach.
fn sum_of_kinds(totals: &KernelTotals) -> KindTotals {
    let mut sum = KindTotals::default();
    for kind in totals.stalls.values() {
        sum.count = sum.count.saturating_add(kind.count);
        sum.total_ns = sum.total_ns.saturating_add(kind.total_ns);
        sum.max_ns = sum.max_ns.max(kind.max_ns);
        sum.throttled_ns = sum.throttled_ns.saturating_add(kind.throttled_ns);
        sum.throttles.add(kind.throttles);
        sum.scan_ns = sum.scan_ns.saturating_add(kind.scan_ns);
        sum.soft_limit_ns = sum.soft_limit_ns.saturating_add(kind.soft_limit_ns);
        sum.shrinkers_ns = sum.shrinkers_ns.saturating_add(kind.shrinkers_ns);
        sum.nested_ns = sum.nested_ns.saturating_add(kind.nested_ns);
        sum.latency.add(kind.latency.counts());
    }
    sum
}
