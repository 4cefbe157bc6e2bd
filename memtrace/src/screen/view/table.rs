//! The table of rows.

use ratatui::layout::Rect;

use super::pen::{BOLD, PLAIN, Pen, REVERSED};
use crate::screen::{
    columns::{COLUMNS, SortBy, TableColumn},
    model::Model,
    rows::ScreenRow,
};

pub(super) fn draw(model: &Model, pen: &mut Pen<'_>, area: Rect) {
    let Some(frame) = model.shown().filter(|_| area.height >= 2) else { return };
    let columns: Vec<(usize, &TableColumn)> =
        COLUMNS.iter().enumerate().filter(|(_, column)| area.width >= column.from).collect();
    let numbers: u16 = columns.iter().map(|(_, column)| column.width).sum();
    let name = area.width.saturating_sub(numbers + 1);
    let (sort, reverse) = model.order;
    let arrow = if reverse { '^' } else { 'v' };
    let marked = |head: &str, by: SortBy| if by == sort { format!("{arrow}{head}") } else { head.to_owned() };
    let rows = model.rows();
    let selected = model.selected.min(rows.len().saturating_sub(1));
    let more = model.thinned().map_or_else(String::new, |more| format!(" ({more})"));
    let head = format!(" {} {}{more}", marked(model.group.head(), SortBy::NAME), at(selected, rows.len()));
    pen.cell(0, area.y, name, &head, BOLD);
    let mut end = name + 1;
    for (at, column) in &columns {
        end += column.width;
        pen.right(end, area.y, column.width - 1, &marked(column.head, SortBy::column(*at)), BOLD);
    }
    if rows.is_empty() {
        let why = if model.filter_text.is_empty() {
            " no stalls and no refaults in this interval"
        } else {
            " no row matches the filter"
        };
        return pen.text(0, area.y + 1, why, PLAIN);
    }
    let room = usize::from(area.height) - 1;
    let first = if selected < room { 0 } else { selected + 1 - room };
    for ((n, row), y) in rows.iter().enumerate().skip(first).take(room).zip(area.y + 1..) {
        pen.cell(1, y, name.saturating_sub(1), &named(row, usize::from(name.saturating_sub(1))), PLAIN);
        let mut end = name + 1;
        for (_, column) in &columns {
            end += column.width;
            pen.right(end, y, column.width - 1, &column.text(row, &frame.tick, model.about.page_bytes), PLAIN);
        }
        if n == selected {
            pen.cell(0, y, 1, ">", PLAIN);
            pen.highlight(y, REVERSED);
        }
    }
}

/// Position of the selected row, such as `3/17`; empty for fewer than two rows.
fn at(selected: usize, rows: usize) -> String {
    if rows < 2 { String::new() } else { format!("{}/{rows}", selected + 1) }
}

/// Name of a row; for a process or a thread, followed by as much of the end of its cgroup path as has room.
fn named(row: &ScreenRow, width: usize) -> String {
    let clip = |text: &str, width: usize| {
        let len = text.chars().count();
        if len <= width { text.to_owned() } else { text.chars().skip(len - width).collect() }
    };
    let name = row.name.chars().count();
    if row.pid.is_none() {
        return clip(&row.name, width);
    }
    if row.cgroup.is_empty() || width < name + 8 {
        return row.name.clone();
    }
    format!("{} {}", row.name, clip(&row.cgroup, width - name - 1))
}
