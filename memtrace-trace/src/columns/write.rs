//! Entries to columns.

use std::{collections::HashMap, mem};

use memtrace_common::{part::Part, record::KswapdStep};

use super::{
    KSWAPD, MARK, NAME, OOM, SOURCE_SHIFT, STALL,
    oom::{encode_freed, encode_oom},
};
use crate::{
    model::Entry,
    optional::{difference, encode, encode_signed, encode32},
    wire,
};
use memtrace_core::event::{Comm, Event, Kswapd, OffCpu, Stall};

/// Place of a stall's process in the dictionary of a block. The caller keeps it, since it looks the process up anyway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Located {
    /// Number of the block that `index` belongs to.
    block: u64,
    index: u32,
}

/// Columns that grow until they are written.
#[derive(Debug, Default)]
pub(crate) struct ColumnWriter {
    message: wire::Events,
    /// Number of the block, from 1.
    block: u64,
    tasks: HashMap<(u32, u32, Comm), u32>,
    cgroups: HashMap<u64, u32>,
    last_task: Option<((u32, u32, Comm), u32)>,
    last_cgroup: Option<(u64, u32)>,
    wakers: HashMap<(u32, Comm), u32>,
    first_ns: Option<u64>,
    last_ns: u64,
    /// Latest time at which the memory of a victim was freed, in ns.
    freed_ns: u64,
    /// Approximate size of the message in bytes.
    bytes: usize,
}

impl ColumnWriter {
    /// Columns without entries.
    pub(crate) fn new() -> Self {
        Self { block: 1, ..Self::default() }
    }

    /// Number of entries so far.
    pub(crate) fn len(&self) -> usize {
        self.message.entry.len()
    }

    /// True when there is nothing to be written.
    pub(crate) fn is_empty(&self) -> bool {
        self.message.entry.is_empty() && self.message.freed.is_empty()
    }

    /// Approximate size before compression in bytes, rounded up.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a stall. `located` is the place of its process in the dictionary, set here when the block lacks the
    /// process.
    pub(crate) fn stall(&mut self, stall: &Stall, located: &mut Located) {
        self.begin(STALL, Some(stall.t_ns));
        let process = self.process(stall, located);
        let task = self.task((process, stall.tid, stall.comm));
        let cgroup = stall.cgroup_id.map(|id| self.cgroup(id));
        let gfp = stall.gfp.map(|flags| self.gfp(flags));
        let shrinker = stall.top_shrinker.map(|top| self.shrinker(top.function));
        let message = &mut self.message;
        message.dur_ns.push(stall.dur_ns);
        message.kind.push(stall.kind as u8 | stall.source.number() << SOURCE_SHIFT);
        message.task.push(task);
        message.cgroup.push(encode32(cgroup));
        message.order.push(encode_signed(stall.order));
        message.gfp.push(encode32(gfp));
        message.nid.push(encode32(stall.nid));
        message.scanned_pages.push(encode(stall.scanned_pages));
        message.reclaimed_pages.push(encode(stall.reclaimed_pages));
        message.part.resize_with(Part::COUNT, Default::default);
        for (part, column) in Part::ALL.into_iter().zip(&mut message.part) {
            column.ns.push(encode(stall.times.get(part)));
        }
        if stall.times.get(Part::Throttle) > Some(0) {
            message.throttles_ns.extend(stall.throttles.ns());
            self.bytes += 4 * size_of::<u64>();
        }
        message.off_cpu_ns.push(encode(stall.off_cpu.and_then(OffCpu::measured_ns)));
        message.off_cpu_estimated_ns.push(encode(stall.off_cpu.and_then(OffCpu::estimated_ns)));
        message.shrinker.push(encode32(shrinker));
        message.shrinker_ns.push(stall.top_shrinker.map_or(0, |top| top.ns));
        self.bytes += 52;
    }

    /// Adds an entry. A stall gets a new place in the dictionary.
    pub(crate) fn other(&mut self, entry: &Entry) {
        match entry {
            Entry::Event(Event::Stall(stall)) => self.stall(stall, &mut Located::default()),
            Entry::Event(Event::Oom(oom)) => {
                self.begin(OOM, Some(oom.t_ns));
                self.message.oom.push(encode_oom(oom));
                self.bytes += 160;
            }
            Entry::Event(Event::Freed(freed)) => {
                if self.first_ns.is_none() {
                    (self.first_ns, self.last_ns) = (Some(freed.t_ns), freed.t_ns);
                }
                self.freed_ns = self.freed_ns.max(freed.t_ns);
                self.message.freed.push(encode_freed(freed, index(self.message.entry.len())));
                self.bytes += 64;
            }
            Entry::Event(Event::Kswapd(kswapd)) => self.kswapd(kswapd),
            Entry::Name { pid, process_start_ns, comm } => {
                self.begin(NAME, None);
                let name = wire::Name { pid: *pid, start_ns: encode(*process_start_ns), comm: comm.bytes().to_vec() };
                self.message.name.push(name);
                self.bytes += 48;
            }
            Entry::Mark { pid, process_start_ns, in_command } => {
                self.begin(MARK, None);
                let mark = wire::Mark { pid: *pid, start_ns: encode(*process_start_ns), in_command: *in_command };
                self.message.mark.push(mark);
                self.bytes += 32;
            }
        }
    }

    /// Ids of the cgroups that this block names.
    pub(crate) fn cgroups(&self) -> Vec<u64> {
        let limit = |oom: &wire::Oom| oom.call.as_ref().and_then(|call| call.cgroup_id);
        let of_victims = self.message.oom.iter().flat_map(|oom| [oom.cgroup_id, limit(oom)]).flatten();
        self.message.cgroup_id.iter().copied().chain(of_victims).collect()
    }

