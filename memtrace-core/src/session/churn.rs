//! Cgroups that came and went: their number, and the first of them by name.

use crate::untrusted::Text;

/// Number of cgroups that are named.
const NAMED: usize = 3;

/// Cgroups with a limit that appeared, and those that went away, while a trace was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CgroupChurn {
    /// New ones. A cgroup that returns under its name is new again.
    pub appeared: Counted,
    /// Removed ones.
    pub gone: Counted,
}

/// A number of cgroups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Number of cgroups.
    pub count: u64,
    /// Paths of the first three cgroups.
    pub first: Vec<Text>,
}

impl Counted {
    /// Counts one more.
    pub fn add(&mut self, path: &Text) {
        self.count = self.count.saturating_add(1);
        if self.first.len() < NAMED {
            self.first.push(path.clone());
        }
    }
}

impl CgroupChurn {
    /// True when no cgroup appeared or went away.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.appeared.count == 0 && self.gone.count == 0
    }
}
