//! Ring records to events: a total function from bytes, with no view of a struct over them.
//!
//! Every field is read by its offset after the length was checked, numbers of a closed set are looked up, and what is
//! not a record is a typed error for the ledger. The ring never leaves the machine that wrote it: native byte order.

mod refault;

use std::mem::offset_of;

use memtrace_common::{
    kind::StallKind,
    part::Part,
    record::{
        COMM_LEN, FreedRecord, Header, KIND_FREED, KIND_KSWAPD, KIND_OOM, KIND_STALL, KswapdRecord, KswapdStep,
        OomRecord, StallRecord, fields, freed_by,
    },
    throttle::REASON_COUNT,
};
use thiserror::Error;

pub use self::refault::{is_refault, refault};
use crate::{
    event::{
        Comm, Constraint, Event, Freed, FreedBy, Kswapd, LastReclaim, OffCpu, Oom, OomCall, PartTimes, Stall,
        TopShrinker, Trigger, Victim,
    },
    hook::{HookId, HookSet},
    source::Sources,
    throttle::Throttles,
};

/// The facts that a record does not hold: a number of it means something only when the hook that fills it is attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecodeContext {
    /// The hooks that are attached.
    pub hooks: HookSet,
    /// The relation of the durations of each kind to the true stall.
    pub sources: Sources,
    /// MGLRU is on. Some kernels then emit no shrink event, so no shrink does not mean nothing scanned.
    pub mglru: bool,
}

/// Why bytes from the ring are not an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// Fewer bytes than a header has.
    #[error("record of {len} bytes has no header")]
    NoHeader {
        /// Bytes at hand.
        len: usize,
    },
    /// The header, the bytes at hand and the size of the kind do not agree.
    #[error("record of kind {kind}: {len} bytes at hand, header says {said}, kind has {want}")]
    WrongLength {
        /// `Header::kind`.
        kind: u16,
        /// Bytes at hand.
        len: usize,
        /// `Header::len`.
        said: u16,
        /// Size of this kind of record.
        want: usize,
    },
    /// No such kind of record.
    #[error("unknown kind of record {0}")]
    UnknownKind(u16),
    /// No such kind of stall.
    #[error("unknown kind of stall {0}")]
    UnknownStallKind(u8),
    /// No such step of kswapd.
    #[error("unknown step of kswapd {0}")]
    UnknownStep(u8),
    /// No such limit of an OOM kill.
    #[error("unknown constraint of an OOM kill {0}")]
    UnknownConstraint(u32),
    /// No such way in which memory comes back.
    #[error("unknown end of an OOM victim {0}")]
    UnknownEnd(u32),
    /// A node number that no node can have.
    #[error("node {0} cannot be")]
    BadNode(i32),
}

impl DecodeError {
    /// Whether the record may be from a newer kernel side, rather than damaged.
    #[must_use]
    pub const fn is_unknown_kind(self) -> bool {
        matches!(
            self,
            Self::UnknownKind(_)
                | Self::UnknownStallKind(_)
                | Self::UnknownStep(_)
                | Self::UnknownConstraint(_)
                | Self::UnknownEnd(_)
        )
    }
}

/// The event that one ring record tells.
///
/// # Errors
/// When the bytes are not exactly one record of a known kind with numbers that can be.
pub fn decode(bytes: &[u8], context: &DecodeContext) -> Result<Event, DecodeError> {
    let size = |kind| match kind {
        KIND_STALL => Some(size_of::<StallRecord>()),
        KIND_OOM => Some(size_of::<OomRecord>()),
        KIND_KSWAPD => Some(size_of::<KswapdRecord>()),
        KIND_FREED => Some(size_of::<FreedRecord>()),
        _ => None,
    };
    let r = whole(bytes, size)?;
    match u16::from_ne_bytes(r.take(offset_of!(Header, kind))) {
        KIND_STALL => stall(r, context).map(Event::Stall),
        KIND_OOM => oom(r, context).map(Event::Oom),
        KIND_FREED => freed(r).map(Event::Freed),
        _ => kswapd(r).map(Event::Kswapd),
    }
}

