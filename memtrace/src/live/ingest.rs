//! The drain path: ring record -> event -> session -> queue. Nothing here allocates per event, waits or formats.

use std::sync::Arc;

use super::output::Queue;
use crate::{host::cgroups::CgroupNames, record::Feed};
use memtrace_core::{
    decode::{self, DecodeContext, decode},
    event::{Comm, Event, Freed, Oom, Stall},
    session::{Session, evictors, faults::FaultsRead, filter::CgroupNames as _, item::Item, loss::Loss},
};
use memtrace_trace::model::Entry;

/// A process seen for the first time: pid and start.
pub(super) type NewProcess = (u32, Option<u64>);

/// State of the drain path.
pub struct Ingest {
    /// The session that takes the events.
    pub session: Session,
    /// Paths of cgroups, learnt when an id is first seen: after an OOM kill the cgroup may be gone.
    pub cgroups: CgroupNames,
    queue: Queue,
    context: DecodeContext,
    min_stall_ns: u64,
    kswapd_lines: bool,
    /// New processes whose name is not known yet.
    pub(super) unnamed: Vec<NewProcess>,
    /// OOM kills that have not gone out yet.
    pub(super) ooms: Vec<Oom>,
    /// Victims whose memory is back, but whose kills may not have gone out yet.
    pub(super) freed: Vec<Freed>,
    /// Evictors of the pages that refaulted since the last tick; `None` if they are not traced.
    pub evictors: Option<evictors::ByMemory<evictors::Interval>>,
    /// Feed of the recording; `None` without one.
    pub feed: Option<Feed>,
}

impl Ingest {
    /// A drain path with all its memory allocated. Stalls shorter than `min_stall_ns` are counted, not queued.
    #[must_use]
    pub fn new(session: Session, cgroups: CgroupNames, queue: Queue, min_stall_ns: u64, kswapd_lines: bool) -> Self {
        Self {
            session,
            cgroups,
            queue,
            context: DecodeContext::default(),
            min_stall_ns,
            kswapd_lines,
            unnamed: Vec::with_capacity(1024),
            ooms: Vec::with_capacity(64),
            freed: Vec::with_capacity(64),
            evictors: None,
            feed: None,
        }
    }

    /// Begins once the hooks are attached: the totals count from `start_ns` (`CLOCK_MONOTONIC`), and the values that
    /// the hooks provide are known.
    pub fn begin(&mut self, start_ns: u64, context: DecodeContext, faults: FaultsRead) {
        self.session.begin(start_ns, context.hooks, context.mglru, faults, context.sources);
        self.context = context;
    }

    /// Takes one ring record.
    pub fn ingest(&mut self, record: &[u8]) {
        if let Some(evictors) = self.evictors.as_mut().filter(|_| decode::is_refault(record)) {
            match decode::refault(record) {
                Ok(refault) => evictors.add(&refault),
                Err(_) => self.session.add_loss(Loss::Decode, 1),
            }
            return;
        }
        let event = match decode(record, &self.context) {
            Ok(event) => event,
            Err(e) => {
                self.session.add_loss(if e.is_unknown_kind() { Loss::UnknownKind } else { Loss::Decode }, 1);
                return;
            }
        };
        match &event {
            Event::Stall(stall) => self.ingest_stall(stall, &event),
            Event::Oom(oom) => {
                // Resolved now: the cgroup may be gone by the time that the kill goes out.
                for id in oom.cgroups() {
                    let _ = self.cgroups.resolve(id);
                }
                if self.ooms.len() < self.ooms.capacity() {
                    self.ooms.push(*oom);
                } else {
                    self.show_oom(*oom);
                }
            }
            Event::Freed(freed) => {
                if self.freed.len() < self.freed.capacity() {
                    self.freed.push(*freed);
                } else {
                    self.show_freed(*freed);
                }
            }
            Event::Kswapd(kswapd) => {
                self.session.apply(&event, &self.cgroups);
                self.record(Entry::Event(event), None);
                if self.kswapd_lines {
                    self.send(Item::Kswapd(*kswapd));
                }
            }
        }
    }

    fn ingest_stall(&mut self, stall: &Stall, event: &Event) {
        let path = stall.cgroup_id.and_then(|id| self.cgroups.resolve(id));
        let applied = self.session.apply(event, &self.cgroups);
        if applied.new_process && self.unnamed.len() < self.unnamed.capacity() {
            self.unnamed.push((stall.pid, stall.process_start_ns));
        }
        if applied.shown {
            self.record(Entry::Event(*event), stall.cgroup_id.zip(path.as_ref()));
        }
        if applied.shown && stall.dur_ns >= self.min_stall_ns {
            self.send(Item::Stall(*stall, path));
        }
    }

    /// Counts and shows an OOM kill.
    pub(super) fn show_oom(&mut self, oom: Oom) {
        let paths = [oom.victim.cgroup_id, oom.limit_cgroup_id()].map(|id| self.cgroups.resolve(id?));
        self.session.apply(&Event::Oom(oom), &self.cgroups);
        self.record(Entry::Event(Event::Oom(oom)), oom.victim.cgroup_id.zip(paths[0].as_ref()));
        if let (Some(id), Some(path), Some(feed)) = (oom.limit_cgroup_id(), &paths[1], &mut self.feed) {
            feed.path(id, path);
        }
        self.send(Item::Oom(oom, paths));
    }

    /// Notes and shows that a victim's memory is back.
    pub(super) fn show_freed(&mut self, freed: Freed) {
        self.session.apply(&Event::Freed(freed), &self.cgroups);
        self.record(Entry::Event(Event::Freed(freed)), None);
        self.send(Item::Freed(freed));
    }

    /// Sets the name of a process.
    pub(super) fn name_process(&mut self, (pid, process_start_ns): NewProcess, comm: Comm) {
        self.session.name_process(pid, process_start_ns, comm);
        self.record(Entry::Name { pid, process_start_ns, comm }, None);
    }

    /// Marks a process as belonging to the command that memtrace started, or not; `None` if that is unknown.
    pub(super) fn mark_process(&mut self, (pid, process_start_ns): NewProcess, in_command: Option<bool>) {
        self.session.mark_process(pid, process_start_ns, in_command);
        self.record(Entry::Mark { pid, process_start_ns, in_command }, None);
    }

    /// Learns the path of a cgroup that a tick names.
    pub(super) fn learn_path(&mut self, id: u64) {
        if let (Some(path), Some(feed)) = (self.cgroups.resolve(id), &mut self.feed) {
            feed.path(id, &path);
        }
    }

    /// Adds an entry that the session got to the trace too, in the same order.
    fn record(&mut self, entry: Entry, cgroup: Option<(u64, &Arc<[u8]>)>) {
        if let Some(feed) = &mut self.feed {
            feed.entry(entry, cgroup);
        }
    }

    /// Puts an item into the queue; counts an item that does not fit as loss.
    pub(super) fn send(&mut self, item: Item) {
        if !self.queue.try_send(item) {
            self.session.add_loss(Loss::Output, 1);
        }
    }

    /// The paths of these cgroups, as far as they are known.
    pub(super) fn paths(&self, ids: impl Iterator<Item = u64>) -> Vec<(u64, Arc<[u8]>)> {
        ids.filter_map(|id| Some((id, self.cgroups.path(id)?.into()))).collect()
    }
}
