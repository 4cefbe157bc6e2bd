//! Processes that evict the file pages that come back: by a sample of the pages that leave and enter the page cache.
//! Attached only on request: every page of every file passes here.
//!
//! In each aligned block of a file a hash picks one page for the sample. So each sampled page stands for the same
//! number of pages, irrespective of the sizes of folios, and a page that comes back in a folio of another size is
//! found.

use aya_ebpf::{bindings::BPF_NOEXIST, helpers};
use memtrace_common::{
    eviction::{FolioHead, NAME_LEN, RefaultRecord, SAMPLE_PAGES},
    record::{KIND_REFAULT, fields},
    totals::Loss,
};

use crate::{
    config::{CONFIG, loaded},
    emit::{Wake, add, emit, header},
    hooks::refault::pages_of,
    maps::{EVICTED, EVICTIONS, Evicted, Evictions, PageKey},
    memory::Address,
    option::id_or_zero,
    task,
    time::now_ns,
};

/// Mark of evictions of file pages in a key of [`EVICTIONS`]: the lower bits of the address of a cgroup are free.
pub(super) const FILES: u64 = 1;
/// Mark of evictions of anonymous memory, likewise.
pub(super) const ANON: u64 = 2;
/// Mask of the address: the lower bits also hold the kernel's own flags (`MEMCG_DATA_OBJEXTS`...).
const ADDRESS: u64 = !0xf;
/// log2 of [`SAMPLE_PAGES`].
const BLOCK_SHIFT: u32 = SAMPLE_PAGES.trailing_zeros();
/// Maximum number of blocks of a folio that are examined: 2 MiB of pages of 4 KiB, the largest common folio of a file.
const MOST_BLOCKS: u64 = 8;

/// `filemap:mm_filemap_delete_from_page_cache`: a folio leaves the page cache. Inside reclaim this is an eviction;
/// otherwise the file was truncated or deleted, or its pages were dropped on request.
#[inline(always)]
pub(crate) fn deleted(folio: u64) {
    let folio = Address(folio);
    each_sampled_of_file(folio, |page| evicted(folio, page));
}

/// `filemap:mm_filemap_add_to_page_cache`: a folio enters the page cache.
#[inline(always)]
pub(crate) fn added(folio: u64) {
    each_sampled_of_file(Address(folio), back);
}

/// Calls `found` for each sampled page of a file's folio.
#[inline(always)]
fn each_sampled_of_file(folio: Address, found: impl Fn(&PageKey)) {
    // SAFETY: probe_read_kernel checks the address. The loader attaches this only where a folio has this layout.
    let Ok(head) = (unsafe { helpers::bpf_probe_read_kernel(folio.0 as *const FolioHead) }) else { return };
    let FolioHead { flags, mapping, index, .. } = head;
    each_sampled(PageKey { mapping, index }, || pages_of(folio, flags), found);
}

/// Calls `found` for each sampled page among these pages.
#[inline(always)]
pub(super) fn each_sampled(first: PageKey, pages: impl Fn() -> u64, found: impl Fn(&PageKey)) {
    let PageKey { mapping, index } = first;
    // Nearly all folios have one page, and nearly all of those end here.
    if sampled(mapping, index >> BLOCK_SHIFT) == index {
        found(&PageKey { mapping, index });
    }
    let pages = pages();
    if pages == 1 {
        return;
    }
    let mut block = 0;
    while block < MOST_BLOCKS {
        let index_of = sampled(mapping, (index >> BLOCK_SHIFT) + block);
        block += 1;
        if index_of >= index + pages {
            return;
        }
        if index_of > index {
            found(&PageKey { mapping, index: index_of });
        }
    }
}

