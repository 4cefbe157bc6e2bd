//! The row of a tick.

use std::fmt::Write as _;

use super::{
    coverage::in_short,
    loss::short_loss_line,
    number::{percent, rate},
    style::{Cell, Colour, Style},
};
use crate::metric::Metric;
use memtrace_core::{
    clock::Clock,
    session::{
        input::{Pressure, Zone},
        loss::Stage,
        tick::{KswapdTick, Tick},
    },
};

/// Stalls of which the longest takes more than this stand out, in ns.
pub(super) const LONG_NS: u64 = 100_000_000;

/// A column: head, shape, rank of importance (0 is the highest), and content.
struct TickColumn {
    head: &'static str,
    cell: Cell,
    rank: u8,
    content: Content,
}

/// Content of a column.
enum Content {
    /// Value of a metric.
    Of(Metric),
    /// A text that takes several values.
    Text(fn(&Tick) -> String),
}

impl TickColumn {
    fn text(&self, tick: &Tick) -> String {
        match self.content {
            Content::Of(metric) => {
                metric.of_interval(tick).map_or_else(|| "-".to_owned(), |value| metric.unit().short(value))
            }
            Content::Text(text) => text(tick),
        }
    }
}

/// The columns, in the order of the row. Rank 0 fits into 80 columns, rank 1 and 2 come with more room.
const COLUMNS: [TickColumn; 14] = [
    metric("stalls", 7, 0, Metric::StallRate),
    TickColumn { head: "kind", cell: Cell::Left(8), rank: 0, content: Content::Text(main_kind) },
    metric("stalled", 7, 0, Metric::StallTotal),
    metric("p50", 7, 1, Metric::StallP50),
    metric("p99", 7, 1, Metric::StallP99),
    metric("max", 7, 0, Metric::StallMax),
    text("refault f/a", 11, 0, refaults),
    text("kswapd", 9, 0, kswapd),
    text("scan", 7, 2, |tick| pages(tick, tick.reclaim.scanned_pages)),
    text("reclaim", 7, 2, |tick| pages(tick, tick.reclaim.reclaimed_pages)),
    text("eff", 5, 2, |tick| percent(tick.reclaim.efficiency())),
    text("free", 8, 0, free),
    text("psi", 7, 0, psi),
    TickColumn { head: " all kinds and nodes", cell: Cell::Free, rank: 3, content: Content::Text(in_full) },
];

const fn metric(head: &'static str, width: usize, rank: u8, metric: Metric) -> TickColumn {
    TickColumn { head, cell: Cell::Right(width), rank, content: Content::Of(metric) }
}

const fn text(head: &'static str, width: usize, rank: u8, text: fn(&Tick) -> String) -> TickColumn {
    TickColumn { head, cell: Cell::Right(width), rank, content: Content::Text(text) }
}

/// Pages refaulted a second, of files and anonymous ones.
fn refaults(tick: &Tick) -> String {
    let per_s = |pages: u64| rate(tick.rate(pages)).trim_end_matches("/s").to_owned();
    tick.refaults.map_or_else(|| "-".to_owned(), |r| format!("{}/{}", per_s(r.file_pages), per_s(r.anon_pages)))
}

/// Width of the time before the columns.
const TIME: usize = 8;

/// The columns that fit: the important ones first, a less important one only when all more important ones fit.
fn fitting(width: Option<usize>) -> impl Iterator<Item = &'static TickColumn> {
    let needs = |rank: u8| {
        let columns = COLUMNS.iter().filter(move |column| column.rank <= rank);
        columns.map(|column| column.cell.width().map_or(usize::MAX / 64, |width| width + 1)).sum::<usize>() + TIME
    };
    let rank = (1..=3).take_while(|&rank| width.is_none_or(|width| needs(rank) <= width)).last().unwrap_or(0);
    COLUMNS.iter().filter(move |column| column.rank <= rank)
}

/// The head of the rows, for a terminal of `width` columns; `None` for all columns.
#[must_use]
pub fn header(width: Option<usize>) -> String {
    let cells = fitting(width).map(|column| (column.cell, column.head.to_owned()));
    line("time", cells)
}

/// The row of a tick, and below it its losses and the counters that do not add up.
#[must_use]
pub fn row(tick: &Tick, clock: &Clock, width: Option<usize>, style: Style) -> String {
    let cells = fitting(width).map(|column| (column.cell, column.text(tick)));
    let mut out = line(&clock.seconds(tick.t_ns), cells);
    if tick.all.max_ns.is_some_and(|ns| ns > LONG_NS) {
        out = style.paint(out, Colour::Yellow);
    }
    let lost = tick.loss.lost().map(|(stage, n)| (Stage::named(stage), n));
    for (stage, n) in lost.filter(|(stage, _)| stage.lacking.matters()) {
        let _ = write!(out, "\n{:TIME$} lost: {}", "", short_loss_line(&stage, n, tick.whole(stage.whole)));
    }
    for row in &tick.uncovered {
        let _ = write!(out, "\n{:TIME$} coverage: {}", "", in_short(row));
    }
    out
}

