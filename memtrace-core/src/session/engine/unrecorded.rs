//! Stalls that are counted but have no event.

use super::Session;
use crate::session::{
    process::ProcessLabel,
    unrecorded::{UnrecordedProcess, UnrecordedStalls},
};

impl Session {
    /// Adds stalls since the last tick that have no event. All match the filter. Call it before [`Session::tick`],
    /// whose totals include them.
    pub fn apply_unrecorded(&mut self, processes: &[UnrecordedProcess], cgroups: &[(Option<u64>, UnrecordedStalls)]) {
        for process in processes {
            let label =
                ProcessLabel { comm: process.comm, in_command: process.in_command, cgroup_id: process.cgroup_id };
            let (row, _) = self.processes.row((process.pid, process.process_start_ns), label);
            row.label.cgroup_id = process.cgroup_id;
            row.tally.add_unrecorded(&process.stalls);
            if !self.config.filter.is_empty() {
                self.matched.add_unrecorded(&process.stalls);
                self.matched_since.add_unrecorded(&process.stalls);
            }
        }
        for (id, stalls) in cgroups {
            self.cgroups.row(*id, ()).0.tally.add_unrecorded(stalls);
        }
    }
}
