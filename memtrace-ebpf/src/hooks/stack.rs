//! Stacks of stalls, counted by stack, process, cgroup and kind.

use core::ffi::c_void;

use aya_ebpf::{
    bindings::{BPF_F_USER_STACK, BPF_NOEXIST},
    helpers::generated::bpf_get_stack,
};
use memtrace_common::{
    stack::{KERNEL_FRAMES, StackCounts, StackFrames, StackKey, USER_FRAMES, mix},
    totals::Loss,
};

use crate::{
    config::{CONFIG, loaded},
    emit::{add, lost},
    hooks::finished::Finished,
    maps::{STACK_COUNTS, STACK_ROOM, STACKS},
    option::or_zero,
    task,
};

/// Counts the stack on which a stall ends, when stacks are enabled.
#[inline(always)]
pub(crate) fn count(ctx: *mut c_void, finished: &Finished) {
    if loaded(&CONFIG.stacks) == 0 || finished.tgid == loaded(&CONFIG.self_tgid) {
        return;
    }
    let &Finished { kind, tid, tgid, dur_ns, .. } = finished;
    let (process_start_ns, _) = or_zero(task::process_start_ns(tid == tgid), 0);
    let (cgroup_id, _) = or_zero(task::current_memory_cgroup(), 0);
    // The stalls of each kind come from one program, and the kernel runs no program inside itself on a CPU: no other
    // run writes to this room, although another program may interrupt.
    let Some(room) = STACK_ROOM.get_ptr_mut(kind as u32) else { return };
    // SAFETY: a map value; the helper writes at most the given number of bytes.
    let hash = unsafe {
        let kernel = (&raw mut (*room).kernel).cast::<u64>();
        let user = (&raw mut (*room).user).cast::<u64>();
        let kernel_bytes = bpf_get_stack(ctx, kernel.cast(), (KERNEL_FRAMES * 8) as u32, 0);
        let user_bytes = bpf_get_stack(ctx, user.cast(), (USER_FRAMES * 8) as u32, u64::from(BPF_F_USER_STACK));
        (*room).kernel_bytes = kernel_bytes as i32;
        (*room).user_bytes = user_bytes as i32;
        let hash = mix(mix(0, u64::from(tgid)), process_start_ns);
        let hash = hashed::<KERNEL_FRAMES>(hash, kernel, kernel_bytes);
        hashed::<USER_FRAMES>(hash, user, user_bytes)
    };
    // SAFETY: as above; an entry that user space removes meanwhile is still memory of the map.
    unsafe {
        let frames: &StackFrames = &*room;
        if STACKS.get_ptr(hash).is_none()
            && STACKS.insert(hash, frames, u64::from(BPF_NOEXIST)).is_err()
            && STACKS.get_ptr(hash).is_none()
        {
            lost(Loss::Stack, 1);
            return;
        }
    }
    let key = StackKey { hash, cgroup_id, process_start_ns, tgid, kind: kind as u32 };
    if !add_to(&key, dur_ns) {
        // The insertion fails when another CPU has made the row meanwhile, or when there is no room.
        let _ = STACK_COUNTS.insert(key, StackCounts::default(), u64::from(BPF_NOEXIST));
        if !add_to(&key, dur_ns) {
            lost(Loss::Stack, 1);
        }
    }
}

/// Adds a stall to a row; false when the row does not exist.
#[inline(always)]
fn add_to(key: &StackKey, dur_ns: u64) -> bool {
    let Some(counts) = STACK_COUNTS.get_ptr_mut(key) else { return false };
    // SAFETY: a map value; other CPUs add to it as well, and an entry that user space removes is still memory of the
    // map.
    unsafe {
        add(&raw mut (*counts).stalls, 1);
        add(&raw mut (*counts).total_ns, dur_ns);
    }
    true
}

/// Continues the hash with the addresses that were written.
///
/// # Safety
/// `addresses` must point to `N` words.
#[inline(always)]
unsafe fn hashed<const N: usize>(mut hash: u64, addresses: *const u64, bytes: i64) -> u64 {
    let mut n = 0;
    while n < N {
        if n as i64 * 8 >= bytes {
            break;
        }
        // SAFETY: by contract.
        hash = mix(hash, unsafe { core::ptr::read_volatile(addresses.add(n)) });
        n += 1;
    }
    hash
}
