//! Drains the tables of refaults, once a tick.
//!
//! The kernel side only adds, and user space only removes. An entry whose process has exited is removed a tick after
//! the exit was seen, so that the last reading includes the faults of the exit itself. Counts that did not fit a table
//! are the difference between the totals and the tables.

use std::collections::HashMap as StdHashMap;

use aya::maps::{HashMap, Map, MapData, MapError, PerCpuArray};
use memtrace_common::refault::{MAX_CGROUPS, MAX_TASKS, RefaultCounts, SLOT_ALL, SLOT_OWN, TaskFaults, TaskKey};

use super::{describe::chain, error::LoadError, pod::Raw};
use memtrace_core::{
    event::Comm,
    session::faults::{FaultDeltas, Faults, ProcessFaults},
};

/// Ticks without a change after which an entry is removed when its table is nearly full. Its next fault creates it
/// again.
const IDLE_TICKS: u32 = 60;

/// State of an entry at the last reading.
#[derive(Clone, Copy, Debug, Default)]
struct Seen<C> {
    counts: C,
    /// Number of ticks since its last change.
    idle: u32,
    /// True when its process had exited at the last reading.
    exited: bool,
    /// Number of the last reading that saw it.
    mark: u64,
}

/// The tables of refaults, with their state at the last reading.
pub struct FaultTables {
    tasks: HashMap<MapData, Raw<TaskKey>, Raw<TaskFaults>>,
    cgroups: HashMap<MapData, u64, Raw<RefaultCounts>>,
    totals: PerCpuArray<MapData, Raw<RefaultCounts>>,
    lruvec_runs: PerCpuArray<MapData, u64>,
    seen_tasks: StdHashMap<TaskKey, Seen<Faults>>,
    seen_cgroups: StdHashMap<u64, Seen<Faults>>,
    reading: u64,
}

impl FaultTables {
    /// Takes the maps by name.
    pub(super) fn of(mut take: impl FnMut(&str) -> Result<Map, LoadError>) -> Result<Self, LoadError> {
        let refused = |e: MapError| LoadError::Refused(chain(&e));
        Ok(Self {
            tasks: HashMap::try_from(take("TASK_FAULTS")?).map_err(refused)?,
            cgroups: HashMap::try_from(take("CGROUP_REFAULTS")?).map_err(refused)?,
            totals: PerCpuArray::try_from(take("REFAULT_TOTALS")?).map_err(refused)?,
            lruvec_runs: PerCpuArray::try_from(take("LRUVEC_RUNS")?).map_err(refused)?,
            seen_tasks: written(2 * MAX_TASKS, |tgid| TaskKey { tgid, ..TaskKey::default() }),
            seen_cgroups: written(2 * MAX_CGROUPS, u64::from),
            reading: 0,
        })
    }

    /// All refaults since attach except memtrace's own, and memtrace's own.
    ///
    /// # Errors
    /// When the kernel does not let the map be read.
    pub fn totals(&self) -> Result<(RefaultCounts, RefaultCounts), MapError> {
        Ok((self.slot(SLOT_ALL)?, self.slot(SLOT_OWN)?))
    }

    /// Runs of the program of `memcg:mod_memcg_lruvec_state` since attach.
    ///
    /// # Errors
    /// When the kernel does not let the map be read.
    pub fn lruvec_runs(&self) -> Result<u64, MapError> {
        Ok(self.lruvec_runs.get(&0, 0)?.iter().sum())
    }

    fn slot(&self, slot: u32) -> Result<RefaultCounts, MapError> {
        let mut sum = Faults::default();
        for Raw(cpu) in self.totals.get(&slot, 0)?.iter() {
            sum.merge(&Faults { refaults: *cpu, ..Faults::default() });
        }
        Ok(sum.refaults)
    }

    /// Counts since the last reading, by process and by cgroup.
    pub fn read(&mut self) -> FaultDeltas {
        self.reading += 1;
        FaultDeltas { processes: self.read_tasks(), cgroups: self.read_cgroups(), sampled: None }
    }

    fn read_tasks(&mut self) -> Vec<ProcessFaults> {
        let mut deltas = Vec::new();
        let mut gone = Vec::new();
        // When a key is removed meanwhile the iteration starts over: entries that were seen are not read twice, and the
        // number of steps is bounded.
        for (key, faults) in self.tasks.iter().take(4 * MAX_TASKS as usize).flatten() {
            let (Raw(key), Raw(now)) = (key, faults);
            let counts =
                Faults { refaults: now.refaults, major_faults: now.major_faults, swapin_pages: now.swapin_pages };
            let seen = self.seen_tasks.entry(key).or_default();
            if seen.mark == self.reading {
                continue;
            }
            let delta = counts.since(&seen.counts);
            if seen.exited {
                gone.push(key);
            }
            let idle = if delta.is_empty() { seen.idle + 1 } else { 0 };
            *seen = Seen { counts, idle, exited: now.exited != 0, mark: self.reading };
            if !delta.is_empty() {
                deltas.push(ProcessFaults {
                    pid: key.tgid,
                    process_start_ns: (key.start_ns != 0).then_some(key.start_ns),
                    comm: Comm(now.comm),
                    cgroup_id: (now.cgroup_id != 0).then_some(now.cgroup_id),
                    faults: delta,
                });
            }
        }
        for key in gone {
            // It fails only when the entry is already gone.
            let _ = self.tasks.remove(&Raw(key));
            self.seen_tasks.remove(&key);
        }
        let reading = self.reading;
        self.seen_tasks.retain(|_, seen| seen.mark == reading);
        // These exits go unnoticed: a thread that outlived the first thread of its process had a fault.
        if self.seen_tasks.len() > MAX_TASKS as usize * 3 / 4 {
            for (key, _) in self.seen_tasks.extract_if(|_, seen| seen.idle > IDLE_TICKS) {
                let _ = self.tasks.remove(&Raw(key));
            }
        }
        deltas
    }

    fn read_cgroups(&mut self) -> Vec<(u64, RefaultCounts)> {
        let mut deltas = Vec::new();
        for (id, Raw(now)) in self.cgroups.iter().take(4 * MAX_CGROUPS as usize).flatten() {
            let seen = self.seen_cgroups.entry(id).or_default();
            if seen.mark == self.reading {
                continue;
            }
            let counts = Faults { refaults: now, ..Faults::default() };
            let delta = counts.since(&seen.counts);
            let idle = if delta.is_empty() { seen.idle + 1 } else { 0 };
            *seen = Seen { counts, idle, exited: false, mark: self.reading };
            if !delta.is_empty() {
                deltas.push((id, delta.refaults));
            }
        }
        if self.seen_cgroups.len() > MAX_CGROUPS as usize * 3 / 4 {
            for (id, _) in self.seen_cgroups.extract_if(|_, seen| seen.idle > IDLE_TICKS) {
                let _ = self.cgroups.remove(&id);
            }
        }
        deltas
    }
}

/// A map of this capacity with all its memory allocated and written: it was filled once, with these keys.
fn written<K: Eq + std::hash::Hash, C: Default>(capacity: u32, key: impl Fn(u32) -> K) -> StdHashMap<K, Seen<C>> {
    let mut map = StdHashMap::with_capacity(capacity as usize);
    map.extend((0..capacity).map(|n| (key(n), Seen::default())));
    map.clear();
    map
}
