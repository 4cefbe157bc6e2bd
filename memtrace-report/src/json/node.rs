//! kswapd by node in a summary.

use memtrace_common::totals::ORDERS;
use schemars::JsonSchema;
use serde::Serialize;

use super::{summary::KindTotal, values::text, words};
use memtrace_core::session::{nodes, summary::NodeSummary};

/// One node's kswapd.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Node {
    /// The node.
    pub nid: u32,
    /// True when it is awake at the end.
    pub awake: bool,
    /// Time awake in ns.
    pub awake_ns: u64,
    /// Time at work in ns.
    pub busy_ns: u64,
    /// Accuracy of `busy_ns`: the whole time or a lower bound.
    #[schemars(with = "words::Source")]
    pub busy_source: &'static str,
    /// Changes from sleep to work.
    pub wakes: u64,
    /// Changes to sleep.
    pub sleeps: u64,
    /// Times a task requested a wakeup.
    pub wakeups: u64,
    /// Times a task requested a wakeup by order, to the highest that there was; null when not known.
    #[schemars(length(max = ORDERS))]
    pub wakeups_by_order: Option<Vec<u64>>,
    /// Rounds of work by order, likewise.
    #[schemars(length(max = ORDERS))]
    pub rounds_by_order: Option<Vec<u64>>,
    /// Rounds in which it reclaimed nothing; null when not known.
    pub failures: Option<Failures>,
    /// Pages scanned.
    pub scanned_pages: Option<u64>,
    /// Pages reclaimed.
    pub reclaimed_pages: Option<u64>,
    /// Name of the tasks that requested the most wakeups, as far as events reported them.
    pub top_waker: Option<String>,
    /// Number of wakeups that these tasks requested.
    pub top_waker_wakeups: Option<u64>,
    /// Direct reclaims of tasks that ran on the node, by the state of its kswapd when they began; null when not read.
    pub direct: Option<Reached>,
}

/// Rounds in which a kswapd reclaimed nothing.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Failures {
    /// Number of rounds.
    pub count: u64,
    /// Accuracy of `count`: all rounds or a lower bound.
    #[schemars(with = "words::Source")]
    pub source: &'static str,
    /// Times that the node became hopeless.
    pub hopeless: u64,
    /// Times that the node got another try.
    pub cleared: u64,
    /// Failures in a row at the end.
    pub in_a_row: u32,
    /// True when the node is hopeless at the end: its kswapd is not woken any more.
    pub is_hopeless: bool,
}

impl Failures {
    fn new(failures: nodes::Failures) -> Self {
        Self {
            count: failures.count,
            source: failures.source.name(),
            hopeless: failures.hopeless,
            cleared: failures.cleared,
            in_a_row: failures.in_a_row,
            is_hopeless: failures.is_hopeless(),
        }
    }
}

/// Counts by order, to the highest that there was.
fn by_order(orders: &[u64; ORDERS]) -> Vec<u64> {
    let used = orders.iter().rposition(|n| *n > 0).map_or(0, |last| last + 1);
    orders[..used].to_vec()
}

/// Direct reclaims by the state of kswapd when they began, as far as they match the filter and events reported them.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Reached {
    /// kswapd slept: it was woken too late.
    pub asleep: KindTotal,
    /// kswapd was awake: it could not keep up.
    pub awake: KindTotal,
    /// The state is not known.
    pub unknown: KindTotal,
}

impl Node {
    pub(super) fn new(node: &NodeSummary) -> Self {
        Self {
            nid: node.nid,
            awake: node.awake,
            awake_ns: node.awake_ns,
            busy_ns: node.busy_ns,
            busy_source: node.busy_source.name(),
            wakes: node.wakes,
            sleeps: node.sleeps,
            wakeups: node.wakeups,
            wakeups_by_order: node.wakeups_by_order.as_ref().map(by_order),
            rounds_by_order: node.rounds_by_order.as_ref().map(by_order),
            failures: node.failures.map(Failures::new),
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
