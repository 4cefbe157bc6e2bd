//! What the kernel side only counts, as it is handed over at a tick: faults and stacks.

use super::{
    ProcessLabel, Session,
    faults::{FaultDeltas, Faults},
    filter::CgroupNames,
    stacks::StackDeltas,
};

impl Session {
    /// Takes what came since the last tick: before [`Self::tick`], whose totals it is a part of. A filter on kinds of stall
    /// does not ask for refaults, and leaves them out.
    pub fn apply_faults(&mut self, deltas: &FaultDeltas, names: &dyn CgroupNames) {
        for process in &deltas.processes {
            if process.pid == self.config.own_pid || !self.config.filter.matches_faults(process, names) {
                continue;
            }
            let label = ProcessLabel { comm: process.comm, in_command: None, cgroup_id: process.cgroup_id };
            let (row, _) = self.processes.row((process.pid, process.process_start_ns), label);
            row.tally.faults.merge(&process.faults);
            if let Some(recent) = &mut self.recent {
                recent.add_process(process);
            }
        }
        for (id, refaults) in &deltas.cgroups {
            if !self.config.filter.matches_cgroup(*id, names) {
                continue;
            }
            let (row, _) = self.cgroups.row(Some(*id), ());
            let faults = Faults { refaults: *refaults, ..Faults::default() };
            row.tally.faults.merge(&faults);
            if let Some(recent) = &mut self.recent {
                recent.add_cgroup(*id, &faults);
            }
        }
    }

    /// Takes the stacks that were stalled on since the last tick: before [`Self::tick`], whose totals they are a part of.
    pub fn apply_stacks(&mut self, deltas: &StackDeltas, names: &dyn CgroupNames) {
        let Some(table) = &mut self.stacks else { return };
        table.learn(&deltas.named);
        let (filter, processes) = (&self.config.filter, &self.processes);
        let mut stalls = deltas.stalls.clone();
        stalls.retain(|(key, _)| {
            let process = processes.get(&(key.pid, key.process_start_ns));
            filter.matches_stack(key, process.map(|row| row.label.comm).as_ref(), names)
        });
        stalls.iter().for_each(|(key, sum)| table.add(*key, *sum));
        self.stacks_since = Some(StackDeltas { named: deltas.named.clone(), stalls });
    }
}
