//! Decodes ring records to events: a total function from bytes.
//!
//! The header is read with checks, the record is a copy of exactly its bytes, and numbers of a closed set are looked
//! up. Bytes that are not a record give a typed error for the ledger. The ring never leaves the machine that wrote it:
//! native byte order.

mod refault;

use bytes::{Buf as _, TryGetError};
use memtrace_common::{
    kind::StallKind,
    part::Part,
    record::{
        FreedRecord, Header, KIND_FREED, KIND_KSWAPD, KIND_OOM, KIND_STALL, KswapdRecord, KswapdStep, OomRecord,
        StallRecord, fields, freed_by,
    },
};
use thiserror::Error;
use zerocopy::FromBytes;

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

/// Facts that a record does not hold. A field of a record is valid only when the hook that fills it is attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecodeContext {
    /// The hooks that are attached.
    pub hooks: HookSet,
    /// The relation of the durations of each kind to the true stall.
    pub sources: Sources,
    /// MGLRU is on. Some kernels then emit no shrink event, so the absence of shrinks does not mean that nothing was
    /// scanned.
    pub mglru: bool,
}

/// Reason why bytes from the ring are not an event.
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
    /// True when the record may be from a newer kernel side, rather than damaged.
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

/// The event in one ring record.
///
/// # Errors
/// When the bytes are not exactly one record of a known kind with valid numbers.
pub fn decode(bytes: &[u8], context: &DecodeContext) -> Result<Event, DecodeError> {
    match kind(bytes)? {
        KIND_STALL => stall(&record(bytes)?, context).map(Event::Stall),
        KIND_OOM => oom(&record(bytes)?, context).map(Event::Oom),
        KIND_FREED => freed(&record(bytes)?).map(Event::Freed),
        KIND_KSWAPD => kswapd(&record(bytes)?).map(Event::Kswapd),
        kind => Err(DecodeError::UnknownKind(kind)),
    }
}

/// The header of a record.
fn header(mut bytes: &[u8]) -> Result<Header, DecodeError> {
    let no_header = DecodeError::NoHeader { len: bytes.len() };
    let mut read = || -> Result<Header, TryGetError> {
        Ok(Header {
            kind: bytes.try_get_u16_ne()?,
            len: bytes.try_get_u16_ne()?,
            cpu: bytes.try_get_u32_ne()?,
            t_ns: bytes.try_get_u64_ne()?,
        })
    };
    read().map_err(|_| no_header)
}

fn kind(bytes: &[u8]) -> Result<u16, DecodeError> {
    header(bytes).map(|header| header.kind)
}

/// Copies the record; the bytes must have exactly its size, and its header must agree.
fn record<T: FromBytes>(bytes: &[u8]) -> Result<T, DecodeError> {
    let Header { kind, len: said, .. } = header(bytes)?;
    let wrong = DecodeError::WrongLength { kind, len: bytes.len(), said, want: size_of::<T>() };
    if usize::from(said) != size_of::<T>() {
        return Err(wrong);
    }
    T::read_from_bytes(bytes).map_err(|_| wrong)
}

fn stall(r: &StallRecord, context: &DecodeContext) -> Result<Stall, DecodeError> {
    let number = r.stall_kind;
    let kind = StallKind::from_u8(number).ok_or(DecodeError::UnknownStallKind(number))?;
    let read = Fields(r.fields);
    let reclaimed_pages = read.has(fields::RECLAIMED).then_some(r.reclaimed_pages);
    let unseen = context.mglru && r.shrinks == 0 && reclaimed_pages.is_some_and(|reclaimed| reclaimed > 0);
    Ok(Stall {
        t_ns: r.header.t_ns,
        dur_ns: r.dur_ns,
        kind,
        source: context.sources.of(kind),
        pid: r.tgid,
        tid: r.tid,
        comm: Comm(r.comm),
        process_start_ns: read.has(fields::PROCESS_START).then_some(r.process_start_ns),
        cgroup_id: read.has(fields::CGROUP).then_some(r.cgroup_id),
        nid: read.has(fields::NID).then(|| node(r.nid)).transpose()?,
        order: read.has(fields::ORDER).then_some(r.order),
        gfp: read.has(fields::GFP).then_some(r.gfp),
        scanned_pages: (context.hooks.has(HookId::ShrinkInactive) && !unseen).then_some(r.scanned_pages),
        reclaimed_pages,
        times: times(r, |part| match part {
            Part::Throttle => context.hooks.has(HookId::Throttled),
            Part::Scan => context.hooks.has(HookId::ShrinkInactive) && !unseen,
            Part::Shrinkers => context.hooks.has(HookId::ShrinkerBegin),
            Part::SoftLimit => context.hooks.has(HookId::SoftLimitBegin),
            Part::Reclaim => kind.has_nested(),
        }),
        throttles: match context.hooks.has(HookId::Throttled) {
            true => Throttles::of_us(r.throttled_us.map(u64::from)),
            false => Throttles::default(),
        },
        top_shrinker: top_shrinker(r).filter(|_| context.hooks.has(HookId::ShrinkerBegin)),
        off_cpu: off_cpu(r, context),
    })
}

