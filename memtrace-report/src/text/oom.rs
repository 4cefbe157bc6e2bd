//! The lines of OOM kills and of kswapd.

use std::fmt::Write as _;

use memtrace_common::record::KswapdStep;

use super::{
    number::{bytes_or_dash, duration, or_dash},
    stall::cgroup,
    style::{Colour, Style},
};
use memtrace_core::{
    event::{Comm, Constraint, Freed, FreedBy, Kswapd, LastReclaim, MemoryBack, Oom},
    names::Names,
    untrusted::Untrusted,
};

/// The line of an OOM kill: the victim, then the process that ran out of memory, often another one, then the reason.
/// Never clipped.
#[must_use]
pub fn oom_line(oom: &Oom, names: &Names<'_>, style: Style) -> String {
    let victim = &oom.victim;
    let mut line = format!(
        "{} OOM KILL {}[{}] anon {} file {} shmem {} adj {} cgroup {} | out of memory: {}[{}]",
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
    );
    if let Some(call) = &oom.call {
        // `is_sysrq_oom`: there is no allocation then.
        let wanted = match call.order {
            Some(-1) => "sysrq f".to_owned(),
            order => format!("order {} {}", or_dash(order), or_dash(call.gfp.map(|gfp| names.gfp.render(gfp)))),
        };
        let _ = write!(line, ", {wanted}");
    }
    let _ = write!(line, " | limit: {}", limit(oom.constraint));
    if oom.limit_cgroup_id().is_some() {
        let _ = write!(line, " {}", cgroup(oom.limit_cgroup_id(), names));
    }
    if oom.signs_disagree() {
        let _ = write!(
            line,
            " (DISAGREE: call {}, last reclaim {}, kernel log {})",
            or_dash(oom.call.and_then(|call| call.constraint).map(Constraint::name)),
            or_dash(oom.last_reclaim.map(LastReclaim::name)),
            or_dash(oom.logged.map(Constraint::name)),
        );
    }
    match &oom.call {
        Some(call) if call.victim > 1 => {
            let _ = write!(line, " | call {}, victim {}: memory.oom.group", call.number, call.victim);
        }
        Some(call) => {
            let (points, total) = (or_dash(call.points), or_dash(call.total_pages));
            let _ = write!(line, " | call {}: {points} of {total} pages", call.number);
        }
        None if oom.dying => line.push_str(" | no OOM call: the victim was already dying"),
        None => {}
    }
    if let Some(back) = &oom.memory_back {
        let _ = write!(line, " | {}", memory_back(back));
    }
    style.paint(line, Colour::Red)
}

/// The line of a victim's freed memory.
#[must_use]
pub fn freed_line(freed: &Freed, names: &Names<'_>, style: Style) -> String {
    let line = format!(
        "{} OOM victim {}[{}]: {}",
        names.clock.millis(freed.t_ns),
        freed.comm.as_ref().map_or_else(|| "-".to_owned(), name),
        freed.pid,
        memory_back(&freed.memory_back()),
    );
    style.paint(line, Colour::Red)
}

/// The time until the memory was freed, in words.
fn memory_back(back: &MemoryBack) -> String {
    let by = match back.by {
        FreedBy::Exit => "",
        FreedBy::Reaper => " (OOM reaper: the victim lingers)",
    };
    format!("memory back after {}{by}", duration(back.after_ns))
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

/// The limit that a kill enforced, in words.
pub(super) const fn limit(constraint: Option<Constraint>) -> &'static str {
    match constraint {
        Some(Constraint::Memcg) => "memory cgroup",
        Some(Constraint::None) => "none, the host ran out of memory",
        Some(Constraint::Cpuset) => "cpuset",
        Some(Constraint::Mempolicy) => "memory policy",
        None => "not known",
    }
}

/// A task name for a terminal.
pub(super) fn name(comm: &Comm) -> String {
    Untrusted(comm.bytes()).tty().to_string()
}
