//! The lines of OOM kills and of kswapd.

use memtrace_common::record::KswapdStep;

use super::{
    number::{bytes_or_dash, or_dash},
    stall::cgroup,
    style::{Colour, Style},
};
use crate::{
    event::{Comm, Constraint, Kswapd, Oom},
    names::Names,
    untrusted::Untrusted,
};

/// The line of an OOM kill: the victim, then who ran out, which is often another. Never clipped.
#[must_use]
pub fn oom_line(oom: &Oom, names: &Names<'_>, style: Style) -> String {
    let victim = &oom.victim;
    let line = format!(
        "{} OOM KILL {}[{}] anon {} file {} shmem {} adj {} cgroup {} | out of memory: {}[{}] | limit: {}",
        names.clock.millis(oom.t_ns),
        victim.comm.as_ref().map_or_else(|| "-".to_owned(), name),
        victim.pid,
        bytes_or_dash(victim.anon_rss_bytes),
        bytes_or_dash(victim.file_rss_bytes),
        bytes_or_dash(victim.shmem_rss_bytes),
        or_dash(victim.oom_score_adj),
        cgroup(victim.cgroup_id, names),
        name(&oom.trigger.comm),
        oom.trigger.pid,
        limit(oom.constraint),
    );
    style.paint(line, Colour::Red)
}

/// The line of a kswapd change.
#[must_use]
pub fn kswapd_line(kswapd: &Kswapd, names: &Names<'_>) -> String {
    let head = format!("{} kswapd node {}", names.clock.millis(kswapd.t_ns), kswapd.nid);
    let order = or_dash(kswapd.order);
    match (kswapd.step, kswapd.waker) {
        (KswapdStep::Wakeup, Some(waker)) => format!(
            "{head} asked for by {}[{}] order {order} {}",
            name(&waker.comm),
            waker.pid,
            or_dash(kswapd.gfp.map(|gfp| names.gfp.render(gfp))),
        ),
        (KswapdStep::Wakeup, None) => format!("{head} asked for, order {order}"),
        (KswapdStep::Wake, _) => format!("{head} awake, order {order}"),
        (KswapdStep::Sleep, _) => format!("{head} asleep"),
    }
}

/// Which limit a kill enforced, in words.
pub(super) const fn limit(constraint: Option<Constraint>) -> &'static str {
    match constraint {
        Some(Constraint::Memcg) => "memory cgroup",
        Some(Constraint::None) => "none, the host ran out",
        Some(Constraint::Cpuset) => "cpuset",
        Some(Constraint::Mempolicy) => "memory policy",
        None => "not known",
    }
}

/// A task name for a terminal.
pub(super) fn name(comm: &Comm) -> String {
    Untrusted(comm.bytes()).tty().to_string()
}
