//! Hooks that `perf_event_open` attaches: classic tracepoints, probes, the event of major faults.

use super::{Finding, Severity};
use crate::preflight::facts::Facts;
use memtrace_core::hook::{Attached, HookStatus};
use memtrace_probe::PERF_EVENT_OPEN;

/// Above this value of the sysctl, kernels of Debian and Ubuntu refuse the call to all who lack `CAP_SYS_ADMIN`;
/// upstream knows no such value. Debian: `security-perf-allow-further-restriction-of-perf_event_open.patch`.
const UPSTREAM_MOST: i32 = 2;

/// Finding if the sysctl keeps hooks from being attached. Without `proven`, no reclaim is measured at all.
pub(super) fn refused(facts: &Facts, hooks: &[HookStatus], proven: bool) -> Option<Finding> {
    let value = *facts.perf_event_paranoid.known()?;
    let is_admin = facts.capabilities.known().is_some_and(|caps| caps.sys_admin);
    let is_refused = |hook: &&HookStatus| match &hook.attached {
        Attached::No(why) => why.contains(PERF_EVENT_OPEN),
        _ => false,
    };
    let names: Vec<_> = hooks.iter().filter(is_refused).map(|hook| hook.name).collect();
    if value <= UPSTREAM_MOST || is_admin || names.is_empty() {
        return None;
    }
    let what = format!("kernel.perf_event_paranoid is {value}, and CAP_SYS_ADMIN is missing");
    let consequence = format!(
        "Above {UPSTREAM_MOST}, the kernels of Debian and Ubuntu refuse {PERF_EVENT_OPEN} even with CAP_PERFMON. Not \
         attached for this reason: {}.",
        names.join(", ")
    );
    let severity = if proven { Severity::Degraded } else { Severity::Fatal };
    Some(Finding::new(severity, what, consequence).fix(format!(
        "sudo sysctl kernel.perf_event_paranoid={UPSTREAM_MOST}\n\
         permanently: echo kernel.perf_event_paranoid={UPSTREAM_MOST} | sudo tee /etc/sysctl.d/60-memtrace.conf"
    )))
}
