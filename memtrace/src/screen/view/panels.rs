//! Panels beside the table on a large terminal: nodes, pressure, memory and swap, refaults, stalled time by kind, OOM
//! kills.

use ratatui::layout::Rect;

use super::{
    pages::gauge,
    pen::{BOLD, PLAIN, Pen, RED, YELLOW},
};
use crate::screen::model::Model;
use memtrace_core::history::Frame;
use memtrace_core::{
    session::{input::Pressure, memory::Memory, parts::Parts, tick::Tick},
    throttle::Throttles,
    untrusted::Untrusted,
};
use memtrace_report::text::{bytes_or_dash, percent, rate, shades, shares};

/// Columns of the panels, and the least size of a screen with room for them.
pub(super) const WIDTH: u16 = 48;
pub(super) const FROM: (u16, u16) = (120, 30);
/// Columns of a gauge and of a sparkline.
const GAUGE: usize = 12;
const SPARKS: usize = 28;

/// Pages of one kind in an interval; `None` when not read.
type PagesOf = fn(&Tick) -> Option<u64>;

pub(super) fn draw(model: &Model, pen: &mut Pen<'_>, area: Rect) {
    let Some(frame) = model.shown() else { return };
    let tick = &frame.tick;
    let mut y = area.y;
    let mut line = |pen: &mut Pen<'_>, text: &str, style| {
        if y < area.y + area.height {
            pen.cell(area.x, y, area.width, text, style);
        }
        y += 1;
    };
    line(pen, "NODES  m min, l low, h high", BOLD);
    for node in tick.kswapd.iter().flatten() {
        let state = if node.awake { "AWAKE" } else { "asleep" };
        line(pen, &format!("N{} kswapd {state}  busy {}", node.nid, share(node.busy_ns, tick)), PLAIN);
    }
    for zone in &tick.zones {
        let text = gauge(zone, model, GAUGE);
        let style = if text.ends_with("BELOW MIN") { YELLOW } else { PLAIN };
        line(pen, &text, style);
    }
    line(pen, "", PLAIN);
    line(pen, "MEMORY PRESSURE  share of each interval", BOLD);
    for (name, of) in [("some", (|p| p.some_total_ns) as fn(&Pressure) -> u64), ("full", |p| p.full_total_ns)] {
        let all = pressure(model, tick.t_ns, of);
        line(pen, &series(name, &all, pen, |parts| share_of(parts, 1_000_000)), PLAIN);
    }
    line(pen, "", PLAIN);
    line(pen, "MEMORY AND SWAP", BOLD);
    line(pen, &format!("available {}", left(tick, |m| m.available_bytes, |m| m.total_bytes)), PLAIN);
    line(pen, &format!("free swap {}", left(tick, |m| m.swap_free_bytes, |m| m.swap_total_bytes)), PLAIN);
    let per_s = |pages: u64| rate(tick.rate(pages));
    let of_frames =
        |of: fn(&Tick) -> Option<u64>| model.history().until(tick.t_ns).take(SPARKS).map(|f| of(&f.tick)).collect();
    let swapped: [(_, PagesOf); 2] =
        [("in", |tick| tick.memory?.swapped_in_pages), ("out", |tick| tick.memory?.swapped_out_pages)];
    for (name, of) in swapped {
        let all: Vec<Option<u64>> = of_frames(of);
        line(pen, &series(name, &all, pen, per_s), PLAIN);
    }
    line(pen, "", PLAIN);
    line(pen, "REFAULTS", BOLD);
    let refaults: [(_, PagesOf); 2] =
        [("file", |tick| Some(tick.refaults?.file_pages)), ("anon", |tick| Some(tick.refaults?.anon_pages))];
    for (name, of) in refaults {
        let all: Vec<Option<u64>> = of_frames(of);
        line(pen, &series(name, &all, pen, per_s), PLAIN);
    }
    if let Some(evictors) = &tick.evictors {
        line(pen, "EVICTED BY > READ BACK BY  1 page in 64", BOLD);
        super::evictors::panel(tick, evictors).iter().for_each(|text| line(pen, text, PLAIN));
    }
    line(pen, "", PLAIN);
    line(pen, "STALLED TIME BY KIND", BOLD);
    let mut kinds: Vec<_> = tick.stalls.iter().filter(|(_, stalls)| stalls.stalled_ns > 0).collect();
    kinds.sort_by_key(|(_, stalls)| std::cmp::Reverse(stalls.stalled_ns));
    if kinds.is_empty() {
        line(pen, "none", PLAIN);
    }
    for (kind, stalls) in kinds {
        let part = share_of(stalls.stalled_ns, tick.all.stalled_ns);
        line(pen, &format!("{:<12} {part:>7}  {}", kind.name(), rate(tick.rate(stalls.count))), PLAIN);
    }
    if let Some(spent) = anatomy(tick) {
        line(pen, &format!("of it {spent}"), PLAIN);
    }
    line(pen, "", PLAIN);
    line(pen, "OOM KILLS  the latest first", BOLD);
    let mut none = true;
    for (oom, _) in model.history().ooms_until(tick.t_ns).take(5) {
        let victim =
            oom.victim.comm.as_ref().map_or_else(|| "-".to_owned(), |c| Untrusted(c.bytes()).tty().to_string());
        line(pen, &format!("{} {victim}[{}]", model.clock.seconds(oom.t_ns), oom.victim.pid), RED);
        none = false;
    }
    if none {
        line(pen, "none since the start", PLAIN);
    }
}

