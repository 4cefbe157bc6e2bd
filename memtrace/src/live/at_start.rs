//! Pressure, OOM kills and tasks in reclaim from before the start: gathered once, at attach.

use std::time::Duration;

use crate::host::{
    kmsg::{KernelLog, LogKill},
    pressure,
};
use memtrace_core::{
    at_start::{AtStart, PastOom, TaskInReclaim},
    units::duration::nanoseconds,
    untrusted::Text,
};
use memtrace_probe::stalled::AlreadyStalled;

/// Age up to which past kills are reported.
const WINDOW: Duration = Duration::from_secs(3600);

/// Gathers the state before `now_ns`. The log is read up to its end.
pub(super) fn gather(
    now_ns: u64,
    log: &mut Result<KernelLog, String>,
    stalled: &Result<Vec<AlreadyStalled>, String>,
) -> AtStart {
    let kills = match log {
        Ok(log) => log.poll().map_err(|e| format!("/dev/kmsg: {e}")),
        Err(why) => Err(why.clone()),
    };
    // The log may begin later: the host is young, or the log's ring was overwritten.
    let oldest_ns = log.as_ref().ok().and_then(KernelLog::oldest_ns).unwrap_or(now_ns);
    let window_ns = nanoseconds(WINDOW).min(now_ns.saturating_sub(oldest_ns));
    AtStart {
        pressure: pressure::read().map_err(Text::from),
        oom_kills: kills
            .map(|kills| kills.into_iter().rev().filter_map(|kill| past(kill, now_ns, window_ns)).collect())
            .map_err(Text::from),
        oom_window_ns: window_ns,
        in_reclaim: stalled
            .as_ref()
            .map_err(|why| why.as_str().into())
            .map(|tasks| tasks.iter().map(in_reclaim).collect()),
    }
}

fn past(kill: LogKill, now_ns: u64, window_ns: u64) -> Option<PastOom> {
    let ago_ns = now_ns.saturating_sub(kill.t_ns);
    (ago_ns <= window_ns).then(|| PastOom {
        ago_ns,
        pid: kill.pid,
        comm: kill.comm.bytes().into(),
        cgroup: kill.task_memcg.map(Text::from),
        constraint: kill.constraint,
    })
}

fn in_reclaim(task: &AlreadyStalled) -> TaskInReclaim {
    TaskInReclaim { pid: task.pid, tid: task.tid, comm: task.comm }
}
