//! The task iterator: finds the tasks that already wait for memory when memtrace attaches, and the kswapds.

use core::ffi::c_void;

use aya_ebpf::helpers;
use memtrace_common::{record::StalledTask, task::PF_MEMALLOC};

use crate::{
    config::{CONFIG, loaded},
    hooks::kswapd,
    memory::Address,
    task::is_kthread,
};

/// True for a task that waits for memory, by `in_memstall`, or by `PF_MEMALLOC` where the kernel has no such bit: the
/// latter misses the waits before and after reclaim.
#[inline(always)]
fn is_stalled(task: Address) -> bool {
    let Some(flags) = task.read::<u32>(&CONFIG.task.flags) else { return false };
    if is_kthread(task) {
        return false;
    }
    match task.read::<u8>(&CONFIG.task.memstall) {
        Some(byte) => u32::from(byte) & loaded(&CONFIG.task.memstall_mask) != 0,
        None => flags & PF_MEMALLOC != 0,
    }
}

/// Body of the task iterator: writes a [`StalledTask`] for each task that waits for memory, and finds the kswapds.
#[inline(always)]
pub(crate) fn list_if_stalled(ctx: *mut c_void) {
    let ctx = ctx.cast::<u64>();
    // SAFETY: `struct bpf_iter__task` is { meta, task }; the verifier checks both loads.
    let (meta, task) = unsafe { (core::ptr::read_volatile(ctx), core::ptr::read_volatile(ctx.add(1))) };
    if task == 0 {
        return; // the call after the last task
    }
    let task = Address(task);
    if is_kthread(task) {
        kswapd::know(task);
        return;
    }
    if !is_stalled(task) {
        return;
    }
    let members = &CONFIG.task;
    let (Some(tid), Some(tgid)) = (task.read(&members.pid), task.read(&members.tgid)) else { return };
    let record = StalledTask { tgid, tid, comm: task.read(&members.comm).unwrap_or_default() };
    // SAFETY: `seq` is the first member of `struct bpf_iter_meta`; the verifier checks its type. The record is on the
    // stack and has the given length. A full seq buffer makes the kernel call again with a larger one.
    unsafe {
        let seq = core::ptr::read_volatile(meta as *const *mut aya_ebpf::bindings::seq_file);
        helpers::generated::bpf_seq_write(seq, (&raw const record).cast(), size_of::<StalledTask>() as u32);
    }
}
