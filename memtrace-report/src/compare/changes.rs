//! Largest changes: processes by name, cgroups by path, kinds of stall and their parts, nodes.

use std::{collections::BTreeMap, sync::Arc};

use memtrace_common::kind::StallKind;

use super::{
    number::differ,
    run::{Run, Side},
};
use memtrace_core::{
    session::summary::{KindSummary, Summary},
    untrusted::Untrusted,
};

/// Subject of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Kind of stall: stalled s/s.
    Kind,
    /// Part of the stalls of a kind: s/s.
    Part,
    /// Memory cgroup: stalled s/s.
    Cgroup,
    /// All processes of a name: stalled s/s.
    Process,
    /// NUMA node: seconds of work of its kswapd per second.
    Node,
}

impl Scope {
    /// All, in the order of the tables.
    pub const ALL: [Self; 5] = [Self::Kind, Self::Part, Self::Cgroup, Self::Process, Self::Node];

    /// Name in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Part => "part",
            Self::Cgroup => "cgroup",
            Self::Process => "process",
            Self::Node => "node",
        }
    }

    /// The metric of its rows.
    #[must_use]
    pub const fn metric(self) -> &'static str {
        match self {
            Self::Node => "kswapd.busy",
            _ => "stall.total",
        }
    }
}

/// A change of one subject, which is not tested.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Sort of subject.
    pub scope: Scope,
    /// Name of the subject, escaped.
    pub name: String,
    /// Before and after, in s per second.
    pub values: [f64; 2],
}

/// Rows of each scope.
const ROWS: usize = 3;

/// Time of each subject in a run, in s per second.
pub(super) fn groups(summary: &Summary, paths: &BTreeMap<u64, Arc<[u8]>>) -> BTreeMap<(Scope, String), f64> {
    let mut groups = BTreeMap::new();
    let text = |bytes: &[u8]| Untrusted(bytes).tty().to_string();
    #[expect(clippy::cast_precision_loss, reason = "times of a recording")]
    let mut add = |scope, name: String, ns: u64| {
        if ns > 0 && summary.duration_ns > 0 {
            *groups.entry((scope, name)).or_default() += ns as f64 / summary.duration_ns as f64;
        }
    };
    of_kinds(&summary.stalls).into_iter().for_each(|((scope, name), ns)| add(scope, name, ns));
    for row in &summary.processes.rows {
        add(Scope::Process, text(row.comm.bytes()), row.tally.total_ns);
    }
    for row in &summary.cgroups.rows {
        let path = row.cgroup_id.map(|id| paths.get(&id).map_or_else(|| format!("(id {id})"), |path| text(path)));
        add(Scope::Cgroup, path.unwrap_or_else(|| "- (not read)".to_owned()), row.tally.total_ns);
    }
    for (scope, other) in [(Scope::Process, &summary.processes.other), (Scope::Cgroup, &summary.cgroups.other)] {
        add(scope, "other".to_owned(), other.total_ns);
    }
    for node in &summary.nodes {
        add(Scope::Node, node.nid.to_string(), node.busy_ns);
    }
    groups
}

/// Time of each kind of stall and of its parts, in ns.
fn of_kinds(stalls: &BTreeMap<StallKind, KindSummary>) -> Vec<((Scope, String), u64)> {
    let mut times = Vec::new();
    for (kind, stalls) in stalls {
        times.push(((Scope::Kind, kind.name().to_owned()), stalls.total_ns));
        let parts = stalls.parts.named();
        times.extend(parts.map(|(part, ns)| ((Scope::Part, part_of(kind.name(), part)), ns)));
    }
    times
}

fn part_of(kind: &str, part: &str) -> String {
    format!("{kind}/{part}")
}

/// Leaves out the parts that carry no information: the rest of a kind that has no other part; and scan and rest where
/// some runs measure scans and others do not. Recordings of older versions do not: their rest includes the scans.
fn drop_unrecorded(all: &mut BTreeMap<(Scope, String), [f64; 2]>, runs: &[&Run]) {
    for kind in StallKind::ALL.map(StallKind::name) {
        let part = |part: &str| (Scope::Part, part_of(kind, part));
        let of = |run: &Run, key: &(Scope, String)| run.groups.get(key).copied().unwrap_or(0.0);
        let stalls = (Scope::Kind, kind.to_owned());
        let scan = part("scan");
        let with_stalls = runs.iter().filter(|run| of(run, &stalls) > 0.0);
        let measured = with_stalls.clone().filter(|run| of(run, &scan) > 0.0).count();
        if measured > 0 && measured < with_stalls.count() {
            all.remove(&scan);
            all.remove(&part("rest"));
        }
        let parts = all.keys().filter(|(scope, name)| {
            *scope == Scope::Part && name.strip_prefix(kind).is_some_and(|part| part.starts_with('/'))
        });
        if parts.count() == 1 {
            all.remove(&part("rest"));
        }
    }
}

