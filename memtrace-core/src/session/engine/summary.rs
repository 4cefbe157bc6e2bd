//! The summary of a session.

use std::{collections::BTreeMap, sync::Arc};

use memtrace_common::{kind::StallKind, totals::OtherShrinks};

use super::Session;
use crate::session::{
    coverage::{Coverage, Ours},
    faults::Faults,
    faults::RefaultTotals,
    input::{HostSample, KernelTotals, KindTotals, NodeRefaults},
    loss::Ledger,
    process::{ProcessKey, ProcessLabel},
    shrinkers::ShrinkerSummary,
    stacks::{StackKey, StackSum, StackTable},
    summary::{
        CgroupSummary, Group, KindSummary, NodeReclaim, Proactive, ProcessSummary, StackRow, StackSummary, Summary,
    },
    table::Row,
    tally::{KindTally, Tally},
    tick::Reclaim,
};

/// The most stalled first, then those with the most refaults.
fn order(tally: &Tally) -> std::cmp::Reverse<(u64, u64)> {
    std::cmp::Reverse((tally.total_ns, tally.faults.refaulted_pages()))
}

impl Session {
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

    /// Summary of the session, as of the last tick.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let totals = &self.last.totals;
        let (scanned, reclaimed) = totals.reclaim_sums();
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
            reclaim: Reclaim::of(scanned, reclaimed, self.config.scans_read).with_scans_if(self.scans_reported(totals)),
            stacks: self.stacks.as_ref().map(|table| self.stack_summary(table)),
            evictors: self
                .evictors
                .as_ref()
                .map(|tables| tables.map(|table| table.summary(!self.config.filter.is_empty()))),
            ooms: self.ooms.kept().copied().collect(),
            oom_kills: self.oom_kills(totals),
            counts: totals.counts,
            loss: self.ledger(totals),
            proactive: totals.proactive.as_ref().map(Proactive::of),
            own_stalls: KindSummary::of(None, &totals.own),
            refaults: totals.refaults,
            own_refaults: totals.own_refaults,
            node_refaults: self.node_refaults(),
            node_reclaim: self.node_reclaim(),
            zones: totals.zones.clone(),
            premature_sleeps: self.last.premature_sleeps,
            sampled: self.sampled,
            faults_read: self.config.faults_read,
            own: self.last.own,
            coverage: self.last.coverage.clone(),
        }
    }

    pub(super) fn coverage(&self, totals: &KernelTotals, loss: &Ledger, host: &HostSample) -> Coverage {
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
                // The kernel's counters include memtrace's own refaults.
                let own = totals.own_refaults.unwrap_or_default();
                RefaultTotals {
                    file_pages: all.file_pages.saturating_add(own.file_pages),
                    anon_pages: all.anon_pages.saturating_add(own.anon_pages),
                }
            }),
            cgroup: baseline.readings.after.cgroup.is_some().then_some(&self.matched),
            cgroup_refaults: totals.refaults.map(|_| self.matched_refaults()),
            refaults_sampled: self.sampled.is_some(),
        };
        Coverage::new(baseline, now, &ours)
    }

    /// Pages that stalls scanned and reclaimed, by node.
    fn node_reclaim(&self) -> Vec<NodeReclaim> {
        let totals = &self.last.totals;
        let known = self.scans_reported(totals);
        let node = |(&nid, sum): (&u32, &OtherShrinks)| NodeReclaim {
            nid,
            reclaim: Reclaim::of(sum.scanned_pages, sum.reclaimed_pages, known),
        };
        totals.node_shrinks.iter().map(node).collect()
    }

    /// Growth of the counters of each node. A node that appeared later counts from its first reading.
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

    /// The difference between the exact totals and the events. Never negative: events of a tick may be ahead of its
    /// totals.
    fn unattributed(&self) -> KindTally {
        let mut rest = KindTally::default();
        for (&kind, totals) in &self.last.totals.stalls {
            let reported = self.reported[kind as usize];
            rest.count = rest.count.saturating_add(totals.count.saturating_sub(reported.count));
            rest.total_ns = rest.total_ns.saturating_add(totals.total_ns.saturating_sub(reported.total_ns));
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
        let (other, refaults_in_no_row) = self.with_rest(other, rows.iter().map(|row| &row.tally));
        Group { rows, other, folded, refaults_in_no_row }
    }

    fn cgroup_group(&self) -> Group<CgroupSummary> {
        let row = |row: &Row<Option<u64>, ()>| CgroupSummary { cgroup_id: row.key, tally: row.tally.clone() };
        let mut rows: Vec<_> = self.cgroups.rows().iter().map(row).collect();
        rows.sort_by_key(|row| (order(&row.tally), row.cgroup_id));
        let (other, folded) = self.cgroups.other();
        let (other, refaults_in_no_row) = self.with_rest(other, rows.iter().map(|row| &row.tally));
        Group { rows, other, folded, refaults_in_no_row }
    }

    /// The folded rows, plus the refaults that are in the totals and in no row: the kernel side's tables had no room
    /// for them. With a filter it is unknown which of these match, and they are left out. True when there are any.
    fn with_rest<'a>(&self, folded: &Tally, rows: impl Iterator<Item = &'a Tally>) -> (Tally, bool) {
        let (mut other, mut has_rest) = (folded.clone(), false);
        if let (Some(all), true) = (self.last.totals.refaults, self.config.filter.is_empty()) {
            let mut known = folded.faults;
            rows.for_each(|row| known.merge(&row.faults));
            let known = Faults { refaults: known.refaults, ..Faults::default() };
            let rest = Faults { refaults: all, ..Faults::default() }.since(&known);
            has_rest = !rest.is_empty();
            other.faults.merge(&rest);
        }
        (other, has_rest)
    }
}

/// All kinds together, since attach.
fn sum_of_kinds(totals: &KernelTotals) -> KindTotals {
    let mut sum = KindTotals::default();
    for kind in totals.stalls.values() {
        sum.count = sum.count.saturating_add(kind.count);
        sum.total_ns = sum.total_ns.saturating_add(kind.total_ns);
        sum.max_ns = sum.max_ns.max(kind.max_ns);
        sum.spent.merge(&kind.spent);
        sum.throttles.add(kind.throttles);
        sum.latency.add(kind.latency.counts());
    }
    sum
}