/// The bytes of exactly one record of a kind that has a size.
fn whole(bytes: &[u8], size: impl Fn(u16) -> Option<usize>) -> Result<Reader<'_>, DecodeError> {
    if bytes.len() < size_of::<Header>() {
        return Err(DecodeError::NoHeader { len: bytes.len() });
    }
    let r = Reader(bytes);
    let kind = u16::from_ne_bytes(r.take(offset_of!(Header, kind)));
    let said = u16::from_ne_bytes(r.take(offset_of!(Header, len)));
    let want = size(kind).ok_or(DecodeError::UnknownKind(kind))?;
    if bytes.len() != want || usize::from(said) != want {
        return Err(DecodeError::WrongLength { kind, len: bytes.len(), said, want });
    }
    Ok(r)
}

fn stall(r: Reader<'_>, context: &DecodeContext) -> Result<Stall, DecodeError> {
    let number = r.u8(offset_of!(StallRecord, stall_kind));
    let kind = StallKind::from_u8(number).ok_or(DecodeError::UnknownStallKind(number))?;
    let read = Fields(r.u32(offset_of!(StallRecord, fields)));
    let reclaimed_pages = read.has(fields::RECLAIMED).then(|| r.u64(offset_of!(StallRecord, reclaimed_pages)));
    let unseen = context.mglru
        && r.u32(offset_of!(StallRecord, shrinks)) == 0
        && reclaimed_pages.is_some_and(|reclaimed| reclaimed > 0);
    Ok(Stall {
        t_ns: r.u64(offset_of!(Header, t_ns)),
        dur_ns: r.u64(offset_of!(StallRecord, dur_ns)),
        kind,
        source: context.sources.of(kind),
        pid: r.u32(offset_of!(StallRecord, tgid)),
        tid: r.u32(offset_of!(StallRecord, tid)),
        comm: r.comm(offset_of!(StallRecord, comm)),
        process_start_ns: read.has(fields::PROCESS_START).then(|| r.u64(offset_of!(StallRecord, process_start_ns))),
        cgroup_id: read.has(fields::CGROUP).then(|| r.u64(offset_of!(StallRecord, cgroup_id))),
        nid: read.has(fields::NID).then(|| r.node(offset_of!(StallRecord, nid))).transpose()?,
        order: read.has(fields::ORDER).then(|| r.i32(offset_of!(StallRecord, order))),
        gfp: read.has(fields::GFP).then(|| r.u32(offset_of!(StallRecord, gfp))),
        scanned_pages: (context.hooks.has(HookId::ShrinkInactive) && !unseen)
            .then(|| r.u64(offset_of!(StallRecord, scanned_pages))),
        reclaimed_pages,
        times: times(r, |part| match part {
            Part::Throttle => context.hooks.has(HookId::Throttled),
            Part::Scan => context.hooks.has(HookId::ShrinkInactive) && !unseen,
            Part::Shrinkers => context.hooks.has(HookId::ShrinkerBegin),
            Part::SoftLimit => context.hooks.has(HookId::SoftLimitBegin),
            Part::Reclaim => kind.has_nested(),
        }),
        throttles: match context.hooks.has(HookId::Throttled) {
            true => Throttles::of_us(throttled_us(r)),
            false => Throttles::default(),
        },
        top_shrinker: top_shrinker(r).filter(|_| context.hooks.has(HookId::ShrinkerBegin)),
        off_cpu: off_cpu(r, context),
    })
}

/// The times of the parts that were measured.
fn times(r: Reader<'_>, is_measured: impl Fn(Part) -> bool) -> PartTimes {
    let ns = |part: Part| r.u64(offset_of!(StallRecord, spent) + part as usize * size_of::<u64>());
    PartTimes::of(|part| is_measured(part).then(|| ns(part)))
}

