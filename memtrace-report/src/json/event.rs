//! Objects of single events.

use memtrace_common::{kind::StallKind, part::Part};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    container::Container,
    parts::{Parts, Throttles},
    values::{Name, Shown, name, text},
    words,
};
use memtrace_core::{clock::Rfc3339, event, gfp::GfpFlags, names::Names, session::parts};

/// A stall that ended.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Stall<'a> {
    /// End, `CLOCK_MONOTONIC` in ns.
    pub t_ns: u64,
    /// End, RFC 3339 in UTC; null when a damaged trace has lost the time of day.
    pub time: Option<Shown<Rfc3339>>,
    /// Duration in ns.
    pub dur_ns: u64,
    /// Kind of stall.
    #[schemars(with = "words::Kind")]
    pub kind: &'static str,
    /// Accuracy of `dur_ns`: the true stall, a lower bound or an estimate.
    #[schemars(with = "words::Source")]
    pub source: &'static str,
    /// Process id.
    pub pid: u32,
    /// Thread id.
    pub tid: u32,
    /// Name of the thread.
    pub comm: Name<'a>,
    /// Path of the task's memory cgroup.
    pub cgroup: Option<Name<'a>>,
    /// Id of that cgroup.
    pub cgroup_id: Option<u64>,
    /// The container, pod or unit that it belongs to.
    pub container: Option<Container<'a>>,
    /// Node that was reclaimed; null where the event has none.
    pub nid: Option<u32>,
    /// Node of the CPU on which the stall ended, for the kinds whose event names no node.
    pub cpu_nid: Option<u32>,
    /// Order of the allocation.
    pub order: Option<i32>,
    /// Flags of the allocation, by name.
    pub gfp: Option<Shown<GfpFlags<'a>>>,
    /// Pages scanned.
    pub scanned_pages: Option<u64>,
    /// Pages reclaimed.
    pub reclaimed_pages: Option<u64>,
    /// Time in `reclaim_throttle`, in ns.
    pub throttled_ns: Option<u64>,
    /// `throttled_ns` by reason; null where the reasons are not known.
    pub throttles: Option<Throttles>,
    /// `dur_ns` by part; the parts add up to it.
    pub parts: Parts,
    /// Time in which the task did not run, in ns; null where that is not measured (`--off-cpu`).
    pub off_cpu_ns: Option<u64>,
    /// Estimate of `off_cpu_ns`, for a stall of 20 ms and more where it is not measured; otherwise null.
    pub off_cpu_estimated_ns: Option<u64>,
}

impl<'a> Stall<'a> {
    /// The object of a stall.
    #[must_use]
    pub fn new(stall: &'a event::Stall, names: &Names<'a>) -> Self {
        Self {
            t_ns: stall.t_ns,
            time: names.clock.rfc3339(stall.t_ns).map(Shown),
            dur_ns: stall.dur_ns,
            kind: stall.kind.name(),
            source: stall.source.name(),
            pid: stall.pid,
            tid: stall.tid,
            comm: name(stall.comm.bytes()),
            cgroup: names.cgroup(stall.cgroup_id).map(name),
            cgroup_id: stall.cgroup_id,
            container: Container::of(stall.cgroup_id, names),
            nid: stall.nid.filter(|_| stall.kind == StallKind::Node),
            cpu_nid: stall.nid.filter(|_| stall.kind != StallKind::Node),
            order: stall.order,
            gfp: stall.gfp.map(|gfp| Shown(names.gfp.render(gfp))),
            scanned_pages: stall.scanned_pages,
            reclaimed_pages: stall.reclaimed_pages,
            throttled_ns: stall.times.get(Part::Throttle),
            throttles: Throttles::of(stall.times.get(Part::Throttle), stall.throttles),
            parts: parts::Parts::of(stall).into(),
            off_cpu_ns: stall.off_cpu.and_then(event::OffCpu::measured_ns),
            off_cpu_estimated_ns: stall.off_cpu.and_then(event::OffCpu::estimated_ns),
        }
    }
}

/// A process by id and name.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// Name of the process.
    pub comm: String,
}

impl Process {
    pub(super) fn new(trigger: &event::Trigger) -> Self {
        Self { pid: trigger.pid, comm: text(trigger.comm.bytes()) }
    }
}

/// A change of one kswapd.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Kswapd {
    /// Time, `CLOCK_MONOTONIC` in ns.
    pub t_ns: u64,
    /// Time, RFC 3339 in UTC; null when a damaged trace has lost the time of day.
    pub time: Option<Shown<Rfc3339>>,
    /// Node of the kswapd.
    pub nid: u32,
    /// `wakeup` (requested by a task), `wake` or `sleep`.
    #[schemars(with = "words::KswapdStep")]
    pub step: &'static str,
    /// Order of the allocation that it is for.
    pub order: Option<i32>,
    /// Flags of that allocation, by name, for a wakeup.
    pub gfp: Option<String>,
    /// Process that requested it, for a wakeup.
    pub waker: Option<Process>,
}

impl Kswapd {
    /// The object of a kswapd change.
    #[must_use]
    pub fn new(kswapd: &event::Kswapd, names: &Names<'_>) -> Self {
        Self {
            t_ns: kswapd.t_ns,
            time: names.clock.rfc3339(kswapd.t_ns).map(Shown),
            nid: kswapd.nid,
            step: kswapd.step.name(),
            order: kswapd.order,
            gfp: kswapd.gfp.map(|gfp| names.gfp.render(gfp).to_string()),
            waker: kswapd.waker.as_ref().map(Process::new),
        }
    }
}
