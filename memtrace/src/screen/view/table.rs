//! The table of rows.

use ratatui::layout::Rect;

use super::pen::{BOLD, PLAIN, Pen, REVERSED};
use crate::screen::{model::Model, rows::ScreenRow, sort::SortBy};
use memtrace_core::session::tick::Tick;
use memtrace_report::text::{bytes, duration_or_dash, rate, three_digits};

/// One column: its head, its width, from how many columns of the screen on it is there, and its text.
struct TableColumn {
    head: &'static str,
    sort: SortBy,
    width: u16,
    from: u16,
    text: fn(&ScreenRow, &Tick, u64) -> String,
}

const COLUMNS: [TableColumn; 9] = [
    TableColumn {
        head: "stalls",
        sort: SortBy::Stalls,
        width: 8,
        from: 0,
        text: |row, tick, _| rate(tick.rate(row.stalls.count)),
    },
    TableColumn { head: "s/s", sort: SortBy::Time, width: 6, from: 0, text: stalled },
    TableColumn {
        head: "p50",
        sort: SortBy::P50,
        width: 8,
        from: 80,
        text: |row, _, _| duration_or_dash(row.stalls.p50_ns),
    },
    TableColumn {
        head: "p99",
        sort: SortBy::P99,
        width: 8,
        from: 60,
        text: |row, _, _| duration_or_dash(row.stalls.p99_ns),
    },
    TableColumn {
        head: "max",
        sort: SortBy::Max,
        width: 8,
        from: 0,
        text: |row, _, _| duration_or_dash(row.stalls.max_ns),
    },
    TableColumn { head: "refault f/a", sort: SortBy::Refaults, width: 12, from: 70, text: refaults },
    TableColumn { head: "reclaimed/s", sort: SortBy::Reclaimed, width: 12, from: 100, text: reclaimed },
    TableColumn { head: "kswapd", sort: SortBy::Wakeups, width: 8, from: 90, text: wakeups },
    TableColumn { head: "oom", sort: SortBy::Oom, width: 4, from: 60, text: |row, _, _| row.ooms.to_string() },
];

fn stalled(row: &ScreenRow, tick: &Tick, _: u64) -> String {
    let ns = tick.rate(row.stalls.total_ns);
    ns.map_or_else(|| "-".to_owned(), |ns| three_digits(ns / 1e9))
}

fn refaults(row: &ScreenRow, tick: &Tick, _: u64) -> String {
    let per_s = |pages: u64| rate(tick.rate(pages)).trim_end_matches("/s").to_owned();
    let both = |f: memtrace_core::session::faults::Faults| {
        format!("{}/{}", per_s(f.refaults.file_pages), per_s(f.refaults.anon_pages))
    };
    row.faults.map_or_else(|| "-".to_owned(), both)
}

/// How often it asked for kswapd: what it caused, where the stalls are what it suffered.
fn wakeups(row: &ScreenRow, tick: &Tick, _: u64) -> String {
    row.wakeups.map_or_else(|| "-".to_owned(), |count| rate(tick.rate(count)))
}

fn reclaimed(row: &ScreenRow, tick: &Tick, page_bytes: u64) -> String {
    let pages = row.reclaimed_pages.filter(|_| tick.elapsed_ns > 0);
    pages.map_or_else(
        || "-".to_owned(),
        |pages| {
            let per_s = u128::from(pages) * u128::from(page_bytes) * 1_000_000_000 / u128::from(tick.elapsed_ns);
            bytes(u64::try_from(per_s).unwrap_or(u64::MAX))
        },
    )
}

pub(super) fn draw(model: &Model, pen: &mut Pen<'_>, area: Rect) {
    let Some(frame) = model.shown().filter(|_| area.height >= 2) else { return };
    let columns: Vec<&TableColumn> = COLUMNS.iter().filter(|column| area.width >= column.from).collect();
    let numbers: u16 = columns.iter().map(|column| column.width).sum();
    let name = area.width.saturating_sub(numbers + 1);
    let (sort, reverse) = model.order;
    let arrow = if reverse { '^' } else { 'v' };
    let marked = |head: &str, by: SortBy| if by == sort { format!("{arrow}{head}") } else { head.to_owned() };
    let rows = model.rows();
    let selected = model.selected.min(rows.len().saturating_sub(1));
    let more = model.thinned().map_or_else(String::new, |more| format!(" ({more})"));
    let head = format!(" {} {}{more}", marked(model.group.head(), SortBy::Name), at(selected, rows.len()));
    pen.cell(0, area.y, name, &head, BOLD);
    let mut end = name + 1;
    for column in &columns {
        end += column.width;
        pen.right(end, area.y, column.width - 1, &marked(column.head, column.sort), BOLD);
    }
    if rows.is_empty() {
        let why = if model.filter_text.is_empty() {
            " nobody stalled or had to get pages back"
        } else {
            " no row fits the filter"
        };
        return pen.text(0, area.y + 1, why, PLAIN);
    }
    let room = usize::from(area.height) - 1;
    let first = if selected < room { 0 } else { selected + 1 - room };
    for ((n, row), y) in rows.iter().enumerate().skip(first).take(room).zip(area.y + 1..) {
        pen.cell(1, y, name.saturating_sub(1), &named(row, usize::from(name.saturating_sub(1))), PLAIN);
        let mut end = name + 1;
        for column in &columns {
            end += column.width;
            pen.right(end, y, column.width - 1, &(column.text)(row, &frame.tick, model.about.page_bytes), PLAIN);
        }
        if n == selected {
            pen.cell(0, y, 1, ">", PLAIN);
            pen.highlight(y, REVERSED);
        }
    }
}

/// Which of how many rows, where that says anything.
fn at(selected: usize, rows: usize) -> String {
    if rows < 2 { String::new() } else { format!("{}/{rows}", selected + 1) }
}

/// The name, and of a process as much of the end of its cgroup's path as has room.
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
