//! Refaults, major faults and swap-ins, charged to the process that pays and to its memory cgroup. They are only
//! counted; user space drains the counts at each tick.

use memtrace_common::{
    field::MemberOffset,
    refault::{RefaultCounts, SLOT_ALL, SLOT_OWN, TaskFaults, TaskKey},
};

use crate::{
    config::{CONFIG, loaded},
    emit::add,
    fields::{Args, Values as _},
    maps::{CGROUP_REFAULTS, LRUVEC_RUNS, REFAULT_TOTALS, TASK_FAULTS},
    memory::{Address, Typed},
    option::id_or_zero,
    task,
};

/// `memcg:mod_memcg_lruvec_state`: fires for every change of every counter of a memory cgroup, so the item is checked
/// first.
#[inline(always)]
pub(crate) fn lruvec_state(args: &Args<3>) {
    if let Some(runs) = LRUVEC_RUNS.get_ptr_mut(0) {
        // SAFETY: a map value of this CPU. A run that interrupts another one may go uncounted: the count serves an
        // estimate.
        unsafe { *runs += 1 };
    }
    let which = (args.raw(1) as u32).wrapping_sub(loaded(&CONFIG.refault.first_item));
    if which >= 6 {
        return;
    }
    let Some(value) = args.get(&CONFIG.refault.value) else { return };
    // An int on 6.18, a long on 7.2 (`include/trace/events/memcg.h`); refaults only grow.
    let pages = if loaded(&CONFIG.refault.value).size == 4 { i64::from(value as i32) } else { value as i64 };
    if pages <= 0 {
        return;
    }
    let pages = pages as u64;
    let counts = match which {
        0 => RefaultCounts { anon_pages: pages, events: 1, ..RefaultCounts::default() },
        1 => RefaultCounts { file_pages: pages, events: 1, ..RefaultCounts::default() },
        2 | 3 => RefaultCounts { activated_pages: pages, ..RefaultCounts::default() },
        _ => RefaultCounts { restored_pages: pages, ..RefaultCounts::default() },
    };
    count_refault(&counts, id_or_zero(task::id_of_memcg(Typed(args.raw(0)))));
}

/// `workingset_refault(folio, ...)` at its entry (kprobe) or return (fexit). At the return the folio's flags show
/// whether it was activated or restored.
#[inline(always)]
pub(crate) fn refault(folio: u64, out: bool) {
    let layout = &CONFIG.refault;
    let folio = Address(folio);
    let Some(flags) = folio.read::<u64>(&layout.flags) else { return };
    let pages = pages_of(folio, flags);
    let mut counts = RefaultCounts { events: 1, ..RefaultCounts::default() };
    if has(flags, &layout.swapbacked) {
        counts.anon_pages = pages;
    } else {
        counts.file_pages = pages;
    }
    if out && has(flags, &layout.active) {
        counts.activated_pages = pages;
    }
    if out && has(flags, &layout.workingset) {
        counts.restored_pages = pages;
    }
    // A page that comes back is charged to the cgroup of the task that brings it back; a page from swap to that of the
    // task it was taken from, nearly always the same. The cgroup in the folio itself has a different form on each
    // kernel.
    count_refault(&counts, id_or_zero(task::current_memory_cgroup()));
}

/// A folio is read back from swap.
#[inline(always)]
pub(crate) fn swap_in(folio: u64) {
    let folio = Address(folio);
    let Some(flags) = folio.read::<u64>(&CONFIG.refault.flags) else { return };
    if let Some(faults) = own_entry() {
        // SAFETY: a map value; an entry is removed well after its process has exited.
        unsafe { add(&raw mut (*faults).swapin_pages, pages_of(folio, flags)) };
    }
}

/// A major fault of the current task (a software event of the kernel).
#[inline(always)]
pub(crate) fn major_fault() {
    if let Some(faults) = own_entry() {
        // SAFETY: a map value; an entry is removed well after its process has exited.
        unsafe { add(&raw mut (*faults).major_faults, 1) };
    }
}

/// The first thread of a process exits: user space may remove the entry of the process.
#[inline(always)]
pub(crate) fn process_exited(tid: u32, tgid: u32) {
    if tid != tgid {
        return;
    }
    let start_ns = task::process_start_ns(true).unwrap_or(0);
    if let Some(faults) = TASK_FAULTS.get_ptr_mut(TaskKey { start_ns, tgid, pad: 0 }) {
        // SAFETY: a map value.
        unsafe { (*faults).exited = 1 };
    }
}