fn throttled_us(r: Reader<'_>) -> [u64; REASON_COUNT] {
    let us = |reason: usize| r.u32(offset_of!(StallRecord, throttled_us) + reason * size_of::<u32>());
    std::array::from_fn(us).map(u64::from)
}

fn off_cpu(r: Reader<'_>, context: &DecodeContext) -> Option<OffCpu> {
    let read = Fields(r.u32(offset_of!(StallRecord, fields)));
    let ns = r.u64(offset_of!(StallRecord, off_cpu_ns));
    match (read.has(fields::OFF_CPU_ESTIMATED), context.hooks.has(HookId::OffCpu) && read.has(fields::OFF_CPU)) {
        (true, _) => Some(OffCpu::Estimated(ns)),
        (false, true) => Some(OffCpu::Measured(ns)),
        (false, false) => None,
    }
}

fn top_shrinker(r: Reader<'_>) -> Option<TopShrinker> {
    let function = r.u64(offset_of!(StallRecord, shrinker));
    (function != 0).then(|| TopShrinker { function, ns: r.u64(offset_of!(StallRecord, shrinker_ns)) })
}

fn oom(r: Reader<'_>, context: &DecodeContext) -> Result<Oom, DecodeError> {
    let read = Fields(r.u32(offset_of!(OomRecord, fields)));
    let rss = |at| read.has(fields::VICTIM_RSS).then(|| r.u64(at));
    let call = read.has(fields::CALL).then(|| oom_call(r, read)).transpose()?;
    let last_reclaim = match (read.has(fields::AFTER_MEMCG), read.has(fields::AFTER_GLOBAL)) {
        (true, _) => Some(LastReclaim::Memcg),
        (false, true) => Some(LastReclaim::Global),
        (false, false) => None,
    };
    // After global reclaim it may still be a cpuset or a memory policy that ran out: only the call or the kernel log tells.
    let inferred = (last_reclaim == Some(LastReclaim::Memcg)).then_some(Constraint::Memcg);
    Ok(Oom {
        t_ns: r.u64(offset_of!(Header, t_ns)),
        victim: Victim {
            pid: r.u32(offset_of!(OomRecord, pid)),
            tid: r.u32(offset_of!(OomRecord, tid)),
            comm: read.has(fields::VICTIM_COMM).then(|| r.comm(offset_of!(OomRecord, comm))),
            cgroup_id: read.has(fields::CGROUP).then(|| r.u64(offset_of!(OomRecord, cgroup_id))),
            anon_rss_bytes: rss(offset_of!(OomRecord, anon_rss_bytes)),
            file_rss_bytes: rss(offset_of!(OomRecord, file_rss_bytes)),
            shmem_rss_bytes: rss(offset_of!(OomRecord, shmem_rss_bytes)),
            oom_score_adj: read.has(fields::VICTIM_ADJ).then(|| r.i32(offset_of!(OomRecord, oom_score_adj))),
        },
        trigger: Trigger {
            pid: r.u32(offset_of!(OomRecord, trigger_tgid)),
            comm: r.comm(offset_of!(OomRecord, trigger_comm)),
        },
        constraint: call.and_then(|call| call.constraint).or(inferred),
        call,
        dying: context.hooks.has(HookId::OomCall) && call.is_none(),
        last_reclaim,
        logged: None,
        memory_back: None,
    })
}