/// Parts of the time of stalls that have an event, in words; `None` when no part but the rest is worth a word.
fn anatomy(tick: &Tick) -> Option<String> {
    let (mut sum, mut throttles) = (Parts::default(), Throttles::default());
    for row in tick.rows.iter().flat_map(|rows| &rows.processes) {
        sum.add(&row.detail.parts);
        throttles.add(row.detail.throttles);
    }
    shares(&sum, throttles)
}

/// The latest value in words, and all of them as a sparkline.
fn series(name: &str, all: &[Option<u64>], pen: &Pen<'_>, words: impl Fn(u64) -> String) -> String {
    let latest = all.first().copied().flatten().map_or_else(|| "-".to_owned(), words);
    format!("{name:<4} {latest:>7}  {}", sparks(all, pen))
}

/// Amount left, and the whole amount.
fn left(tick: &Tick, left: fn(&Memory) -> Option<u64>, of: fn(&Memory) -> Option<u64>) -> String {
    let value = |of: fn(&Memory) -> Option<u64>| tick.memory.as_ref().and_then(of);
    match (value(left), value(of)) {
        (Some(0), Some(0)) => "none".to_owned(),
        (left, of) => format!("{} of {}", bytes_or_dash(left), bytes_or_dash(of)),
    }
}

/// Shares of each interval in which tasks waited for memory, in millionths, the latest first; `None` where unknown.
fn pressure(model: &Model, t_ns: u64, of: fn(&Pressure) -> u64) -> Vec<Option<u64>> {
    let frames: Vec<&Frame> = model.history().until(t_ns).take(SPARKS + 1).collect();
    let pairs = frames.windows(2).map(|pair| {
        let (now, before) = (&pair[0].tick, &pair[1].tick);
        let grown = of(now.pressure.as_ref()?).saturating_sub(of(before.pressure.as_ref()?));
        Some(grown.saturating_mul(1_000_000) / now.elapsed_ns.max(1)).map(|parts| parts.min(1_000_000))
    });
    pairs.collect()
}

/// Values as heights on a linear scale, the latest on the right. Unlike counts of stalls they are of one magnitude.
fn sparks(values: &[Option<u64>], pen: &Pen<'_>) -> String {
    let shades = shades(pen.look.utf8);
    let most = values.iter().copied().flatten().max().unwrap_or(0);
    let height = |n: u64| {
        let at = (u128::from(n) * shades.len() as u128).div_ceil(u128::from(most.max(1)));
        usize::try_from(at).ok().filter(|at| *at > 0).map_or(' ', |at| shades[at - 1])
    };
    values.iter().rev().map(|value| value.map_or(' ', height)).collect()
}

fn share(ns: u64, tick: &Tick) -> String {
    share_of(ns, tick.elapsed_ns)
}

#[expect(clippy::cast_precision_loss, reason = "a share for a person")]
fn share_of(part: u64, whole: u64) -> String {
    percent((whole > 0).then(|| (part as f64 / whole as f64).min(1.0)))
}