/// The times of the parts that were measured.
fn times(r: &StallRecord, is_measured: impl Fn(Part) -> bool) -> PartTimes {
    PartTimes::of(|part| is_measured(part).then(|| r.spent.ns(part)))
}

fn off_cpu(r: &StallRecord, context: &DecodeContext) -> Option<OffCpu> {
    let read = Fields(r.fields);
    let ns = r.off_cpu_ns;
    match (read.has(fields::OFF_CPU_ESTIMATED), context.hooks.has(HookId::OffCpu) && read.has(fields::OFF_CPU)) {
        (true, _) => Some(OffCpu::Estimated(ns)),
        (false, true) => Some(OffCpu::Measured(ns)),
        (false, false) => None,
    }
}

fn top_shrinker(r: &StallRecord) -> Option<TopShrinker> {
    let function = r.shrinker;
    (function != 0).then_some(TopShrinker { function, ns: r.shrinker_ns })
}

fn oom(r: &OomRecord, context: &DecodeContext) -> Result<Oom, DecodeError> {
    let read = Fields(r.fields);
    let rss = |bytes| read.has(fields::VICTIM_RSS).then_some(bytes);
    let call = read.has(fields::CALL).then(|| oom_call(r, read)).transpose()?;
    let last_reclaim = match (read.has(fields::AFTER_MEMCG), read.has(fields::AFTER_GLOBAL)) {
        (true, _) => Some(LastReclaim::Memcg),
        (false, true) => Some(LastReclaim::Global),
        (false, false) => None,
    };
    // After global reclaim it may still be a cpuset or a memory policy that ran out: only the call or the kernel log
    // shows which.
    let inferred = (last_reclaim == Some(LastReclaim::Memcg)).then_some(Constraint::Memcg);
    Ok(Oom {
        t_ns: r.header.t_ns,
        victim: Victim {
            pid: r.pid,
            tid: r.tid,
            comm: read.has(fields::VICTIM_COMM).then_some(Comm(r.comm)),
            cgroup_id: read.has(fields::CGROUP).then_some(r.cgroup_id),
            anon_rss_bytes: rss(r.anon_rss_bytes),
            file_rss_bytes: rss(r.file_rss_bytes),
            shmem_rss_bytes: rss(r.shmem_rss_bytes),
            oom_score_adj: read.has(fields::VICTIM_ADJ).then_some(r.oom_score_adj),
        },
        trigger: Trigger { pid: r.trigger_tgid, comm: Comm(r.trigger_comm) },
        constraint: call.and_then(|call| call.constraint).or(inferred),
        call,
        dying: context.hooks.has(HookId::OomCall) && call.is_none(),
        last_reclaim,
        logged: None,
        memory_back: None,
    })
}

/// The call of the OOM killer in which a victim was marked.
fn oom_call(r: &OomRecord, read: Fields) -> Result<OomCall, DecodeError> {
    let constraint = read.has(fields::CONSTRAINT).then_some(match r.constraint {
        0 => Ok(Constraint::None),
        1 => Ok(Constraint::Cpuset),
        2 => Ok(Constraint::Mempolicy),
        3 => Ok(Constraint::Memcg),
        number => Err(DecodeError::UnknownConstraint(number)),
    });
    Ok(OomCall {
        number: r.call,
        victim: r.victim_of_call,
        constraint: constraint.transpose()?,
        cgroup_id: read.has(fields::LIMIT_CGROUP).then_some(r.limit_cgroup_id),
        order: read.has(fields::ORDER).then_some(r.order),
        gfp: read.has(fields::GFP).then_some(r.gfp),
        points: read.has(fields::POINTS).then_some(r.points),
        total_pages: read.has(fields::TOTAL_PAGES).then_some(r.total_pages),
    })
}

fn freed(r: &FreedRecord) -> Result<Freed, DecodeError> {
    let read = Fields(r.fields);
    Ok(Freed {
        t_ns: r.header.t_ns,
        marked_ns: r.marked_ns,
        pid: r.pid,
        tid: r.tid,
        comm: read.has(fields::VICTIM_COMM).then_some(Comm(r.comm)),
        by: match r.by {
            freed_by::EXIT => FreedBy::Exit,
            freed_by::REAPER => FreedBy::Reaper,
            number => return Err(DecodeError::UnknownEnd(number)),
        },
    })
}

fn kswapd(r: &KswapdRecord) -> Result<Kswapd, DecodeError> {
    let number = r.step;
    let step = KswapdStep::from_u8(number).ok_or(DecodeError::UnknownStep(number))?;
    let read = Fields(r.fields);
    Ok(Kswapd {
        t_ns: r.header.t_ns,
        nid: node(r.nid)?,
        step,
        order: read.has(fields::ORDER).then_some(r.order),
        gfp: read.has(fields::GFP).then_some(r.gfp),
        waker: (step == KswapdStep::Wakeup).then_some(Trigger { pid: r.tgid, comm: Comm(r.comm) }),
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

fn node(nid: i32) -> Result<u32, DecodeError> {
    u32::try_from(nid).map_err(|_| DecodeError::BadNode(nid))
}

#[cfg(test)]
mod tests;
