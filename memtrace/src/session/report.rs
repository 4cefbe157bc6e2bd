//! What the session shows: a row per tick, and the summary.

use memtrace_common::{kind::StallKind, totals};

use super::{
    Last, ProcessKey, ProcessLabel, Session,
    input::{HostSample, KernelTotals, KindTotals},
    summary::{CgroupSummary, Group, KindSummary, NodeSummary, ProcessSummary, Summary},
    table::Row,
    tally::{KindTally, Tally},
    tick::{self, Interval, KswapdTick, Reclaim, Tick},
};

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
            )
            .told(self.scans_told(totals)),
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
            reclaim: Reclaim::of(scanned, reclaimed, self.config.scans_read).told(self.scans_told(totals)),
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
        let row = |row: &Row<ProcessKey, ProcessLabel>| ProcessSummary {
            pid: row.key.0,
            process_start_ns: row.key.1,
            comm: row.label.comm,
            in_command: row.label.in_command,
            cgroup_id: row.label.cgroup_id,
            tally: row.tally.clone(),
        };
        let mut rows: Vec<_> = self.processes.rows().iter().map(row).collect();
        rows.sort_by_key(|row| (std::cmp::Reverse(row.tally.total_ns), row.pid, row.process_start_ns));
        let (other, folded) = self.processes.other();
        Group { rows, other: other.clone(), folded }
    }

    fn cgroup_group(&self) -> Group<CgroupSummary> {
        let row = |row: &Row<Option<u64>, ()>| CgroupSummary { cgroup_id: row.key, tally: row.tally.clone() };
        let mut rows: Vec<_> = self.cgroups.rows().iter().map(row).collect();
        rows.sort_by_key(|row| (std::cmp::Reverse(row.tally.total_ns), row.cgroup_id));
        let (other, folded) = self.cgroups.other();
        Group { rows, other: other.clone(), folded }
    }

    /// Whether this kernel tells what kswapd scans. Under an MGLRU that has no event for it, all stays at zero while
    /// reclaim is at work.
    fn scans_told(&self, totals: &KernelTotals) -> bool {
        let (scanned, reclaimed) = tick::reclaim_sums(totals);
        let at_work = reclaimed > 0 || totals.kswapd.values().any(|node| node.wakes > 0);
        self.config.scans_read && !(self.config.mglru && scanned == 0 && at_work)
    }

    fn nodes(&self) -> Vec<NodeSummary> {
        let scans_told = self.scans_told(&self.last.totals);
        let node = |(&nid, totals): (&u32, &totals::KswapdTotals)| NodeSummary {
            nid,
            wakes: totals.wakes,
            sleeps: totals.sleeps,
            wakeups: totals.wakeups,
            awake_ns: self.kswapds.awake_ns(nid),
            busy_ns: totals.busy_ns,
            awake: totals.awake != 0,
            reclaim: Reclaim::of(totals.scanned_pages, totals.reclaimed_pages, scans_told),
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
