//! Global direct reclaim by a file, on the lists that the kernel has always had.

use super::Check;
use super::evidence::Sections;
use super::{run, stalls};

/// Judge the run `lru`.
pub(super) fn judge(sections: &Sections<'_>) -> Vec<Check> {
    run::judge(sections, "lru", |run| stalls::direct(run, "file 0, mmapfile 0"))
}
