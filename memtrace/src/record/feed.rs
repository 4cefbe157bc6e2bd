//! Channel from the thread that drains to the one that writes: batches of entries, in memory allocated at the start.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};

use super::flight::triggers::Trigger;
use memtrace_trace::model::{End, Entry, Remark, TickRecord};

/// Entries of a batch.
const ENTRIES: usize = 4096;
/// Number of batches: at 100,000 events a second they last for more than a quarter of a second. Each takes some 1.2 MiB
/// of the memory that a recording may use.
const BATCHES: usize = 7;
/// Capacity of the channel in messages: batches, and the ticks between them.
const MESSAGES: usize = 64;
/// Cgroups whose path is known to be sent; beyond this number paths are sent again.
const PATHS: usize = 8192;

/// Entries, in order.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    /// Paths of cgroups that occur for the first time.
    pub(super) paths: Vec<(u64, Arc<[u8]>)>,
}

impl Batch {
    /// Takes a path, unless the writer has it already.
    fn learn(&mut self, sent: &mut HashSet<u64>, id: u64, path: &Arc<[u8]>) {
        if self.paths.len() < self.paths.capacity() && !sent.contains(&id) {
            if sent.len() >= PATHS {
                sent.clear();
            }
            sent.insert(id);
            self.paths.push((id, Arc::clone(path)));
        }
    }
}

/// Request from the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Begin a file, or end it.
    Record,
    /// Save the segments kept in memory.
    Save,
}

/// Message to the writer.
#[derive(Debug)]
pub(super) enum Message {
    Batch(Box<Batch>),
    Tick(Box<TickRecord>),
    Trigger(Trigger),
    Remark(Remark),
    Ask(Ask),
    End(Box<End>),
}

/// Sending end, held by the drain path.
#[derive(Debug)]
pub struct Feed {
    full: SyncSender<Message>,
    empty: Receiver<Box<Batch>>,
    batch: Option<Box<Batch>>,
    sent: HashSet<u64>,
    /// A tick that did not fit into the channel.
    waiting: Option<Box<TickRecord>>,
    lost: u64,
}

/// Receiving end, held by the writer.
#[derive(Debug)]
pub(super) struct Fed {
    pub(super) full: Receiver<Message>,
    pub(super) empty: SyncSender<Box<Batch>>,
}

/// Both ends, with all memory allocated and written once.
pub(super) fn feed() -> (Feed, Fed) {
    let (full, fed) = sync_channel(MESSAGES);
    let (give_back, empty) = sync_channel(BATCHES);
    for _ in 0..BATCHES {
        let blank = Entry::Mark { pid: u32::MAX, process_start_ns: None, in_command: None };
        let mut entries = vec![blank; ENTRIES];
        std::hint::black_box(&mut entries);
        entries.clear();
        let batch = Batch { entries, paths: Vec::with_capacity(256) };
        // The channel has room for all of them.
        let _ = give_back.try_send(Box::new(batch));
    }
    let mut sent: HashSet<u64> = (0..2 * PATHS as u64).collect();
    sent.clear();
    let feed = Feed { full, empty, batch: None, sent, waiting: None, lost: 0 };
    (feed, Fed { full: fed, empty: give_back })
}

impl Feed {
    /// Takes an entry, with the path of its cgroup. If the writer is too far behind, the entry is lost and counted.
    pub fn entry(&mut self, entry: Entry, cgroup: Option<(u64, &Arc<[u8]>)>) {
        if self.batch.is_none() {
            self.batch = self.empty.try_recv().ok();
        }
        let Some(batch) = &mut self.batch else {
            self.lost += 1;
            return;
        };
        if let Some((id, path)) = cgroup {
            batch.learn(&mut self.sent, id, path);
        }
        batch.entries.push(entry);
        if batch.entries.len() == ENTRIES {
            self.flush();
        }
    }

    /// Takes the path of a cgroup that no entry names, only a tick.
    pub fn path(&mut self, id: u64, path: &Arc<[u8]>) {
        if self.batch.is_none() {
            self.batch = self.empty.try_recv().ok();
        }
        if let Some(batch) = &mut self.batch {
            batch.learn(&mut self.sent, id, path);
        }
    }

    /// Hands over the current batch.
    pub fn flush(&mut self) {
        let Some(batch) = self.batch.take() else { return };
        if let Err(TrySendError::Full(Message::Batch(batch)) | TrySendError::Disconnected(Message::Batch(batch))) =
            self.full.try_send(Message::Batch(batch))
        {
            self.lost += batch.entries.len() as u64;
            // The memory is kept, to be filled again.
            self.batch = Some(batch).map(|mut batch| {
                batch.entries.clear();
                batch
            });
        }
    }

    /// Hands over the end of an interval. A writer that is behind gets it merged with the next one: counters are
    /// cumulative, and values of an interval are added up.
    pub fn tick(&mut self, tick: TickRecord) {
        self.flush();
        let tick = match self.waiting.take() {
            Some(mut earlier) => {
                let mut faults = std::mem::take(&mut earlier.input.faults);
                faults.merge(tick.input.faults);
                let mut stacks = earlier.input.stacks.take();
                match (&mut stacks, tick.input.stacks) {
                    (Some(stacks), Some(later)) => stacks.append(later),
                    (stacks, later) => *stacks = stacks.take().or(later),
                }
                let mut evictors = earlier.input.evictors.take();
                match (&mut evictors, tick.input.evictors) {
                    (Some(evictors), Some(later)) => evictors.append(later),
                    (evictors, later) => *evictors = evictors.take().or(later),
                }
                let input = memtrace_core::session::input::TickInput { faults, stacks, evictors, ..tick.input };
                *earlier = TickRecord { input, ..tick };
                earlier
            }
            None => Box::new(tick),
        };
        if let Err(TrySendError::Full(Message::Tick(tick))) = self.full.try_send(Message::Tick(tick)) {
            self.waiting = Some(tick);
        }
    }

    /// Hands over the trigger of an incident; false when the writer is too far behind.
    pub fn trigger(&mut self, trigger: Trigger) -> bool {
        self.full.try_send(Message::Trigger(trigger)).is_ok()
    }

    /// Hands over a remark, in order; false when the writer is too far behind.
    pub fn remark(&mut self, remark: Remark) -> bool {
        self.waiting.is_none() && self.full.try_send(Message::Remark(remark)).is_ok()
    }

    /// Hands over a request from the screen; false when the writer is too far behind.
    pub fn ask(&mut self, ask: Ask) -> bool {
        self.waiting.is_none() && self.full.try_send(Message::Ask(ask)).is_ok()
    }

    /// Hands over the end, and waits for room in the channel, `patience` at most.
    pub fn end(mut self, end: End, patience: Duration) {
        self.flush();
        let step = Duration::from_millis(5);
        let mut waited = Duration::ZERO;
        let mut last: Vec<Message> = vec![Message::End(Box::new(end))];
        last.extend(self.waiting.take().map(Message::Tick));
        while let Some(message) = last.pop() {
            match self.full.try_send(message) {
                Err(TrySendError::Full(message)) if waited < patience => {
                    last.push(message);
                    std::thread::sleep(step);
                    waited += step;
                }
                _ => {}
            }
        }
    }

    /// Number of entries lost since the start because the writer was behind.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }
}