#[inline(always)]
pub(super) fn has(flags: u64, bit: &'static MemberOffset) -> bool {
    match loaded(bit).offset() {
        Some(bit) => flags >> (bit & 63) & 1 != 0,
        None => false,
    }
}

/// Number of pages of a folio: 1, unless it has a head flag and its number can be read.
#[inline(always)]
pub(super) fn pages_of(folio: Address, flags: u64) -> u64 {
    if !has(flags, &CONFIG.refault.head) {
        return 1;
    }
    match folio.read::<u32>(&CONFIG.refault.nr_pages) {
        Some(pages) if pages > 0 => u64::from(pages),
        _ => 1,
    }
}

/// The entry of the current process, created if needed; `None` when there is no room. Then the counts are in the totals
/// only.
#[inline(always)]
fn own_entry() -> Option<*mut TaskFaults> {
    let (tid, tgid) = task::current_ids();
    let start_ns = task::process_start_ns(tid == tgid).unwrap_or(0);
    let key = TaskKey { start_ns, tgid, pad: 0 };
    if let Some(faults) = TASK_FAULTS.get_ptr_mut(key) {
        return Some(faults);
    }
    let fresh = TaskFaults {
        cgroup_id: task::current_memory_cgroup().unwrap_or(0),
        comm: task::current_comm(),
        ..TaskFaults::default()
    };
    // Another thread of the process may have been faster: then its entry is taken.
    let _ = TASK_FAULTS.insert(key, fresh, u64::from(aya_ebpf::bindings::BPF_NOEXIST));
    TASK_FAULTS.get_ptr_mut(key)
}

/// Adds to the totals always, and to the tables when they have room: the rest is the difference of the two.
#[inline(always)]
fn count_refault(counts: &RefaultCounts, cgroup_id: u64) {
    let (_, tgid) = task::current_ids();
    let slot = if tgid == loaded(&CONFIG.self_tgid) { SLOT_OWN } else { SLOT_ALL };
    if let Some(totals) = REFAULT_TOTALS.get_ptr_mut(slot) {
        // SAFETY: a map value.
        unsafe { add_counts(totals, counts) };
    }
    // memtrace's own refaults are in no other number: with them the sum of the cgroups' rows would exceed the total.
    if slot == SLOT_OWN {
        return;
    }
    if let Some(faults) = own_entry() {
        // SAFETY: a map value; an entry is removed well after its process has exited.
        unsafe { add_counts(&raw mut (*faults).refaults, counts) };
    }
    if cgroup_id == 0 {
        return;
    }
    if let Some(cgroup) = entry_of(cgroup_id) {
        // SAFETY: a map value.
        unsafe { add_counts(cgroup, counts) };
    }
}

/// The entry of a cgroup, created if needed; `None` when there is no room.
#[inline(always)]
fn entry_of(cgroup_id: u64) -> Option<*mut RefaultCounts> {
    if let Some(counts) = CGROUP_REFAULTS.get_ptr_mut(cgroup_id) {
        return Some(counts);
    }
    let _ = CGROUP_REFAULTS.insert(cgroup_id, RefaultCounts::default(), u64::from(aya_ebpf::bindings::BPF_NOEXIST));
    CGROUP_REFAULTS.get_ptr_mut(cgroup_id)
}

/// # Safety
/// `to` must be a valid map value.
#[inline(always)]
unsafe fn add_counts(to: *mut RefaultCounts, counts: &RefaultCounts) {
    // SAFETY: by contract. Other CPUs add to the same entry, so the additions are atomic.
    unsafe {
        if counts.file_pages != 0 {
            add(&raw mut (*to).file_pages, counts.file_pages);
        }
        if counts.anon_pages != 0 {
            add(&raw mut (*to).anon_pages, counts.anon_pages);
        }
        if counts.events != 0 {
            add(&raw mut (*to).events, counts.events);
        }
        if counts.activated_pages != 0 {
            add(&raw mut (*to).activated_pages, counts.activated_pages);
        }
        if counts.restored_pages != 0 {
            add(&raw mut (*to).restored_pages, counts.restored_pages);
        }
    }
}