/// Index of the sampled page of a block.
#[inline(always)]
fn sampled(mapping: u64, block: u64) -> u64 {
    // The upper bits of a product depend on all bits of its factors.
    let mixed = (mapping ^ block.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    block << BLOCK_SHIFT | mixed >> (64 - BLOCK_SHIFT)
}

#[inline(always)]
fn evicted(folio: Address, page: &PageKey) {
    if !task::reclaims() {
        return;
    }
    let Some(ino) = inode(page).and_then(|inode| inode.read::<u64>(&CONFIG.eviction.ino)) else { return };
    remember(folio, page, ino, FILES);
}

/// Records that the current task evicts a sampled page.
#[inline(always)]
pub(super) fn remember(folio: Address, page: &PageKey, ino: u64, memory: u64) {
    let now = now_ns();
    let counted_in = id_or_zero(folio.read::<u64>(&CONFIG.eviction.memcg)) & ADDRESS | memory;
    let Some(evictions) = count(counted_in, now) else { return };
    let (_, tgid) = task::current_ids();
    let evicted = Evicted {
        t_ns: now,
        ino,
        counted_in,
        evictions,
        tgid,
        is_kthread: u32::from(task::current_is_kthread()),
        comm: task::current_process_comm(),
    };
    // The map replaces old entries; when it cannot, the sample has one page less.
    let _ = EVICTED.insert(page, evicted, 0);
}

/// Counts an eviction, and returns the new count; two CPUs at once may get the same number, which does no harm.
#[inline(always)]
fn count(counted_in: u64, now: u64) -> Option<Evictions> {
    if EVICTIONS.get_ptr(counted_in).is_none() {
        // Another CPU may have been first, which shows below.
        let _ = EVICTIONS.insert(counted_in, Evictions { since_ns: now, pages: 0 }, BPF_NOEXIST.into());
    }
    let evictions = EVICTIONS.get_ptr_mut(counted_in)?;
    // SAFETY: a map value; entries are preallocated.
    unsafe {
        add(&raw mut (*evictions).pages, 1);
        Some(*evictions)
    }
}

/// Number of sampled evictions after this one from the same cgroup; `None` when the counter was replaced meanwhile.
#[inline(always)]
fn evicted_after(evicted: &Evicted) -> Option<u64> {
    let evictions = EVICTIONS.get_ptr(evicted.counted_in)?;
    // SAFETY: a map value; entries are preallocated.
    let now = unsafe { *evictions };
    if now.since_ns == evicted.evictions.since_ns { now.pages.checked_sub(evicted.evictions.pages) } else { None }
}

#[inline(always)]
fn back(page: &PageKey) {
    let Some(evicted) = take(page) else { return };
    let layout = &CONFIG.eviction;
    let Some(inode) = inode(page) else { return };
    if inode.read::<u64>(&layout.ino) != Some(evicted.ino) {
        return;
    }
    let dev = match inode.follow(&layout.sb).and_then(|sb| sb.read::<u32>(&layout.dev)) {
        Some(dev) => dev,
        None => 0,
    };
    emit_refault(&evicted, dev, 0, |name| read_name(inode, name));
}

/// Takes the record of a sampled page that comes back, if there is one.
#[inline(always)]
pub(super) fn take(page: &PageKey) -> Option<Evicted> {
    let evicted = EVICTED.get_ptr(page)?;
    // SAFETY: a map value; entries are preallocated.
    let evicted = unsafe { *evicted };
    let _ = EVICTED.remove(page);
    Some(evicted)
}

/// Reports that the current task brings back a sampled page; `what` are bits of [`fields`].
#[inline(always)]
pub(super) fn emit_refault(evicted: &Evicted, dev: u32, what: u32, name: impl FnOnce(&mut [u8; NAME_LEN])) {
    let (_, tgid) = task::current_ids();
    if tgid == loaded(&CONFIG.self_tgid) {
        return;
    }
    let now = now_ns();
    let (evicted_samples, distance) = match evicted_after(evicted) {
        Some(samples) => (samples, fields::DISTANCE),
        None => (0, 0),
    };
    let cgroup_id = id_or_zero(task::current_memory_cgroup());
    emit(Loss::RingRefault, Wake::Lazily, |record: *mut RefaultRecord| {
        // SAFETY: `record` is the reserved room.
        unsafe {
            record.write(RefaultRecord {
                header: header::<RefaultRecord>(KIND_REFAULT, now),
                away_ns: now.saturating_sub(evicted.t_ns),
                evicted_samples,
                ino: evicted.ino,
                cgroup_id,
                dev,
                tgid,
                evictor_tgid: evicted.tgid,
                evictor_is_kthread: evicted.is_kthread,
                fields: what | distance | if cgroup_id == 0 { 0 } else { fields::CGROUP },
                pad: 0,
                comm: task::current_process_comm(),
                evictor_comm: evicted.comm,
                name: [0; NAME_LEN],
            });
            name(&mut (*record).name);
        }
    });
}

#[inline(always)]
fn inode(page: &PageKey) -> Option<Address> {
    Address(page.mapping).follow(&CONFIG.eviction.host)
}

/// Reads the name of a file in one of its folders.
#[inline(always)]
fn read_name(inode: Address, into: &mut [u8; NAME_LEN]) {
    let (Some(alias), Some(before)) =
        (inode.follow(&CONFIG.eviction.alias), loaded(&CONFIG.eviction.name_before).offset())
    else {
        return;
    };
    if alias.0 == 0 {
        return;
    }
    // SAFETY: both helpers check the address.
    unsafe {
        let pointer = (alias.0 - u64::from(before)) as *const u64;
        if let Ok(name) = helpers::bpf_probe_read_kernel(pointer) {
            let _ = helpers::bpf_probe_read_kernel_str_bytes(name as *const u8, into);
        }
    }
}
