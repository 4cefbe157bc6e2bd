//! Facts about processes in a trace, for processes whose rows come later than in live.

use std::collections::HashMap;

use memtrace_core::{event::Comm, session::Session};

/// Limit on the processes that are remembered.
const KNOWN: usize = 1 << 16;

/// Facts learnt about a process.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LearntProcess {
    /// True while the process has no row: the facts go into its first row, as in live.
    unmet: bool,
    pub(super) comm: Option<Comm>,
    pub(super) in_command: Option<Option<bool>>,
}

/// All processes, by pid and start time.
#[derive(Debug, Default)]
pub(super) struct ProcessNames(HashMap<(u32, Option<u64>), LearntProcess>);

impl ProcessNames {
    /// Learns a fact about a process. It may come before the process has a row: before a window, or with its stalls
    /// left out.
    pub(super) fn learn(&mut self, process: (u32, Option<u64>), has_row: bool, learn: impl FnOnce(&mut LearntProcess)) {
        if self.0.len() < KNOWN || self.0.contains_key(&process) {
            let known = self.0.entry(process).or_default();
            known.unmet = !has_row;
            learn(known);
        }
    }

    /// Facts learnt about a process; none for one that is not remembered.
    pub(super) fn of(&self, pid: u32, start_ns: Option<u64>) -> LearntProcess {
        self.0.get(&(pid, start_ns)).copied().unwrap_or_default()
    }

    /// Gives a process that has a row now the facts learnt before it had one.
    pub(super) fn introduce(&mut self, session: &mut Session, pid: u32, start_ns: Option<u64>) {
        let Some(known) = self.0.get_mut(&(pid, start_ns)).filter(|known| known.unmet) else { return };
        known.unmet = false;
        if let Some(comm) = known.comm {
            session.name_process(pid, start_ns, comm);
        }
        if let Some(in_command) = known.in_command {
            session.mark_process(pid, start_ns, in_command);
        }
    }
}
