//! The sequence of items to show, live or from a trace.

use std::sync::Arc;

use super::{summary::Summary, tick::Tick};
use crate::{
    at_start::AtStart,
    event::{Freed, Kswapd, Oom, Stall},
};

/// The path of a cgroup, shared without copying.
pub type Path = Option<Arc<[u8]>>;

/// The paths of the two cgroups of an OOM kill: the victim's, and the one at its limit.
pub type KillPaths = [Path; 2];

/// One item to show.
#[derive(Debug)]
pub enum Item {
    /// State of the host before the start.
    AtStart(Box<AtStart>),
    /// A stall, with the path of its cgroup.
    Stall(Stall, Path),
    /// An OOM kill, with the paths of its cgroups.
    Oom(Oom, KillPaths),
    /// The memory of an OOM victim was freed, and its kill was shown before.
    Freed(Freed),
    /// A change of a kswapd.
    Kswapd(Kswapd),
    /// The end of an interval, with the paths of the cgroups in its rows.
    Tick(Box<Tick>, Vec<(u64, Arc<[u8]>)>),
    /// Result of a request of the user, in words.
    Said(String),
    /// The summary, with the paths of all cgroups in it. The last item.
    Summary(Box<Summary>, Vec<(u64, Arc<[u8]>)>),
}

/// The paths that came with an OOM kill, by cgroup.
#[must_use]
pub fn kill_paths(oom: &Oom, paths: &KillPaths) -> Vec<(u64, Arc<[u8]>)> {
    let ids = [oom.victim.cgroup_id, oom.limit_cgroup_id()];
    ids.into_iter().zip(paths).filter_map(|(id, path)| Some((id?, path.clone()?))).collect()
}

/// All cgroups that the rows of a tick name, each once.
pub fn cgroups_of_rows(tick: &Tick) -> impl Iterator<Item = u64> + use<> {
    let rows = tick.rows.iter().flat_map(|rows| rows.tables().into_iter().flatten());
    let mut ids: Vec<u64> = rows.filter_map(|row| row.cgroup_id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.into_iter()
}

/// All cgroups that a summary names, each once.
pub fn cgroups_of(summary: &Summary) -> impl Iterator<Item = u64> + use<> {
    let processes = summary.processes.rows.iter().filter_map(|row| row.cgroup_id);
    let cgroups = summary.cgroups.rows.iter().filter_map(|row| row.cgroup_id);
    let victims = summary.ooms.iter().flat_map(Oom::cgroups);
    let mut ids: Vec<u64> = processes.chain(cgroups).chain(victims).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.into_iter()
}
