//! Latencies of one interval as bars, one row for each band.

use ratatui::layout::Rect;

use super::pen::{PLAIN, Pen};
use memtrace_core::session::bands::{BANDS, Bands};
use memtrace_report::text::count;

/// Columns before the bars, and behind them.
const LABEL: u16 = 8;
const NUMBER: u16 = 6;

/// Draws as many bands as have room, from the longest stalls on; the shortest are cut off.
pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, bands: &Bands) {
    if area.height < 3 || area.width < LABEL + NUMBER + 2 {
        return;
    }
    pen.cell(area.x, area.y, area.width, "in this interval", PLAIN);
    let most = bands.iter().copied().max().unwrap_or(0).max(1);
    let room = area.width - LABEL - NUMBER;
    let bar = if pen.look.utf8 { "█" } else { "#" };
    for ((n, (_, name)), y) in bands.iter().zip(BANDS).zip(area.y + 1..area.y + area.height) {
        pen.right(area.x + LABEL - 1, y, LABEL - 1, name, PLAIN);
        pen.cell(area.x + LABEL - 1, y, 1, "|", PLAIN);
        if *n == 0 {
            continue;
        }
        let length = (u128::from(*n) * u128::from(room)).div_ceil(u128::from(most));
        let length = u16::try_from(length).unwrap_or(room);
        pen.cell(area.x + LABEL, y, length, &bar.repeat(usize::from(length)), PLAIN);
        pen.cell(area.x + LABEL + length, y, NUMBER, &count(*n), PLAIN);
    }
}
