//! A thread exits: its state is removed.

use memtrace_common::totals::Loss;

use crate::{
    emit::lost,
    fields::Values,
    hooks::{freed, refault},
    inflight,
    maps::KSWAPD_TASKS,
    task,
};

/// `sched_process_exit`. The thread may still fault, and so stall, after this: a later begin simply opens a new entry.
#[inline(always)]
pub(crate) fn process_exit<V: Values>(_: &V) {
    let (tid, tgid) = task::current_ids();
    refault::process_exited(tid, tgid);
    freed::thread_exited(tid);
    if let Some(spans) = inflight::find(tid) {
        // SAFETY: the entry is this thread's own and lives until it is removed below.
        let open = unsafe { (*spans).depth };
        if open != 0 {
            lost(Loss::LostEnd, u64::from(open));
        }
        // SAFETY: the thread's own entry.
        unsafe { inflight::remove(tid, spans) };
    }
    let _ = KSWAPD_TASKS.remove(tid);
}
