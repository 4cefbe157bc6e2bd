//! Nodes and zones in a summary: their kswapds, and the state of the zones when direct stalls began.

use std::fmt::Write as _;

use memtrace_common::{kind::StallKind, totals::ORDERS};

use super::{
    number::{count, count_or_dash, duration, percent, things},
    oom::name,
};
use crate::document::Document;
use memtrace_core::{
    session::{
        kswapd::Reached,
        nodes::Failures,
        summary::{NodeSummary, Summary},
        zones::ZoneStalls,
    },
    source::Source,
    sum,
};

/// Adds all lines on nodes and zones.
pub(super) fn nodes(out: &mut Document, summary: &Summary) {
    for node in &summary.nodes {
        kswapd(out, node);
    }
    unrecorded(out, summary);
    if let (Some(sleeps), false) = (summary.premature_sleeps, summary.nodes.is_empty()) {
        out.line(format!(
            "kswapd's premature sleeps on all nodes, by the kernel's counters: {} woken within the nap of 0.1 s (low \
             watermark), {} below the high watermark after the nap",
            count(sleeps.low),
            count(sleeps.high)
        ));
    }
    if summary.node_reclaim.len() > 1 {
        let node = |node: &memtrace_core::session::summary::NodeReclaim| {
            let (scanned, reclaimed) = (node.reclaim.scanned_pages, node.reclaim.reclaimed_pages);
            format!("node {} {}/{}", node.nid, count_or_dash(scanned), count_or_dash(reclaimed))
        };
        let nodes: Vec<_> = summary.node_reclaim.iter().map(node).collect();
        out.line(format!("stalls scanned/reclaimed pages: {}", nodes.join(", ")));
    }
    zones(out, summary);
}

fn kswapd(out: &mut Document, node: &NodeSummary) {
    out.line(format!(
        "kswapd node {}: awake {} (now {}), at work {}{}, scanned {}, reclaimed {}",
        node.nid,
        duration(node.awake_ns),
        if node.awake { "awake" } else { "asleep" },
        if node.busy_source == Source::LowerBound { ">= " } else { "" },
        duration(node.busy_ns),
        count_or_dash(node.reclaim.scanned_pages),
        count_or_dash(node.reclaim.reclaimed_pages)
    ));
    let mut line = format!(
        "{}, {}, failures {}, asked for {}",
        things(node.wakes, "wake"),
        things(node.sleeps, "sleep"),
        count_or_dash(node.failures.map(|failures| failures.count)),
        things(node.wakeups, "time"),
    );
    if let Some((comm, n)) = &node.top_waker {
        let _ = write!(line, ", most by {} ({})", name(comm), count(*n));
    }
    out.detail(line);
    let orders = [(node.wakeups_by_order, "asked for"), (node.rounds_by_order, "worked")];
    let known: Vec<_> = orders.iter().filter_map(|(orders, did)| shares(orders.as_ref()?, did)).collect();
    if !known.is_empty() {
        out.detail(known.join("; "));
    }
    if let Some(failures) = &node.failures {
        hopeless(out, failures);
    }
    if let Some(reached) = &node.reached {
        direct_stalls(out, reached);
    }
}

/// Shares by order: `asked for at order 0 98%, 3 2%`.
fn shares(orders: &[u64; ORDERS], did: &str) -> Option<String> {
    #[expect(clippy::cast_precision_loss, reason = "a share for a person")]
    let (share, all) = (|n: u64, all: u64| percent(Some(n as f64 / all as f64)), sum::of(orders));
    let present = orders.iter().enumerate().filter(|(_, n)| **n > 0);
    let known: Vec<_> = present.map(|(order, n)| format!("{order} {}", share(*n, all))).collect();
    (all > 0).then(|| format!("{did} at order {}", known.join(", ")))
}

/// Adds a line on a node that kswapd gave up.
fn hopeless(out: &mut Document, failures: &Failures) {
    if failures.hopeless == 0 && !failures.is_hopeless() {
        return;
    }
    let bound = if failures.source == Source::LowerBound { "at least " } else { "" };
    let mut line = format!(
        "hopeless {bound}{}: 16 rounds in a row reclaimed nothing, and kswapd is no longer woken",
        things(failures.hopeless, "time")
    );
    if failures.cleared > 0 {
        let _ = write!(line, "; given another try {}", things(failures.cleared, "time"));
    }
    if failures.is_hopeless() {
        line.push_str("; still hopeless at the end");
    }
    out.detail(line);
}

/// Adds direct stalls by the state of kswapd when they began.
fn direct_stalls(out: &mut Document, reached: &Reached) {
    for (sum, how) in [
        (reached.asleep, "while it slept: woken too late"),
        (reached.awake, "while it was awake: it could not keep up"),
        (reached.unknown, "in an unknown state of kswapd"),
    ] {
        if sum.count > 0 {
            let (stalls, total) = (things(sum.count, "direct stall"), duration(sum.total_ns));
            out.detail(format!("{stalls} ({total}) began {how}"));
        }
    }
}

/// Adds the number of direct stalls for which no event reports the state of kswapd.
fn unrecorded(out: &mut Document, summary: &Summary) {
    let known = |node: &NodeSummary| node.reached.map(|r| sum::of([r.asleep.count, r.awake.count, r.unknown.count]));
    let known: Option<u64> = summary.nodes.iter().map(known).sum();
    let all = summary.stalls.get(&StallKind::Direct).map_or(0, |direct| direct.count);
    if let (Some(known), None, false) = (known, &summary.matched, summary.nodes.is_empty())
        && all > known
    {
        let stalls = things(all - known, "direct stall");
        out.detail(format!("for {stalls} no event reports the state of kswapd"));
    }
}

fn zones(out: &mut Document, summary: &Summary) {
    let Some(zones) = &summary.zones else { return };
    for zone in zones.zones.iter().filter(|zone| zone.begins() > 0) {
        self::zone(out, zone);
    }
    if zones.unread > 0 {
        out.line(format!("for {}, not all zones were read", things(zones.unread, "direct stall")));
    }
}

/// `node 0 Normal: 312 direct stalls began with free pages below min (41%), 440 from min to low (59%)`.
fn zone(out: &mut Document, zone: &ZoneStalls) {
    #[expect(clippy::cast_precision_loss, reason = "a share for a person")]
    let share = |n: u64| percent(Some(n as f64 / zone.begins() as f64));
    let classes = [
        (zone.below_min, "below min"),
        (zone.below_low, "from min to low"),
        (zone.below_high, "from low to high"),
        (zone.above_high, "above high"),
    ];
    let mut present = classes.into_iter().filter(|(n, _)| *n > 0);
    let mut line = format!("node {} {}: ", zone.nid, zone.name.tty());
    if let Some((n, class)) = present.next() {
        let _ = write!(line, "{} began with free pages {class} ({})", things(n, "direct stall"), share(n));
    }
    for (n, class) in present {
        let _ = write!(line, ", {} {class} ({})", count(n), share(n));
    }
    let _ = write!(line, "; {} pages free on average", count_or_dash(zone.mean_free_pages()));
    if let Some(least) = zone.least_free_pages {
        let _ = write!(line, ", {} at least", count(least));
    }
    out.line(line);
    if zone.boosted > 0 {
        out.detail(format!("{} of them began with boosted watermarks", count(zone.boosted)));
    }
    if zone.plenty_elsewhere > 0 {
        out.detail(format!(
            "in {} of those below min, another node was above high: imbalance",
            count(zone.plenty_elsewhere)
        ));
    }
}
