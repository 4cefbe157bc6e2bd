//! Reads values of a task, at members whose offsets the loader has from BTF.

use aya_ebpf::helpers::{self, bpf_get_current_pid_tgid};
use memtrace_common::{
    config::cgroup_source,
    record::COMM_LEN,
    task::{PF_KTHREAD, PF_MEMALLOC},
};

use crate::{
    config::{CONFIG, loaded},
    memory::{Address, Memory, Typed},
};

/// Thread id and process id of the current task.
#[inline(always)]
pub(crate) fn current_ids() -> (u32, u32) {
    let both = bpf_get_current_pid_tgid();
    (both as u32, (both >> 32) as u32)
}

/// Name of the current thread.
#[inline(always)]
pub(crate) fn current_comm() -> [u8; COMM_LEN] {
    helpers::bpf_get_current_comm().unwrap_or_default()
}

/// Name of the process that the current task belongs to: that of its first thread, or its own where that cannot be
/// read.
#[inline(always)]
pub(crate) fn current_process_comm() -> [u8; COMM_LEN] {
    let members = &CONFIG.task;
    match current().follow(&members.group_leader).and_then(|leader| leader.read(&members.comm)) {
        Some(comm) => comm,
        None => current_comm(),
    }
}

/// The current task.
#[inline(always)]
pub(crate) fn current() -> Address {
    // SAFETY: the helper takes no argument and cannot fail.
    Address(unsafe { helpers::generated::bpf_get_current_task() })
}

/// Evaluates an expression on the current task: by its type where the kernel provides one, else by its address.
macro_rules! of_current {
    (|$task:ident| $said:expr) => {
        if loaded(&CONFIG.task.typed) != 0 {
            // SAFETY: the helper takes no argument and cannot fail.
            let $task = Typed(unsafe { helpers::generated::bpf_get_current_task_btf() } as u64);
            $said
        } else {
            let $task = current();
            $said
        }
    };
}

/// Start of the process that the current task belongs to; `leads` is true when the task is its first thread.
#[inline(always)]
pub(crate) fn process_start_ns(leads: bool) -> Option<u64> {
    let members = &CONFIG.task;
    match leads {
        true => of_current!(|task| task.read(&members.start_time)),
        false => of_current!(|task| task.follow(&members.group_leader)?.read(&members.start_time)),
    }
}

/// Run time of the current task in ns, as of its last tick or switch.
#[inline(always)]
fn ran_ns() -> Option<u64> {
    of_current!(|task| task.read(&CONFIG.task.ran))
}

/// Run time of the current task in ns, as of its last tick or switch, to estimate the time off CPU; 0 where that is
/// measured, or not read.
#[inline(always)]
pub(crate) fn ran_ns_to_estimate() -> u64 {
    if loaded(&CONFIG.off_cpu) != 0 {
        return 0;
    }
    match ran_ns() {
        Some(ns) => ns,
        None => 0,
    }
}

/// Voluntary context switches of the current task.
#[inline(always)]
pub(crate) fn switches() -> Option<u64> {
    of_current!(|task| task.read(&CONFIG.task.switches))
}

/// Pages by which the current task is over `memory.high`, for which it has to pay before it goes on.
#[inline(always)]
pub(crate) fn over_high() -> Option<u32> {
    of_current!(|task| task.read(&CONFIG.task.over_high))
}

/// True when the current task is a kernel thread, which works at reclaim and is not stalled by it.
#[inline(always)]
pub(crate) fn current_is_kthread() -> bool {
    current_flags() & PF_KTHREAD != 0
}

/// True when the kernel reports that the current task is not yet in a section that it counts as a memory stall; false
/// where the kernel keeps no account of these.
#[inline(always)]
pub(crate) fn current_enters_memstall() -> bool {
    match of_current!(|task| task.read::<u8>(&CONFIG.task.memstall)) {
        Some(byte) => u32::from(byte) & loaded(&CONFIG.task.memstall_mask) == 0,
        None => false,
    }
}

/// True when the current task is inside reclaim, as a kernel thread or for its own allocation.
#[inline(always)]
pub(crate) fn reclaims() -> bool {
    current_flags() & PF_MEMALLOC != 0
}

/// `task_struct.flags` of the current task; 0 when they are not read.
#[inline(always)]
fn current_flags() -> u32 {
    match of_current!(|task| task.read::<u32>(&CONFIG.task.flags)) {
        Some(flags) => flags,
        None => 0,
    }
}

/// Id of the memory cgroup of a task. On both cgroup versions this is where the task's memory is charged, which on v2
/// can be an ancestor of the cgroup that the task is in.
#[inline(always)]
pub(crate) fn memory_cgroup_of<M: Memory>(task: M) -> Option<u64> {
    let members = &CONFIG.task;
    id_of_css(task.follow(&members.cgroups)?.follow(&members.memory_css)?)
}

/// Id of a `mem_cgroup`.
#[inline(always)]
pub(crate) fn id_of_memcg<M: Memory>(memcg: M) -> Option<u64> {
    id_of_css(memcg.at(&CONFIG.refault.memcg_css)?)
}

#[inline(always)]
fn id_of_css<M: Memory>(css: M) -> Option<u64> {
    let members = &CONFIG.task;
    css.follow(&members.css_cgroup)?.follow(&members.cgroup_kn)?.read(&members.kn_id)
}

/// Id of the memory cgroup of the current task.
#[inline(always)]
pub(crate) fn current_memory_cgroup() -> Option<u64> {
    match loaded(&CONFIG.cgroup_source) {
        cgroup_source::WALK => of_current!(|task| memory_cgroup_of(task)),
        // SAFETY: the helper takes no argument and cannot fail.
        cgroup_source::HELPER => Some(unsafe { helpers::generated::bpf_get_current_cgroup_id() }),
        _ => None,
    }
}

/// True for a kernel thread, which works at reclaim and is not stalled by it.
#[inline(always)]
pub(crate) fn is_kthread(task: Address) -> bool {
    match task.read::<u32>(&CONFIG.task.flags) {
        Some(flags) => flags & PF_KTHREAD != 0,
        None => false,
    }
}
