//! The pages about nodes, OOM kills, hooks.

use ratatui::layout::Rect;

use super::pen::{BOLD, PLAIN, Pen, YELLOW};
use crate::screen::model::Model;
use memtrace_core::{
    names::Names,
    session::{input::Zone, item::kill_paths},
};
use memtrace_report::text::{bytes, count, duration, oom_line, percent, things, unwritten};

/// Columns of a gauge.
const GAUGE: usize = 30;

/// kswapd of each node, and each zone's free memory against its watermarks.
pub(super) fn nodes(model: &Model, pen: &mut Pen<'_>, area: Rect) {
    let Some(frame) = model.shown() else { return };
    let tick = &frame.tick;
    let mut lines = Vec::new();
    for node in tick.kswapd.iter().flatten() {
        #[expect(clippy::cast_precision_loss, reason = "a share for a person")]
        let share = |ns: u64| percent((tick.elapsed_ns > 0).then(|| (ns as f64 / tick.elapsed_ns as f64).min(1.0)));
        lines.push(format!(
            "kswapd node {}  {}  awake {}  busy {}  woken {}  asked for {}",
            node.nid,
            if node.awake { "AWAKE " } else { "asleep" },
            share(node.awake_ns),
            share(node.busy_ns),
            count(node.wakes),
            count(node.wakeups)
        ));
    }
    match &tick.kswapd {
        None => lines.push("kswapd: unread, since no hook on its wakes is attached".to_owned()),
        Some(nodes) if nodes.is_empty() => lines.push("kswapd: not seen at work on any node".to_owned()),
        Some(_) => {}
    }
    if let Some(pressure) = tick.pressure {
        let [some, full] = [pressure.some_avg, pressure.full_avg].map(|avg| avg.map(|p| format!("{p:.1}")).join(" "));
        lines.push(format!("memory pressure  some {some} %  full {full} %  (10 s, 60 s, 300 s)"));
    }
    lines.push("zone            free against its watermarks: m min, l low, h high".to_owned());
    lines.extend(tick.zones.iter().map(|zone| gauge(zone, model, GAUGE)));
    put(pen, area, &lines);
}

/// Free memory of a zone against its watermarks, as a gauge of `width` columns.
pub(super) fn gauge(zone: &Zone, model: &Model, width: usize) -> String {
    let end = zone.high_pages.max(1).saturating_mul(2);
    let at = |pages: u64| usize::try_from(u128::from(pages.min(end)) * width as u128 / u128::from(end)).unwrap_or(0);
    let mut bar: Vec<char> = (0..=width).map(|n| if n < at(zone.free_pages) { '=' } else { ' ' }).collect();
    for (pages, sign) in [(zone.min_pages, 'm'), (zone.low_pages, 'l'), (zone.high_pages, 'h')] {
        bar[at(pages)] = sign;
    }
    let free = bytes(zone.free_pages.saturating_mul(model.about.page_bytes));
    let below = if zone.free_pages < zone.min_pages {
        "BELOW MIN"
    } else if zone.free_pages < zone.low_pages {
        "below low"
    } else if zone.free_pages < zone.high_pages {
        "below high"
    } else {
        ""
    };
    let bar: String = bar.into_iter().collect();
    format!("N{} {:<8} {free:>9} [{bar}] {below}", zone.nid, zone.name.tty().to_string())
}

/// OOM kills, the latest first.
pub(super) fn ooms(model: &Model, pen: &mut Pen<'_>, area: Rect) {
    let until = model.shown().map_or(0, |frame| frame.tick.t_ns);
    let mut lines = Vec::new();
    for (oom, paths) in model.history().ooms_until(until) {
        let paths = memtrace_core::history::Paths::from_iter(kill_paths(oom, paths));
        let names = Names { clock: &model.clock, cgroups: &paths, gfp: &model.about.gfp };
        let line = oom_line(oom, &names, memtrace_report::text::Style::default());
        // The victim, then the task that ran out of memory.
        lines.extend(
            line.split(" | ").enumerate().map(|(n, part)| if n == 0 { part.to_owned() } else { format!("    {part}") }),
        );
    }
    if lines.is_empty() {
        lines.push("no OOM kill since the start".to_owned());
    }
    if let Some(before) = &model.before
        && let Ok(past) = &before.oom_kills
    {
        let (kills, window) = (things(past.len() as u64, "OOM kill"), duration(before.oom_window_ns));
        lines.push(format!("before the start: {kills} in the kernel log of the last {window}"));
    }
    put(pen, area, &lines);
}

/// Losses, our counts against the kernel's, and the hooks with their state.
pub(super) fn hooks(model: &Model, pen: &mut Pen<'_>, area: Rect) {
    let Some(frame) = model.shown() else { return };
    let tick = &frame.tick;
    let mut lines = Vec::new();
    if !model.about.filter.is_empty() {
        lines.push(format!("filter of the rows: {}", model.about.filter));
    }
    match model.losses.lines() {
        none if none.is_empty() => lines.push("nothing was lost".to_owned()),
        some => lines.extend(some),
    }
    if tick.loss.messages() > 0 {
        lines.push(unwritten(tick.loss.messages()));
    }
    for row in tick.coverage.rows.iter().filter(|row| row.kernel.is_some_and(|n| n > 0)) {
        let [seen, kernel] = [row.seen, row.kernel].map(|n| n.map_or_else(|| "-".to_owned(), count));
        lines.push(format!("coverage {:<24} ours {seen:>7} kernel {kernel:>7}  {}", row.counter, row.verdict.name()));
    }
    for hook in &model.about.hooks {
        let state = match (&hook.attached, &hook.reason) {
            (Some(how), _) => how.tty().to_string(),
            (None, reason) => {
                let reason = reason.as_ref().map_or_else(|| "-".to_owned(), |reason| reason.tty().to_string());
                format!("NOT ATTACHED ({reason}): {}", hook.without.tty())
            }
        };
        lines.push(format!("{:<44} {state}", hook.name.tty().to_string()));
    }
    put(pen, area, &lines);
}

fn put(pen: &mut Pen<'_>, area: Rect, lines: &[String]) {
    for (n, (line, y)) in lines.iter().zip(area.y..area.y + area.height).enumerate() {
        let loud = line.contains("BELOW MIN") || line.contains("NOT ATTACHED") || line.starts_with("LOST");
        pen.text(
            0,
            y,
            line,
            if loud {
                YELLOW
            } else if n == 0 {
                BOLD
            } else {
                PLAIN
            },
        );
    }
}
