//! Stalls that no event told.

use super::Session;
use crate::session::{
    process::ProcessLabel,
    untold::{UntoldProcess, UntoldStalls},
};

impl Session {
    /// Adds what no event told since the last tick, all of which matches the filter: before [`Session::tick`], whose totals
    /// it is a part of.
    pub fn apply_untold(&mut self, processes: &[UntoldProcess], cgroups: &[(Option<u64>, UntoldStalls)]) {
        for process in processes {
            let label =
                ProcessLabel { comm: process.comm, in_command: process.in_command, cgroup_id: process.cgroup_id };
            let (row, _) = self.processes.row((process.pid, process.process_start_ns), label);
            row.label.cgroup_id = process.cgroup_id;
            row.tally.add_untold(&process.stalls);
            if !self.config.filter.is_empty() {
                self.matched.add_untold(&process.stalls);
                self.matched_since.add_untold(&process.stalls);
            }
        }
        for (id, stalls) in cgroups {
            self.cgroups.row(*id, ()).0.tally.add_untold(stalls);
        }
    }
}
