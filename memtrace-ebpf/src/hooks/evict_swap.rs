//! Processes that evict the anonymous memory that comes back: by a sample of the slots of swap, as for the pages of
//! files.

use memtrace_common::{eviction::NAME_LEN, record::fields};

use crate::{
    config::CONFIG,
    hooks::{
        evict::{ANON, each_sampled, emit_refault, remember, take},
        refault::{has, pages_of},
    },
    maps::PageKey,
    memory::Address,
};

/// The `mapping` of slots of swap: no file has this value.
const SWAP: u64 = 0;

/// `vmscan:mm_vmscan_write_folio`: reclaim has written a folio. A folio that is backed by swap is about to be evicted.
#[inline(always)]
pub(crate) fn written(folio: u64) {
    let folio = Address(folio);
    let Some(flags) = folio.read::<u64>(&CONFIG.refault.flags) else { return };
    if has(flags, &CONFIG.refault.swapbacked) {
        each_slot(folio, flags, |slot| remember(folio, slot, 0, ANON));
    }
}

/// A folio is read back from swap.
#[inline(always)]
pub(crate) fn read_back(folio: u64) {
    let folio = Address(folio);
    let Some(flags) = folio.read::<u64>(&CONFIG.refault.flags) else { return };
    each_slot(folio, flags, |slot| {
        if let Some(evicted) = take(slot) {
            emit_refault(&evicted, 0, fields::ANON, |_: &mut [u8; NAME_LEN]| {});
        }
    });
}

/// Calls `found` for each sampled slot of a folio. The slots of a folio are consecutive.
#[inline(always)]
fn each_slot(folio: Address, flags: u64, found: impl Fn(&PageKey)) {
    let Some(slot) = folio.read::<u64>(&CONFIG.eviction.slot) else { return };
    if slot != 0 {
        each_sampled(PageKey { mapping: SWAP, index: slot }, || pages_of(folio, flags), found);
    }
}
