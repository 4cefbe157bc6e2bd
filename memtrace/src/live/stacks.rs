//! Stacks of stalls while tracing. They are read once a tick; a separate thread looks up the names, which can take a
//! while.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};

use crate::host::symbols::Symbols;
use memtrace_core::{
    session::stacks::StackDeltas,
    stack::{RawStack, Stack},
};
use memtrace_probe::stacks::StackTables;

/// Time without a new name after which the end stops waiting: only a hung file system takes this long, not a busy
/// machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// Stacks kept for deduplication.
const KNOWN: usize = 4096;

/// Request to the thread.
enum Ask {
    /// Read the mappings of a process that stalls for the first time.
    Process(u32),
    /// Look up the names of a stack.
    Stack(RawStack),
}

/// The stacks, and the thread that looks up their names.
pub(super) struct Stacks {
    tables: StackTables,
    ask: Sender<Ask>,
    named: Receiver<(u32, Arc<Stack>)>,
    /// Number of stacks whose names are pending.
    pending: usize,
}

impl Stacks {
    /// Starts the thread.
    pub(super) fn start(tables: StackTables) -> Result<Self> {
        let (ask, asked) = channel();
        let (tell, named) = channel();
        let run = move || {
            let mut symbols = Symbols::default();
            let mut known = HashSet::new();
            for ask in asked {
                match ask {
                    Ask::Process(pid) => symbols.learn_process(pid),
                    Ask::Stack(raw) => {
                        let stack = symbols.name(&raw);
                        // Without a receiver the process is about to end.
                        if tell.send((raw.number, once(&mut known, stack))).is_err() {
                            return;
                        }
                    }
                }
            }
        };
        let thread = thread::Builder::new().name("symbols".to_owned());
        thread.spawn(run).context("starting the thread that names stacks")?;
        Ok(Self { tables, ask, named, pending: 0 })
    }

    /// Requests the mappings of a process that stalls for the first time.
    pub(super) fn learn_process(&self, pid: u32) {
        // Without the thread there are no names, which the output shows.
        let _ = self.ask.send(Ask::Process(pid));
    }

    /// Stalls since the last tick, without names; the names of new stacks are requested.
    pub(super) fn read(&mut self) -> StackDeltas {
        let raw = self.tables.read();
        for stack in raw.new {
            self.pending += usize::from(self.ask.send(Ask::Stack(stack)).is_ok());
        }
        StackDeltas { named: Vec::new(), stalls: raw.stalls }
    }

    /// Names found since the last tick; at the `end` it waits for the pending ones.
    pub(super) fn named(&mut self, end: bool) -> Vec<(u32, Arc<Stack>)> {
        let mut named: Vec<_> = self.named.try_iter().collect();
        while end && named.len() < self.pending {
            match self.named.recv_timeout(PATIENCE) {
                Ok(stack) => named.push(stack),
                Err(_) => break,
            }
        }
        self.pending -= named.len().min(self.pending);
        named
    }
}

/// Deduplicates a stack: equal frames, of another process or with another hash, are kept once.
fn once(known: &mut HashSet<Arc<Stack>>, stack: Stack) -> Arc<Stack> {
    if let Some(same) = known.get(&stack) {
        return Arc::clone(same);
    }
    if known.len() >= KNOWN {
        known.clear();
    }
    let stack = Arc::new(stack);
    known.insert(Arc::clone(&stack));
    stack
}
