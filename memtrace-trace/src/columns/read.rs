//! Columns to entries. Nothing in them is trusted: every index and every length is checked.

use memtrace_common::{kind::StallKind, part::Part, record::KswapdStep, throttle::REASON_COUNT};

use super::{
    KSWAPD, MARK, NAME, OOM, SOURCE_SHIFT, STALL,
    oom::{decode_freed, decode_oom},
};
use crate::{
    model::Entry,
    optional::{decode, decode_signed, decode32, restore},
    sane::{MOST_NS, is_oom_sane, is_stall_sane},
    unreleased, wire,
};
use memtrace_core::{
    event::{Comm, Event, Kswapd, OffCpu, Oom, PartTimes, Stall, TopShrinker, Trigger},
    source::Source,
    throttle::Throttles,
};

/// Sum of the stalls of one process or cgroup in a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recorded {
    /// Number of stalls.
    pub(crate) count: u64,
    /// Time of the stalls, in ns.
    pub(crate) total_ns: u64,
}

/// The columns of a block, with the read position in each.
pub(crate) struct Columns<'a> {
    message: &'a wire::Events,
    t_ns: u64,
    times: usize,
    stalls: usize,
    throttled: usize,
    kswapds: usize,
    ooms: usize,
    names: usize,
    marks: usize,
}

/// An entry has an index out of range or an impossible number, or a column ends too early.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Torn;

impl<'a> Columns<'a> {
    /// The entries of this message, whose first time is `first_ns`.
    pub(crate) fn new(message: &'a wire::Events, first_ns: u64) -> Self {
        Self { message, t_ns: first_ns, times: 0, stalls: 0, throttled: 0, kswapds: 0, ooms: 0, names: 0, marks: 0 }
    }

    /// Adds all entries to `entries`, or none on an error. Fills `processes` and `cgroups` with the sums of stalls by
    /// place in the dictionaries; the last element of `cgroups` sums the stalls whose cgroup was not read.
    pub(crate) fn read(
        mut self,
        entries: &mut Vec<Entry>,
        processes: &mut Vec<Recorded>,
        cgroups: &mut Vec<Recorded>,
    ) -> Result<(), Torn> {
        let message = self.message;
        processes.clear();
        processes.resize(message.process_pid.len(), Recorded::default());
        cgroups.clear();
        cgroups.resize(message.cgroup_id.len() + 1, Recorded::default());
        if message.freed.iter().any(|freed| freed.t_ns.max(freed.marked_ns) >= MOST_NS) {
            return Err(Torn);
        }
        let before = entries.len();
        let mut freed = message.freed.iter().peekable();
        for (at, &kind) in message.entry.iter().enumerate() {
            while let Some(freed) = freed.next_if(|freed| freed.at as usize <= at) {
                entries.push(end_of_victim(freed));
            }
            let entry = match kind {
                STALL => self.stall(processes, cgroups).map(|stall| Entry::Event(Event::Stall(stall))),
                OOM => self.oom().map(|oom| Entry::Event(Event::Oom(oom))),
                KSWAPD => self.kswapd().map(|kswapd| Entry::Event(Event::Kswapd(kswapd))),
                NAME => self.name(),
                MARK => self.mark(),
                _ => None,
            };
            match entry {
                Some(entry) => entries.push(entry),
                None => {
                    entries.truncate(before);
                    return Err(Torn);
                }
            }
        }
        entries.extend(freed.map(end_of_victim));
        Ok(())
    }

    /// The times of a stall by part. Parts of a later version are not read.
    fn parts(&self, at: usize) -> Option<PartTimes> {
        let mut times = PartTimes::default();
        let message = self.message;
        for (part, column) in Part::ALL.into_iter().zip(&message.part) {
            times = times.with(part, decode(sparse(&column.ns, at)?));
        }
        if message.part.is_empty() {
            for (part, column) in unreleased::columns(message) {
                times = times.with(part, decode(sparse(column, at)?));
            }
        }
        Some(times)
    }

    fn time(&mut self) -> Option<u64> {
        self.t_ns = restore(*self.message.t_ns.get(self.times)?, self.t_ns);
        self.times += 1;
        (self.t_ns < MOST_NS).then_some(self.t_ns)
    }