fn line(time: &str, cells: impl Iterator<Item = (Cell, String)>) -> String {
    let mut out = format!("{time:<TIME$}");
    for (cell, text) in cells {
        out.push(' ');
        // Writing to a String cannot fail.
        let _ = cell.write(&mut out, &text);
    }
    out.truncate(out.trim_end().len());
    out
}

/// The kind that stalled longest, and the number of other kinds: `direct+1`.
fn main_kind(tick: &Tick) -> String {
    let present = || tick.stalls.iter().filter(|(_, interval)| interval.count > 0 || interval.stalled_ns > 0);
    let Some((kind, _)) = present().max_by_key(|(_, interval)| interval.stalled_ns) else { return "-".to_owned() };
    match present().count() {
        1 => kind.name().to_owned(),
        n => format!("{}+{}", kind.name(), n - 1),
    }
}

fn pages(tick: &Tick, pages: Option<u64>) -> String {
    rate(pages.and_then(|pages| tick.rate(pages)))
}

/// The node whose kswapd was awake longest, and the number of other nodes.
fn kswapd(tick: &Tick) -> String {
    let nodes = tick.kswapd.as_deref().unwrap_or_default();
    let Some(busiest) = nodes.iter().max_by_key(|node| (node.awake_ns, std::cmp::Reverse(node.nid))) else {
        return "-".to_owned();
    };
    let others = nodes.len() - 1;
    if others == 0 { node(tick, busiest) } else { format!("{}+{others}", node(tick, busiest)) }
}

/// `N0 45%`: awake for that share of the interval; `N0 sleep`.
fn node(tick: &Tick, node: &KswapdTick) -> String {
    if !node.awake && node.awake_ns == 0 {
        return format!("N{} sleep", node.nid);
    }
    #[expect(clippy::cast_precision_loss, reason = "a share for a person")]
    let share = (tick.elapsed_ns > 0).then(|| (node.awake_ns as f64 / tick.elapsed_ns as f64).min(1.0));
    format!("N{} {}", node.nid, percent(share))
}

/// Free memory of the tightest zone against the next watermark below it, or min: `0.8x min`, `1.2x low`, `1.6x hi`.
fn free(tick: &Tick) -> String {
    let headroom = |zone: &&Zone| {
        (i128::from(zone.free_pages) - i128::from(zone.min_pages)) * 1_000_000
            / i128::from(zone.high_pages.saturating_sub(zone.min_pages).max(1))
    };
    tick.tightest_zones().into_iter().min_by_key(headroom).map_or_else(|| "-".to_owned(), against_watermark)
}

fn against_watermark(zone: &Zone) -> String {
    let (mark, name) = if zone.free_pages < zone.low_pages {
        (zone.min_pages, "min")
    } else if zone.free_pages < zone.high_pages {
        (zone.low_pages, "low")
    } else {
        (zone.high_pages, "hi")
    };
    #[expect(clippy::cast_precision_loss, reason = "a ratio for a person")]
    let ratio = zone.free_pages as f64 / mark.max(1) as f64;
    if ratio < 9.95 { format!("{ratio:.1}x {name}") } else { format!("{:.0}x {name}", ratio.min(999.0)) }
}

/// Share of the last 10 s in which some and all tasks were stalled, in percent.
fn psi(tick: &Tick) -> String {
    tick.pressure.map_or_else(
        || "-".to_owned(),
        |Pressure { some_avg, full_avg, .. }| format!("{:.0}/{:.0}", some_avg[0], full_avg[0]),
    )
}

/// All kinds that occurred and all nodes, where there is room for them.
fn in_full(tick: &Tick) -> String {
    let kinds = tick.stalls.iter().filter(|(_, interval)| interval.count > 0 || interval.stalled_ns > 0);
    let mut parts: Vec<_> =
        kinds.map(|(kind, interval)| format!("{} {}", kind.name(), rate(tick.rate(interval.count)))).collect();
    if let Some(matched) = tick.matched {
        parts.push(format!("matched {}", rate(tick.rate(matched.count))));
    }
    parts.extend(tick.kswapd.iter().flatten().map(|kswapd| format!("kswapd {}", node(tick, kswapd))));
    for zone in tick.tightest_zones() {
        parts.push(format!("N{} {} {}", zone.nid, zone.name.tty(), against_watermark(zone)));
    }
    format!(" {}", parts.join(", "))
}
