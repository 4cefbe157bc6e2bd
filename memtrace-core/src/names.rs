//! Data that the outputs need beside the session to render events.

use crate::{clock::Clock, gfp::GfpNames, session::filter::CgroupNames};

/// Conversions of times, cgroups and allocation flags to text.
#[derive(Clone, Copy)]
pub struct Names<'a> {
    /// Conversion of times.
    pub clock: &'a Clock,
    /// Paths of cgroups.
    pub cgroups: &'a dyn CgroupNames,
    /// Names of allocation flags.
    pub gfp: &'a GfpNames,
}

impl<'a> Names<'a> {
    /// The path of a cgroup, when its id was read and its path learnt.
    #[must_use]
    pub fn cgroup(&self, id: Option<u64>) -> Option<&'a [u8]> {
        id.and_then(|id| self.cgroups.path(id))
    }
}
