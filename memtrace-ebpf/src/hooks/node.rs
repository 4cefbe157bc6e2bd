//! Finds the node (`pglist_data`) of a kswapd: this needs no address of a symbol, which many hosts hide.

use memtrace_common::totals::MAX_NODES;

use crate::{config::CONFIG, maps::NODES, memory::Address, task::current};

/// The `pglist_data` of a node; `None` until its kswapd was seen.
#[inline(always)]
pub(crate) fn address(nid: u32) -> Option<Address> {
    let address = NODES.get(nid)?;
    if *address == 0 { None } else { Some(Address(*address)) }
}

/// Records the node of a task that is a kswapd: the task to which its node points. Returns the number of the node;
/// `None` for another task or a node out of range.
#[inline(always)]
pub(crate) fn learn(task: Address) -> Option<u32> {
    let layout = &CONFIG.zones;
    let node = task.follow(&layout.kthread)?.follow(&layout.kthread_data)?;
    if node.follow(&layout.kswapd)?.0 != task.0 {
        return None;
    }
    let nid = node.read::<u32>(&layout.node_id)?;
    if nid >= MAX_NODES {
        return None;
    }
    let known = NODES.get_ptr_mut(nid)?;
    // SAFETY: a map value; all writers write the same value.
    unsafe { *known = node.0 };
    Some(nid)
}

/// Records the node of the current task, a kswapd, unless it is known.
#[inline(always)]
pub(crate) fn learn_current(nid: u64) {
    if address(nid as u32).is_none() {
        let _ = learn(current());
    }
}