    fn stall(&mut self, processes: &mut [Recorded], cgroups: &mut [Recorded]) -> Option<Stall> {
        let t_ns = self.time()?;
        let message = self.message;
        let at = self.stalls;
        self.stalls += 1;
        let task = *message.task.get(at)? as usize;
        let process = *message.task_process.get(task)? as usize;
        let kind = *message.kind.get(at)?;
        let dur_ns = *message.dur_ns.get(at)?;
        let cgroup = decode32(sparse(&message.cgroup, at)?);
        let cgroup_id = cgroup.map(|cgroup| message.cgroup_id.get(cgroup as usize).copied().ok_or(Torn)).transpose();
        let gfp = decode32(sparse(&message.gfp, at)?);
        let gfp = gfp.map(|gfp| message.gfp_flags.get(gfp as usize).copied().ok_or(Torn)).transpose();
        let function = decode32(sparse(&message.shrinker, at)?);
        let function = function.map(|at| message.shrinker_function.get(at as usize).copied().ok_or(Torn)).transpose();
        let shrinker_ns = sparse(&message.shrinker_ns, at)?;
        let times = self.parts(at)?;
        let (measured, estimated) =
            (decode(sparse(&message.off_cpu_ns, at)?), decode(sparse(&message.off_cpu_estimated_ns, at)?));
        let stall = Stall {
            t_ns,
            dur_ns,
            kind: StallKind::from_u8(kind & ((1 << SOURCE_SHIFT) - 1))?,
            source: Source::from_number(kind >> SOURCE_SHIFT)?,
            pid: *message.process_pid.get(process)?,
            tid: *message.task_tid.get(task)?,
            comm: Comm::from(message.task_comm.get(task)?.as_slice()),
            process_start_ns: decode(*message.process_start_ns.get(process)?),
            cgroup_id: cgroup_id.ok()?,
            nid: decode32(sparse(&message.nid, at)?),
            order: decode_signed(sparse(&message.order, at)?),
            gfp: gfp.ok()?,
            scanned_pages: decode(sparse(&message.scanned_pages, at)?),
            reclaimed_pages: decode(sparse(&message.reclaimed_pages, at)?),
            times,
            throttles: if times.get(Part::Throttle) > Some(0) { self.throttles()? } else { Throttles::default() },
            off_cpu: measured.map(OffCpu::Measured).or(estimated.map(OffCpu::Estimated)),
            top_shrinker: function.ok()?.map(|function| TopShrinker { function, ns: shrinker_ns }),
        };
        if !is_stall_sane(&stall) {
            return None;
        }
        let unread = cgroups.len().checked_sub(1)?;
        for reported in [processes.get_mut(process)?, cgroups.get_mut(cgroup.map_or(unread, |cgroup| cgroup as usize))?]
        {
            reported.count += 1;
            reported.total_ns = reported.total_ns.saturating_add(dur_ns);
        }
        Some(stall)
    }

    /// Throttle times of the next throttled stall; older traces have none.
    fn throttles(&mut self) -> Option<Throttles> {
        let all = &self.message.throttles_ns;
        if all.is_empty() {
            return Some(Throttles::default());
        }
        let ns: [u64; REASON_COUNT] = *all.get(self.throttled..)?.first_chunk()?;
        self.throttled += REASON_COUNT;
        Some(Throttles::of(ns))
    }

    fn kswapd(&mut self) -> Option<Kswapd> {
        let t_ns = self.time()?;
        let message = self.message;
        let at = self.kswapds;
        self.kswapds += 1;
        let gfp = decode32(*message.kswapd_gfp.get(at)?);
        let gfp = gfp.map(|gfp| message.gfp_flags.get(gfp as usize).copied().ok_or(Torn)).transpose().ok()?;
        let waker = match decode32(*message.kswapd_waker.get(at)?) {
            Some(waker) => Some(Trigger {
                pid: *message.waker_pid.get(waker as usize)?,
                comm: Comm::from(message.waker_comm.get(waker as usize)?.as_slice()),
            }),
            None => None,
        };
        Some(Kswapd {
            t_ns,
            nid: *message.kswapd_nid.get(at)?,
            step: match *message.kswapd_step.get(at)? {
                0 => KswapdStep::Wakeup,
                1 => KswapdStep::Wake,
                2 => KswapdStep::Sleep,
                _ => return None,
            },
            order: decode_signed(*message.kswapd_order.get(at)?),
            gfp,
            waker,
        })
    }

    fn oom(&mut self) -> Option<Oom> {
        let t_ns = self.time()?;
        let oom = self.message.oom.get(self.ooms)?;
        self.ooms += 1;
        Some(decode_oom(oom, t_ns)).filter(is_oom_sane)
    }

    fn name(&mut self) -> Option<Entry> {
        let name = self.message.name.get(self.names)?;
        self.names += 1;
        let comm = Comm::from(name.comm.as_slice());
        Some(Entry::Name { pid: name.pid, process_start_ns: decode(name.start_ns), comm })
    }

    fn mark(&mut self) -> Option<Entry> {
        let mark = self.message.mark.get(self.marks)?;
        self.marks += 1;
        Some(Entry::Mark { pid: mark.pid, process_start_ns: decode(mark.start_ns), in_command: mark.in_command })
    }
}

fn end_of_victim(freed: &wire::Freed) -> Entry {
    Entry::Event(Event::Freed(decode_freed(freed)))
}

/// A value of a column that may be left out.
fn sparse<T: Copy + Default>(column: &[T], at: usize) -> Option<T> {
    if column.is_empty() { Some(T::default()) } else { column.get(at).copied() }
}
