//! Latency over time: rows are bands, columns are intervals, the shade is the number of stalls.

use ratatui::layout::Rect;

use super::pen::{PLAIN, Pen, RED, YELLOW};
use memtrace_common::kind::StallKind;
use memtrace_core::{
    session::bands::{BANDS, Bands},
    sum,
};
use memtrace_report::text::{count, shade, shades};

use crate::screen::model::Model;
use memtrace_core::history::Frame;

/// Columns before the map.
const LABEL: u16 = 8;
/// Rows of decades where there is no room for half decades: name, first and last band.
const DECADES: [(&str, usize, usize); 5] =
    [(">=1 s", 0, 0), ("100 ms", 1, 2), ("10 ms", 3, 4), ("1 ms", 5, 6), ("<1 ms", 7, 9)];
/// Number of the last band of long stalls, which take 100 ms or more.
const LONG: usize = 2;

/// One column.
pub(super) struct HeatColumn {
    pub(super) bands: Bands,
    pub(super) mark: char,
}

/// Rows that the map takes when `of` rows are free.
pub(super) fn height(of: u16) -> u16 {
    let bands = u16::try_from(BANDS.len()).unwrap_or(10);
    if of >= bands + 2 { bands + 2 } else { 7 }
}

/// The map of all stalls up to the interval that is shown.
pub(super) fn draw(model: &Model, pen: &mut Pen<'_>, area: Rect) {
    let room = usize::from(area.width.saturating_sub(LABEL + 2)).min(120);
    let until = model.shown().map_or(0, |frame| frame.tick.t_ns);
    let columns: Vec<HeatColumn> = model
        .history()
        .until(until)
        .take(room)
        .map(|f| HeatColumn { bands: f.tick.all.bands, mark: mark(f) })
        .collect();
    let marks = "X OOM ! loss c limit k kswapd";
    columns_of(pen, area, columns, &format!("latency over time; {marks}"));
}

/// Sign of the gravest event of an interval: OOM kill, loss, stall at a limit, kswapd.
fn mark(frame: &Frame) -> char {
    let tick = &frame.tick;
    let mut at_limit = StallKind::with(StallKind::is_at_limit);
    if tick.oom_kills > 0 || !frame.ooms.is_empty() {
        'X'
    } else if tick.loss.total() > 0 {
        '!'
    } else if at_limit.any(|kind| tick.stalls.get(&kind).is_some_and(|interval| interval.count > 0)) {
        'c'
    } else if tick.kswapd.iter().flatten().any(|node| node.awake_ns > 0) {
        'k'
    } else {
        ' '
    }
}

/// A map of columns, the latest first, below its title.
pub(super) fn columns_of(pen: &mut Pen<'_>, area: Rect, columns: Vec<HeatColumn>, title: &str) {
    if area.height < 3 || area.width < LABEL + 4 {
        return;
    }
    let half = usize::from(area.height) >= BANDS.len() + 2;
    let bands: Vec<(&str, usize, usize)> =
        if half { (0..BANDS.len()).map(|band| (BANDS[band].1, band, band)).collect() } else { DECADES.to_vec() };
    let sum = |column: &HeatColumn, first: usize, last: usize| sum::of(&column.bands[first..=last]);
    let most = columns.iter().flat_map(|c| bands.iter().map(move |(_, a, b)| sum(c, *a, *b))).max().unwrap_or(0);
    let shades = shades(pen.look.utf8);
    let full = shades[shades.len() - 1];
    pen.text(area.x, area.y, &format!("{title}; {full} = {}", count(most)), PLAIN);
    let right = area.x + area.width - 1;
    let rows = bands.iter().take(usize::from(area.height) - 2).zip(area.y + 1..);
    let mut bottom = area.y + 1;
    for ((name, first, last), y) in rows {
        pen.right(area.x + LABEL - 1, y, LABEL - 1, name, PLAIN);
        pen.cell(area.x + LABEL - 1, y, 1, "|", PLAIN);
        for (column, x) in columns.iter().zip((area.x + LABEL..right).rev()) {
            let n = sum(column, *first, *last);
            let style = if *last == 0 {
                RED
            } else if *first <= LONG {
                YELLOW
            } else {
                PLAIN
            };
            pen.cell(x, y, 1, &shade(n, most, shades).to_string(), style);
        }
        bottom = y + 1;
    }
    for (column, x) in columns.iter().zip((area.x + LABEL..right).rev()) {
        let style = if column.mark == 'X' { RED } else { PLAIN };
        pen.cell(x, bottom, 1, &column.mark.to_string(), style);
    }
}
