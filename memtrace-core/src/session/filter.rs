//! Selects the stalls that are shown and counted in the tables. The host's exact totals are never filtered.

use memtrace_common::kind::StallKind;

use super::{
    faults::ProcessFaults,
    pattern::{CgroupPattern, CommPattern},
    stacks::StackKey,
};
use crate::{
    container::ContainerPattern,
    event::{Comm, Stall},
};

/// Paths of cgroups by id, as far as the caller knows them.
pub trait CgroupNames {
    /// The path below the mount of the memory hierarchy, such as `/system.slice/x.service`.
    fn path(&self, id: u64) -> Option<&[u8]>;
}

impl<B: AsRef<[u8]>> CgroupNames for std::collections::BTreeMap<u64, B> {
    fn path(&self, id: u64) -> Option<&[u8]> {
        self.get(&id).map(AsRef::as_ref)
    }
}

impl<B: AsRef<[u8]>, S: std::hash::BuildHasher> CgroupNames for std::collections::HashMap<u64, B, S> {
    fn path(&self, id: u64) -> Option<&[u8]> {
        self.get(&id).map(AsRef::as_ref)
    }
}

/// A filter on stalls. A stall matches when it fits one entry of each list that is not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Process ids.
    pub pids: Vec<u32>,
    /// Task names.
    pub comms: Vec<CommPattern>,
    /// Cgroup paths.
    pub cgroups: Vec<CgroupPattern>,
    /// Containers, pods and units.
    pub containers: Vec<ContainerPattern>,
    /// Kinds of stall.
    pub kinds: Vec<StallKind>,
}

impl Filter {
    /// True when every stall matches.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pids.is_empty() && self.comms.is_empty() && !self.asks_for_cgroups() && self.kinds.is_empty()
    }

    /// True when the faults of a process match. A filter on kinds of stall matches no faults.
    #[must_use]
    pub fn matches_faults(&self, process: &ProcessFaults, names: &dyn CgroupNames) -> bool {
        let comm = process.comm.bytes();
        self.kinds.is_empty()
            && (self.pids.is_empty() || self.pids.contains(&process.pid))
            && (self.comms.is_empty() || self.comms.iter().any(|pattern| pattern.matches(comm)))
            && self.fits_cgroup(process.cgroup_id, names)
    }

    /// True when the stalls on a stack match; `comm` is the name of their process. An unknown name fits no pattern.
    #[must_use]
    pub fn matches_stack(&self, key: &StackKey, comm: Option<&Comm>, names: &dyn CgroupNames) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&key.kind))
            && (self.pids.is_empty() || self.pids.contains(&key.pid))
            && (self.comms.is_empty()
                || comm.is_some_and(|comm| self.comms.iter().any(|pattern| pattern.matches(comm.bytes()))))
            && self.fits_cgroup(key.cgroup_id, names)
    }

    /// True when the faults of a cgroup match, irrespective of the process.
    #[must_use]
    pub fn matches_cgroup(&self, id: u64, names: &dyn CgroupNames) -> bool {
        self.kinds.is_empty() && self.pids.is_empty() && self.comms.is_empty() && self.fits_cgroup(Some(id), names)
    }

    const fn asks_for_cgroups(&self) -> bool {
        !self.cgroups.is_empty() || !self.containers.is_empty()
    }

    /// True when a cgroup fits; a cgroup of unknown path fits no pattern.
    pub(super) fn fits_cgroup(&self, id: Option<u64>, names: &dyn CgroupNames) -> bool {
        if !self.asks_for_cgroups() {
            return true;
        }
        id.and_then(|id| names.path(id)).is_some_and(|path| {
            (self.cgroups.is_empty() || self.cgroups.iter().any(|pattern| pattern.matches(path)))
                && (self.containers.is_empty() || self.containers.iter().any(|pattern| pattern.matches(path)))
        })
    }

    /// True when a stall matches. A cgroup of unknown path fits no pattern.
    #[must_use]
    pub fn matches(&self, stall: &Stall, names: &dyn CgroupNames) -> bool {
        let comm = stall.comm.bytes();
        (self.pids.is_empty() || self.pids.contains(&stall.pid))
            && (self.kinds.is_empty() || self.kinds.contains(&stall.kind))
            && (self.comms.is_empty() || self.comms.iter().any(|pattern| pattern.matches(comm)))
            && self.fits_cgroup(stall.cgroup_id, names)
    }
}
