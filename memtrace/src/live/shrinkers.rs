//! Names of the shrinkers that stalls went through. A short-lived thread looks them up in the kernel's list of symbols,
//! since a tick must not wait for it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use crate::host::kallsyms;
use memtrace_core::session::shrinkers::{FunctionName, Shrinkers};

/// Longest wait for names at the end.
const PATIENCE: Duration = Duration::from_secs(3);

/// Names by address.
#[derive(Debug, Default)]
pub(super) struct ShrinkerNames {
    known: BTreeMap<u64, FunctionName>,
    /// Addresses looked up so far: one without a name will not get a name later.
    asked: BTreeSet<u64>,
    pending: Option<Receiver<BTreeMap<u64, String>>>,
}

impl ShrinkerNames {
    /// Adds the known names to the totals of a tick, and starts a lookup of the others; at the `end` it waits for them.
    pub(super) fn fill(&mut self, shrinkers: &mut Shrinkers, end: bool) {
        self.receive(end);
        let functions = shrinkers.totals.keys().map(|(_, function)| *function);
        let unasked: BTreeSet<u64> = functions.filter(|function| !self.asked.contains(function)).collect();
        if !unasked.is_empty() && self.pending.is_none() {
            self.ask(unasked);
            self.receive(end);
        }
        shrinkers.names.clone_from(&self.known);
    }

    fn ask(&mut self, functions: BTreeSet<u64>) {
        let (sender, receiver) = channel();
        self.asked.extend(&functions);
        // If the list is unreadable, the functions stay without names, which is shown. Nobody receives the names once
        // the end has given up.
        let look_up = move || drop(sender.send(kallsyms::functions_at(&functions).unwrap_or_default()));
        if thread::Builder::new().name("kallsyms".to_owned()).spawn(look_up).is_ok() {
            self.pending = Some(receiver);
        }
    }

    fn receive(&mut self, end: bool) {
        let Some(receiver) = &self.pending else { return };
        let patience = if end { PATIENCE } else { Duration::ZERO };
        match receiver.recv_timeout(patience) {
            Ok(names) => self.known.extend(names.into_iter().map(|(function, name)| (function, name.into()))),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => return,
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => {}
        }
        self.pending = None;
    }
}
