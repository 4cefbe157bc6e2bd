//! Examples of events, for tests and documentation: code that builds on them need not name every field.

use memtrace_common::kind::StallKind;

use super::{Comm, PartTimes, Stall};
use crate::{source::Source, throttle::Throttles};

impl Stall {
    /// A direct-reclaim stall of 1 ms of a task `task` (1). Every field that can be unread is unread.
    #[must_use]
    pub fn example() -> Self {
        Self {
            t_ns: 1_000_000,
            dur_ns: 1_000_000,
            kind: StallKind::Direct,
            source: Source::True,
            pid: 1,
            tid: 1,
            comm: Comm::from(b"task".as_slice()),
            process_start_ns: None,
            cgroup_id: None,
            nid: None,
            order: None,
            gfp: None,
            scanned_pages: None,
            reclaimed_pages: None,
            times: PartTimes::default(),
            throttles: Throttles::default(),
            top_shrinker: None,
            off_cpu: None,
        }
    }
}