/// The call of the OOM killer in which a victim was marked.
fn oom_call(r: Reader<'_>, read: Fields) -> Result<OomCall, DecodeError> {
    let constraint = read.has(fields::CONSTRAINT).then(|| match r.u32(offset_of!(OomRecord, constraint)) {
        0 => Ok(Constraint::None),
        1 => Ok(Constraint::Cpuset),
        2 => Ok(Constraint::Mempolicy),
        3 => Ok(Constraint::Memcg),
        number => Err(DecodeError::UnknownConstraint(number)),
    });
    Ok(OomCall {
        number: r.u64(offset_of!(OomRecord, call)),
        victim: r.u32(offset_of!(OomRecord, victim_of_call)),
        constraint: constraint.transpose()?,
        cgroup_id: read.has(fields::LIMIT_CGROUP).then(|| r.u64(offset_of!(OomRecord, limit_cgroup_id))),
        order: read.has(fields::ORDER).then(|| r.i32(offset_of!(OomRecord, order))),
        gfp: read.has(fields::GFP).then(|| r.u32(offset_of!(OomRecord, gfp))),
        points: read.has(fields::POINTS).then(|| r.i64(offset_of!(OomRecord, points))),
        total_pages: read.has(fields::TOTAL_PAGES).then(|| r.u64(offset_of!(OomRecord, total_pages))),
    })
}

fn freed(r: Reader<'_>) -> Result<Freed, DecodeError> {
    let read = Fields(r.u32(offset_of!(FreedRecord, fields)));
    Ok(Freed {
        t_ns: r.u64(offset_of!(Header, t_ns)),
        marked_ns: r.u64(offset_of!(FreedRecord, marked_ns)),
        pid: r.u32(offset_of!(FreedRecord, pid)),
        tid: r.u32(offset_of!(FreedRecord, tid)),
        comm: read.has(fields::VICTIM_COMM).then(|| r.comm(offset_of!(FreedRecord, comm))),
        by: match r.u32(offset_of!(FreedRecord, by)) {
            freed_by::EXIT => FreedBy::Exit,
            freed_by::REAPER => FreedBy::Reaper,
            number => return Err(DecodeError::UnknownEnd(number)),
        },
    })
}

fn kswapd(r: Reader<'_>) -> Result<Kswapd, DecodeError> {
    let number = r.u8(offset_of!(KswapdRecord, step));
    let step = KswapdStep::from_u8(number).ok_or(DecodeError::UnknownStep(number))?;
    let read = Fields(r.u32(offset_of!(KswapdRecord, fields)));
    Ok(Kswapd {
        t_ns: r.u64(offset_of!(Header, t_ns)),
        nid: r.node(offset_of!(KswapdRecord, nid))?,
        step,
        order: read.has(fields::ORDER).then(|| r.i32(offset_of!(KswapdRecord, order))),
        gfp: read.has(fields::GFP).then(|| r.u32(offset_of!(KswapdRecord, gfp))),
        waker: (step == KswapdStep::Wakeup).then(|| Trigger {
            pid: r.u32(offset_of!(KswapdRecord, tgid)),
            comm: r.comm(offset_of!(KswapdRecord, comm)),
        }),
    })
}

/// Bits of [`fields`].
#[derive(Clone, Copy)]
struct Fields(u32);

impl Fields {
    const fn has(self, bit: u32) -> bool {
        self.0 & bit != 0
    }
}

/// Values at offsets of a record whose length was checked.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    /// The bytes at an offset; zeros where there are none, which the length check rules out.
    fn take<const N: usize>(self, at: usize) -> [u8; N] {
        self.0.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
    }

    fn u8(self, at: usize) -> u8 {
        u8::from_ne_bytes(self.take(at))
    }

    fn u32(self, at: usize) -> u32 {
        u32::from_ne_bytes(self.take(at))
    }

    fn i32(self, at: usize) -> i32 {
        i32::from_ne_bytes(self.take(at))
    }

    fn u64(self, at: usize) -> u64 {
        u64::from_ne_bytes(self.take(at))
    }

    fn i64(self, at: usize) -> i64 {
        i64::from_ne_bytes(self.take(at))
    }

    fn node(self, at: usize) -> Result<u32, DecodeError> {
        let nid = self.i32(at);
        u32::try_from(nid).map_err(|_| DecodeError::BadNode(nid))
    }

    fn comm(self, at: usize) -> Comm {
        Comm(self.take::<COMM_LEN>(at))
    }
}

#[cfg(test)]
mod tests;
