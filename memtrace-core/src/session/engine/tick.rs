//! Ends an interval: the row of a tick.

use memtrace_common::{kind::StallKind, totals};

use super::{Last, Session};
use crate::session::{
    faults::refaults_since,
    input::{HostSample, KernelTotals},
    interval,
    nodes::PrematureSleeps,
    open_time,
    tally::Tally,
    tick::{Interval, KswapdTick, Pressed, Reclaim, Tick},
};

impl Session {
    /// Ends an interval at `now_ns` (`CLOCK_MONOTONIC`), given the exact totals and a sample of the host.
    pub fn close_interval(&mut self, now_ns: u64, totals: &KernelTotals, host: &HostSample) -> Tick {
        let last = std::mem::take(&mut self.last);
        // A segment may begin in the middle of a stall.
        self.open_times.begin(last.t_ns, &totals.open);
        let open_ns = open_time::so_far(now_ns, &totals.open);
        let kinds = totals.stalls.iter().map(|(&kind, now)| {
            let (before, longest_ns) = (last.totals.stalls.get(&kind), self.longest_ns[kind as usize]);
            let open_ns = open_ns.get(&kind).copied().unwrap_or(0);
            (
                kind,
                interval::interval(now, before, longest_ns, |ended_ns| {
                    self.open_times.advance(kind, ended_ns, open_ns)
                }),
            )
        });
        let kinds = kinds.collect();
        let (all, latency) = interval::all_kinds(&kinds);
        let elapsed_ns = now_ns.saturating_sub(last.t_ns);
        let (scanned, reclaimed) = totals.reclaim_sums();
        let (scanned_before, reclaimed_before) = last.totals.reclaim_sums();
        let mut awake_ns = last.awake_ns;
        let kswapd = self.tick_kswapd(now_ns, totals, &last.totals, &mut awake_ns);
        let loss = self.ledger(totals);
        let oom_kills = self.oom_kills(totals);
        let coverage = self.coverage(totals, &loss, host);
        let uncovered = coverage.worse_than(&last.coverage).cloned().collect();
        let tick = Tick {
            t_ns: now_ns,
            elapsed_ns,
            all,
            latency,
            stalls: kinds.into_iter().map(|(kind, (interval, _))| (kind, interval)).collect(),
            matched: (!self.config.filter.is_empty())
                .then(|| Interval::of_tally(&self.matched_since, self.matched_inside_ns)),
            own_stalls: totals.own.count.saturating_sub(last.totals.own.count),
            own_stalled_ns: totals.own.total_ns.saturating_sub(last.totals.own.total_ns),
            rows: self.take_recent(
                kswapd.iter().map(|node| (node.nid, node.wakeups)),
                &totals.open,
                (now_ns, elapsed_ns),
            ),
            kswapd: self.config.kswapd_read.then_some(kswapd),
            reclaim: Reclaim::of(
                scanned.saturating_sub(scanned_before),
                reclaimed.saturating_sub(reclaimed_before),
                self.config.scans_read,
            )
            .with_scans_if(self.scans_reported(totals)),
            zones: host.zones.clone(),
            pressure: host.pressure,
            pressed: Pressed::since(host.pressure.as_ref(), last.pressure.as_ref(), elapsed_ns),
            memory: host.memory.map(|memory| memory.since(last.memory.as_ref())),
            refaults: totals.refaults.map(|now| refaults_since(now, last.totals.refaults.unwrap_or_default())),
            sampled: self.sampled_since.take(),
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
        self.matched_inside_ns = 0;
        let node_refaults = host.node_refaults.clone();
        self.last = Last {
            t_ns: now_ns,
            totals: totals.clone(),
            awake_ns,
            oom_kills,
            loss,
            own: host.own,
            memory: host.memory,
            pressure: host.pressure,
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
        let scans_reported = self.scans_reported(totals);
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
                    scans_reported,
                ),
            });
        }
        nodes
    }

    pub(super) fn oom_kills(&self, totals: &KernelTotals) -> u64 {
        self.ooms.seen().saturating_add(totals.loss.get(totals::Loss::RingOom.name()).copied().unwrap_or(0))
    }

    /// True where this kernel reports kswapd's scans. An MGLRU without an event for them leaves all at zero while
    /// reclaim is at work.
    pub(super) fn scans_reported(&self, totals: &KernelTotals) -> bool {
        let (scanned, reclaimed) = totals.reclaim_sums();
        let at_work = reclaimed > 0 || totals.kswapd.values().any(|node| node.wakes > 0);
        self.config.scans_read && !(self.config.mglru && scanned == 0 && at_work)
    }
}
