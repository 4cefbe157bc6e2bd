//! Time in which a stalled task does not run: measured at every context switch of the host on request, otherwise
//! estimated for long stalls from the run time that the scheduler accounts.

use memtrace_common::{record::fields, span::TaskSpans};

use crate::{
    config::CONFIG,
    fields::Values,
    inflight,
    memory::{Memory as _, Typed},
    task,
    time::now_ns,
};

/// Stalls shorter than this have no estimate: the scheduler updates the run time only at its ticks (every 1 to 10 ms)
/// and at switches.
const LONG_NS: u64 = 20_000_000;

/// `sched:sched_switch`. The current task is still the one that is switched out.
#[inline(always)]
pub(crate) fn switch<V: Values>(v: &V) {
    let (tid, _) = task::current_ids();
    if let Some(spans) = inflight::find(tid) {
        // SAFETY: the entry is that of the thread that runs here; nobody else writes it.
        unsafe { (*spans).switched_out(now_ns()) };
    }
    let Some(next) = comes(v) else { return };
    if let Some(spans) = inflight::find(next) {
        // SAFETY: the thread does not run yet, and will run here.
        unsafe { (*spans).switched_in(now_ns()) };
    }
}

/// Thread id of the task that is switched in.
#[inline(always)]
fn comes<V: Values>(v: &V) -> Option<u32> {
    let layout = &V::layout().switch;
    match v.get(&layout.task) {
        // A raw argument: the verifier knows its type.
        Some(task) => Typed(task).read(&CONFIG.task.pid),
        None => v.get(&layout.pid).map(|pid| pid as u32),
    }
}

/// Time in which the current task did not run during a stall that ends, with its bit of [`fields`]; both 0 without an
/// estimate.
#[inline(always)]
pub(crate) fn estimated(spans: &TaskSpans, dur_ns: u64) -> (u64, u32) {
    if dur_ns < LONG_NS || spans.ran_ns == 0 {
        return (0, 0);
    }
    match task::ran_ns_to_estimate() {
        0 => (0, 0),
        now => (dur_ns.saturating_sub(now.saturating_sub(spans.ran_ns)), fields::OFF_CPU_ESTIMATED),
    }
}
