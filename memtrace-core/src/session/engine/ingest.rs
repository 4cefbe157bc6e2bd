//! Takes the input of a tick, with the data that is only counted: faults, stacks, evictions.

use super::Session;
use crate::event::EvictorKey;
use crate::session::{
    evictors::{ByMemory, EvictorDeltas, EvictorTable},
    faults::{FaultDeltas, Faults, ProcessFaults},
    filter::CgroupNames,
    input::TickInput,
    process::ProcessLabel,
    sampled,
    stacks::StackDeltas,
    tally::KindTally,
    tick::Tick,
};

impl Session {
    /// Ends an interval with all of its input. The input brings the counts of events and of losses, since a trace need
    /// not hold every event.
    pub fn tick(&mut self, input: &TickInput, names: &dyn CgroupNames) -> Tick {
        let in_window = self.window.as_mut().map(|window| window.of(input));
        let input = in_window.as_ref().unwrap_or(input);
        self.lost = input.lost;
        for (kind, reported) in input.reported.iter().enumerate() {
            self.reported[kind] = KindTally { count: reported.count, total_ns: reported.total_ns };
            self.longest_ns[kind] = reported.longest_ns;
        }
        self.apply_faults(&input.faults, names);
        if let Some(deltas) = &input.stacks {
            self.apply_stacks(deltas, names);
        }
        if let Some(deltas) = &input.evictors {
            self.apply_evictors(deltas, names);
        }
        self.close_interval(input.t_ns, &input.totals, &input.host)
    }

    /// Takes faults since the last tick. Call it before [`Self::close_interval`], whose totals include them. A filter
    /// on kinds of stall leaves refaults out.
    pub fn apply_faults(&mut self, deltas: &FaultDeltas, names: &dyn CgroupNames) {
        self.sampled_since = deltas.sampled;
        self.sampled = sampled::sum(self.sampled, deltas.sampled);
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

    /// Takes the stacks of stalls since the last tick. Call it before [`Self::close_interval`].
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

    /// Takes the sampled refaults since the last tick, by evictor. A filter applies to the process that brought the
    /// page back.
    pub fn apply_evictors(&mut self, deltas: &ByMemory<EvictorDeltas>, names: &dyn CgroupNames) {
        let filter = &self.config.filter;
        let matches = |key: &EvictorKey| {
            let process = ProcessFaults {
                pid: key.pid,
                process_start_ns: None,
                comm: key.comm,
                cgroup_id: key.cgroup_id,
                faults: Faults::default(),
            };
            filter.matches_faults(&process, names)
        };
        let filter = (!filter.is_empty()).then_some(&matches as &dyn Fn(&EvictorKey) -> bool);
        self.evictors.get_or_insert_default().add(deltas, filter);
        let mut since = ByMemory::<EvictorTable>::default();
        since.add(deltas, filter);
        self.evictors_since = Some(since.map(|since| since.summary(true).of_interval()));
    }
}