/// The largest changes, by scope.
pub(super) fn changes(before: &Side, after: &Side) -> Vec<Change> {
    let mut all: BTreeMap<(Scope, String), [f64; 2]> = BTreeMap::new();
    for (at, side) in [before, after].into_iter().enumerate() {
        // Runs may differ in length: each counts by its time.
        let weights: Vec<f64> = side.runs.iter().map(|run| run.seconds()).collect();
        let whole: f64 = weights.iter().sum();
        for (run, weight) in side.runs.iter().zip(weights).filter(|(_, weight)| *weight > 0.0) {
            for (key, rate) in &run.groups {
                all.entry(key.clone()).or_default()[at] += rate * weight / whole;
            }
        }
    }
    drop_unrecorded(&mut all, &before.runs.iter().chain(&after.runs).collect::<Vec<_>>());
    let mut changes = Vec::new();
    for scope in Scope::ALL {
        let of_it = all.iter().filter(|((other, _), [before, after])| *other == scope && differ(*before, *after));
        let mut rows: Vec<Change> =
            of_it.map(|((_, name), values)| Change { scope, name: name.clone(), values: *values }).collect();
        let by = |change: &Change| (change.values[1] - change.values[0]).abs();
        rows.sort_by(|a, b| by(b).total_cmp(&by(a)));
        rows.truncate(ROWS);
        changes.extend(rows);
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::tests::made::{run, side, slice};
    use memtrace_common::part::Part;
    use memtrace_core::session::parts::Parts;

    /// Times of a run of 10 s with 1 s of memcg stalls, which were spent on these parts, in ms.
    fn of_parts(scan: Option<u64>, shrinkers: u64) -> BTreeMap<(Scope, String), f64> {
        let ms = |ms: u64| ms * 1_000_000;
        let scanned = scan.map(|scan| (Part::Scan, ms(scan)));
        let times: Vec<_> = scanned.into_iter().chain([(Part::Shrinkers, ms(shrinkers))]).collect();
        let parts = Parts::example(&times, ms(1000 - scan.unwrap_or(0) - shrinkers));
        let memcg = KindSummary { total_ns: ms(1000), parts, ..KindSummary::default() };
        let rest = Parts::example(&[], ms(500));
        let swapin = KindSummary { total_ns: ms(500), parts: rest, ..KindSummary::default() };
        let stalls = BTreeMap::from([(StallKind::Memcg, memcg), (StallKind::Swapin, swapin)]);
        let measured = of_kinds(&stalls).into_iter().filter(|(_, ns)| *ns > 0);
        measured.map(|(key, ns)| (key, ns as f64 / 10e9)).collect()
    }

    fn parts_of(before: BTreeMap<(Scope, String), f64>, after: BTreeMap<(Scope, String), f64>) -> Vec<String> {
        let [before, after] =
            [before, after].map(|groups| side("one", vec![Run { groups, ..run(vec![slice(3, 1000)]) }]));
        let parts = changes(&before, &after).into_iter().filter(|change| change.scope == Scope::Part);
        parts.map(|Change { name, values: [a, b], .. }| format!("{name} {a:.3} {b:.3}")).collect()
    }

    #[test]
    fn parts_of_a_kind_are_held_against_each_other() {
        let rows = parts_of(of_parts(Some(800), 50), of_parts(Some(300), 600));
        assert_eq!(rows, ["memcg/shrinkers 0.005 0.060", "memcg/scan 0.080 0.030", "memcg/rest 0.015 0.010"]);
    }

    #[test]
    fn scans_that_one_side_does_not_tell_are_no_change() {
        let whole = parts_of(of_parts(Some(800), 0), of_parts(Some(1000), 0));
        assert_eq!(whole, ["memcg/scan 0.080 0.100", "memcg/rest 0.020 0.000"]);
        // Without any part in one run, the rest is the whole time of the kind, and not 0.
        let rows = parts_of(of_parts(None, 0), of_parts(None, 60));
        assert_eq!(rows, ["memcg/rest 0.100 0.094", "memcg/shrinkers 0.000 0.006"]);
        // Without a stall of the kind, the time of scans is 0.
        let rows = parts_of(BTreeMap::new(), of_parts(Some(800), 50));
        assert_eq!(rows, ["memcg/scan 0.000 0.080", "memcg/rest 0.000 0.015", "memcg/shrinkers 0.000 0.005"]);
        let rows = parts_of(of_parts(None, 50), of_parts(Some(800), 60));
        assert_eq!(rows, ["memcg/shrinkers 0.005 0.006"]);
    }
}
