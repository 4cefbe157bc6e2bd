//! Whether a stalled task runs. Attached only when it is asked for: it sees every context switch of the host.

use crate::{config::CONFIG, fields::Args, hooks::stall::now_ns, maps::INFLIGHT, task, task::Address};

/// `sched:sched_switch`. The current task is still the one that is taken off.
#[inline(always)]
pub(crate) fn switch(args: &Args<3>) {
    let (tid, _) = task::current_ids();
    if let Some(spans) = INFLIGHT.get_ptr_mut(tid) {
        // SAFETY: the entry is that of the thread that runs here; nobody else writes it.
        unsafe { (*spans).switched_out(now_ns()) };
    }
    let Some(next) = Address(args.raw(2)).read::<u32>(&CONFIG.task.pid) else { return };
    if let Some(spans) = INFLIGHT.get_ptr_mut(next) {
        // SAFETY: the thread does not run yet, and will run here.
        unsafe { (*spans).switched_in(now_ns()) };
    }
}
