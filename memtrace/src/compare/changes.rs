//! Who changed most: processes by name, cgroups by path, kinds of stall, nodes.

use std::{collections::BTreeMap, sync::Arc};

use super::run::Side;
use crate::{session::summary::Summary, untrusted::Untrusted};

/// What rows are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Kind of stall: stalled s/s.
    Kind,
    /// Memory cgroup: stalled s/s.
    Cgroup,
    /// All processes of a name: stalled s/s.
    Process,
    /// NUMA node: seconds of work of its kswapd per second.
    Node,
}

impl Scope {
    /// All, in the order of the tables.
    pub const ALL: [Self; 4] = [Self::Kind, Self::Cgroup, Self::Process, Self::Node];

    /// Its name in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kind => "kind",
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

/// One that changed. Nothing here is tested.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What it is.
    pub scope: Scope,
    /// Its name, escaped.
    pub name: String,
    /// Before and after, in s per second.
    pub values: [f64; 2],
}

/// Rows of each scope.
const ROWS: usize = 3;

/// What each had of a run, in s per second.
pub(super) fn groups(summary: &Summary, paths: &BTreeMap<u64, Arc<[u8]>>) -> BTreeMap<(Scope, String), f64> {
    let mut groups = BTreeMap::new();
    let text = |bytes: &[u8]| Untrusted(bytes).tty().to_string();
    #[expect(clippy::cast_precision_loss, reason = "times of a recording")]
    let mut add = |scope, name: String, ns: u64| {
        if ns > 0 && summary.duration_ns > 0 {
            *groups.entry((scope, name)).or_default() += ns as f64 / summary.duration_ns as f64;
        }
    };
    for (kind, stalls) in &summary.stalls {
        add(Scope::Kind, kind.name().to_owned(), stalls.total_ns);
    }
    for row in &summary.processes.rows {
        add(Scope::Process, text(row.comm.bytes()), row.tally.total_ns);
    }
    for row in &summary.cgroups.rows {
        let path = row.cgroup_id.map(|id| paths.get(&id).map_or_else(|| format!("(id {id})"), |path| text(path)));
        add(Scope::Cgroup, path.unwrap_or_else(|| "- (not read)".to_owned()), row.tally.total_ns);
    }
    for (scope, other) in [(Scope::Process, &summary.processes.other), (Scope::Cgroup, &summary.cgroups.other)] {
        add(scope, "(others)".to_owned(), other.total_ns);
    }
    for node in &summary.nodes {
        add(Scope::Node, node.nid.to_string(), node.busy_ns);
    }
    groups
}

/// Those that changed most, by scope.
pub(super) fn changes(before: &Side, after: &Side) -> Vec<Change> {
    let mut all: BTreeMap<(Scope, String), [f64; 2]> = BTreeMap::new();
    for (at, side) in [before, after].into_iter().enumerate() {
        // Runs may differ in length: each counts by its time.
        let weights: Vec<f64> =
            side.runs.iter().map(|run| run.sums().exposed_s(super::run::Exposure::All).unwrap_or(0.0)).collect();
        let whole: f64 = weights.iter().sum();
        for (run, weight) in side.runs.iter().zip(weights).filter(|(_, weight)| *weight > 0.0) {
            for (key, rate) in &run.groups {
                all.entry(key.clone()).or_default()[at] += rate * weight / whole;
            }
        }
    }
    let mut changes = Vec::new();
    for scope in Scope::ALL {
        let of_it = all.iter().filter(|((other, _), _)| *other == scope);
        let mut rows: Vec<Change> =
            of_it.map(|((_, name), values)| Change { scope, name: name.clone(), values: *values }).collect();
        let by = |change: &Change| (change.values[1] - change.values[0]).abs();
        rows.sort_by(|a, b| by(b).total_cmp(&by(a)));
        rows.truncate(ROWS);
        changes.extend(rows);
    }
    changes
}
