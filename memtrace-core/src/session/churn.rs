//! Cgroups that came and went: how many, and the first of them by name.

use crate::untrusted::Text;

/// Cgroups that are named.
const NAMED: usize = 3;

/// Cgroups with a limit that appeared, and those that went away, while a trace was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CgroupChurn {
    /// New ones. One that comes back under its name is new again.
    pub appeared: Counted,
    /// Removed ones.
    pub gone: Counted,
}

/// A number of cgroups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// How many.
    pub count: u64,
    /// Paths of the first three.
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
    /// True when there is nothing to tell.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.appeared.count == 0 && self.gone.count == 0
    }
}
