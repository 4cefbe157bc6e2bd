//! What the outputs need beside the session to put events into words.

use crate::{clock::Clock, gfp::GfpNames, session::filter::CgroupNames};

/// How to put times, cgroups and allocation flags into words.
#[derive(Clone, Copy)]
pub struct Names<'a> {
    /// Times.
    pub clock: &'a Clock,
    /// Paths of cgroups.
    pub cgroups: &'a dyn CgroupNames,
    /// Allocation flags.
    pub gfp: &'a GfpNames,
}

impl<'a> Names<'a> {
    /// The path of a cgroup, when its id was read and its path learnt.
    #[must_use]
    pub fn cgroup(&self, id: Option<u64>) -> Option<&'a [u8]> {
        id.and_then(|id| self.cgroups.path(id))
    }
}
