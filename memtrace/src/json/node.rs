//! kswapd by node in a summary.

use serde::Serialize;

use super::{summary::KindTotal, text};
use crate::session::summary::NodeSummary;

/// One node's kswapd.
#[derive(Debug, Serialize)]
pub struct Node {
    /// The node.
    pub nid: u32,
    /// Whether it is awake at the end.
    pub awake: bool,
    /// Time awake in ns.
    pub awake_ns: u64,
    /// Time at work in ns: a lower bound.
    pub busy_ns: u64,
    /// Changes from sleep to work.
    pub wakes: u64,
    /// Changes to sleep.
    pub sleeps: u64,
    /// Times a task asked for it.
    pub wakeups: u64,
    /// Pages scanned.
    pub scanned_pages: Option<u64>,
    /// Pages reclaimed.
    pub reclaimed_pages: Option<u64>,
    /// Name of the tasks that asked for it most often, as far as events told.
    pub top_waker: Option<String>,
    /// How often they did.
    pub top_waker_wakeups: Option<u64>,
    /// Direct reclaims of tasks that ran on the node, by how its kswapd stood when they began; null when not read.
    pub direct: Option<Reached>,
}

/// Direct reclaims by how kswapd stood when they began, as far as they match and events told them.
#[derive(Debug, Serialize)]
pub struct Reached {
    /// It slept: it was woken too late.
    pub asleep: KindTotal,
    /// It was awake: it could not keep up.
    pub awake: KindTotal,
    /// It is not known.
    pub unknown: KindTotal,
}

impl Node {
    pub(super) fn new(node: &NodeSummary) -> Self {
        Self {
            nid: node.nid,
            awake: node.awake,
            awake_ns: node.awake_ns,
            busy_ns: node.busy_ns,
            wakes: node.wakes,
            sleeps: node.sleeps,
            wakeups: node.wakeups,
            scanned_pages: node.reclaim.scanned_pages,
            reclaimed_pages: node.reclaim.reclaimed_pages,
            top_waker: node.top_waker.map(|(comm, _)| text(comm.bytes())),
            top_waker_wakeups: node.top_waker.map(|(_, n)| n),
            direct: node.reached.map(|reached| Reached {
                asleep: KindTotal::new(reached.asleep),
                awake: KindTotal::new(reached.awake),
                unknown: KindTotal::new(reached.unknown),
            }),
        }
    }
}
