//! The first page: tasks that are stalled now, latency over time, the table.

use ratatui::layout::Rect;

use super::{
    heat, panels,
    pen::{BOLD, PLAIN, Pen, RED, YELLOW},
    table,
};
use crate::screen::model::Model;
use memtrace_core::untrusted::Untrusted;
use memtrace_report::text::duration;

/// Least age of an open stall that is shown as long, in ns.
const LONG_NS: u64 = 100_000_000;

pub(super) fn draw(model: &Model, pen: &mut Pen<'_>, area: Rect) {
    if model.expanded {
        return heat::draw(model, pen, area);
    }
    stalled_now(model, pen, area.y);
    let rest = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let heat_rows = if rest.height >= 14 { heat::height(rest.height / 2) } else { 0 };
    heat::draw(model, pen, Rect { height: heat_rows, ..rest });
    let below = Rect { y: rest.y + heat_rows, height: rest.height - heat_rows, ..rest };
    let (width, height) = panels::FROM;
    if pen.width() < width || pen.height() < height {
        return table::draw(model, pen, below);
    }
    let left = below.width - panels::WIDTH;
    panels::draw(model, pen, Rect { x: left, width: panels::WIDTH, ..below });
    let mut pen = pen.part(Rect { width: left - 1, ..below });
    table::draw(model, &mut pen, Rect { x: 0, y: 0, width: left - 1, height: below.height });
}

/// Tasks in a stall at the end of the interval, the longest first.
fn stalled_now(model: &Model, pen: &mut Pen<'_>, y: u16) {
    let Some(frame) = model.shown() else { return };
    let tick = &frame.tick;
    if tick.open.is_empty() {
        pen.text(0, y, "STALLED NOW  nobody", PLAIN);
        return;
    }
    let who = tick.open.iter().map(|stall| {
        let name = stall.comm.as_ref().map_or_else(|| "-".to_owned(), |c| Untrusted(c.bytes()).tty().to_string());
        let age = duration(tick.t_ns.saturating_sub(stall.begin_ns));
        format!("{name}[{}] {} {age}", stall.tid, stall.kind.name())
    });
    let who: Vec<_> = who.take(20).collect();
    let longest = tick.open.iter().map(|stall| tick.t_ns.saturating_sub(stall.begin_ns)).max().unwrap_or(0);
    let style = if longest >= 10 * LONG_NS {
        RED
    } else if longest >= LONG_NS {
        YELLOW
    } else {
        BOLD
    };
    pen.text(0, y, &format!("STALLED NOW ({})  {}", tick.open.len(), who.join("  ")), style);
}