    /// The columns with their first and last time, to be written.
    pub(crate) fn message(&mut self) -> (&wire::Events, (u64, u64)) {
        drop_empty(&mut self.message);
        let first_ns = self.first_ns.unwrap_or(0);
        (&self.message, (first_ns, self.last_ns.max(first_ns).max(self.freed_ns)))
    }

    /// Forgets all entries, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        clear(&mut self.message);
        self.block += 1;
        self.tasks.clear();
        self.cgroups.clear();
        self.wakers.clear();
        (self.last_task, self.last_cgroup) = (None, None);
        (self.first_ns, self.last_ns, self.freed_ns, self.bytes) = (None, 0, 0, 0);
    }

    fn begin(&mut self, kind: u8, t_ns: Option<u64>) {
        self.message.entry.push(kind);
        if let Some(t_ns) = t_ns {
            let before = if self.first_ns.is_some() { self.last_ns } else { t_ns };
            self.first_ns.get_or_insert(t_ns);
            self.message.t_ns.push(difference(t_ns, before));
            self.last_ns = t_ns;
        }
        self.bytes += 1;
    }

    fn process(&mut self, stall: &Stall, located: &mut Located) -> u32 {
        if located.block != self.block {
            *located = Located { block: self.block, index: index(self.message.process_pid.len()) };
            self.message.process_pid.push(stall.pid);
            self.message.process_start_ns.push(encode(stall.process_start_ns));
            self.bytes += 16;
        }
        located.index
    }

    fn task(&mut self, key: (u32, u32, Comm)) -> u32 {
        if let Some((last, at)) = self.last_task
            && last == key
        {
            return at;
        }
        let message = &mut self.message;
        let at = *self.tasks.entry(key).or_insert_with(|| {
            let (process, tid, comm) = key;
            message.task_tid.push(tid);
            message.task_process.push(process);
            message.task_comm.push(comm.bytes().to_vec());
            self.bytes += 32;
            index(message.task_tid.len() - 1)
        });
        self.last_task = Some((key, at));
        at
    }

    fn cgroup(&mut self, id: u64) -> u32 {
        if let Some((last, at)) = self.last_cgroup
            && last == id
        {
            return at;
        }
        let message = &mut self.message;
        let at = *self.cgroups.entry(id).or_insert_with(|| {
            message.cgroup_id.push(id);
            self.bytes += 10;
            index(message.cgroup_id.len() - 1)
        });
        self.last_cgroup = Some((id, at));
        at
    }

    /// Place of a set of flags, by linear search: a few sets make up nearly all allocations.
    fn gfp(&mut self, flags: u32) -> u32 {
        let known = &mut self.message.gfp_flags;
        let at = known.iter().position(|&known| known == flags).unwrap_or_else(|| {
            known.push(flags);
            self.bytes += 5;
            known.len() - 1
        });
        index(at)
    }

    /// Place of a shrinker's function, by linear search: a kernel has few shrinkers.
    fn shrinker(&mut self, function: u64) -> u32 {
        let known = &mut self.message.shrinker_function;
        let at = known.iter().position(|&known| known == function).unwrap_or_else(|| {
            known.push(function);
            self.bytes += 8;
            known.len() - 1
        });
        index(at)
    }

    fn kswapd(&mut self, kswapd: &Kswapd) {
        self.begin(KSWAPD, Some(kswapd.t_ns));
        let gfp = kswapd.gfp.map(|flags| self.gfp(flags));
        let message = &mut self.message;
        let waker = kswapd.waker.map(|waker| {
            *self.wakers.entry((waker.pid, waker.comm)).or_insert_with(|| {
                message.waker_pid.push(waker.pid);
                message.waker_comm.push(waker.comm.bytes().to_vec());
                self.bytes += 24;
                index(message.waker_pid.len() - 1)
            })
        });
        message.kswapd_step.push(match kswapd.step {
            KswapdStep::Wakeup => 0,
            KswapdStep::Wake => 1,
            KswapdStep::Sleep => 2,
        });
        message.kswapd_nid.push(kswapd.nid);
        message.kswapd_order.push(encode_signed(kswapd.order));
        message.kswapd_gfp.push(encode32(gfp));
        message.kswapd_waker.push(encode32(waker));
        self.bytes += 24;
    }
}

/// Blocks are far smaller than 2^32 entries.
fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Empties columns that are 0 throughout.
fn drop_empty(message: &mut wire::Events) {
    let short = [&mut message.nid, &mut message.cgroup, &mut message.order, &mut message.gfp, &mut message.shrinker];
    for column in short {
        if column.iter().all(|&value| value == 0) {
            column.clear();
        }
    }
    let long = [
        &mut message.scanned_pages,
        &mut message.reclaimed_pages,
        &mut message.shrinker_ns,
        &mut message.off_cpu_ns,
        &mut message.off_cpu_estimated_ns,
    ];
    for column in long.into_iter().chain(message.part.iter_mut().map(|part| &mut part.ns)) {
        if column.iter().all(|&value| value == 0) {
            column.clear();
        }
    }
}

/// Empties the message and keeps its memory; `prost`'s own `clear` would free that of the byte columns and the parts.
fn clear(message: &mut wire::Events) {
    let mut old = mem::take(message);
    old.entry.clear();
    old.kind.clear();
    old.kswapd_step.clear();
    let mut part = mem::take(&mut old.part);
    part.iter_mut().for_each(|column| column.ns.clear());
    prost::Message::clear(&mut old);
    old.part = part;
    *message = old;
}
