//! Global direct reclaim by a file, with the classic LRU lists.

use super::Check;
use super::evidence::Sections;
use super::{run, stalls};

/// Judge the run `lru`.
pub(super) fn judge(sections: &Sections<'_>) -> Vec<Check> {
    run::judge(sections, "lru", |run| stalls::direct(run, "file 0, mmapfile 0"))
}
