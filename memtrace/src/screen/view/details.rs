//! The details of one row: its kinds, and its latency over time.

use ratatui::layout::Rect;

use super::{
    heat::{self, Column},
    pen::{BOLD, PLAIN, Pen},
};
use crate::{
    lines::{count, duration, duration_or_dash, things},
    screen::model::Model,
};

pub(super) fn draw(model: &Model, pen: &mut Pen<'_>, area: Rect) {
    let (Some(row), Some(frame)) = (model.selected_row(), model.shown()) else {
        return pen.text(0, area.y, "this row had nothing in this interval", PLAIN);
    };
    let tick = &frame.tick;
    let mut lines = vec![row.name.clone()];
    if row.pid.is_some() && !row.cgroup.is_empty() {
        lines.push(format!("cgroup {}", row.cgroup));
    }
    let s = &row.stalls;
    let [p50, p99, max] = [s.p50_ns, s.p99_ns, s.max_ns].map(duration_or_dash);
    let stalls = things(s.count, "stall");
    lines.push(format!(
        "{stalls} in {}, {} stalled; p50 {p50}, p99 {p99}, max {max}",
        duration(tick.elapsed_ns),
        duration(s.total_ns)
    ));
    for (kind, tally) in &row.kinds {
        lines.push(format!("  {:<10} {:>7}  {}", kind.name(), count(tally.count), duration(tally.total_ns)));
    }
    if let Some(faults) = row.faults {
        let r = faults.refaults;
        lines.push(format!(
            "refaults file {} anon {}, major faults {}, swapped in {}",
            count(r.file_pages),
            count(r.anon_pages),
            if tick.faults_read.major_faults { count(faults.major_faults) } else { "-".to_owned() },
            if tick.faults_read.swapins { count(faults.swapin_pages) } else { "-".to_owned() }
        ));
    }
    let pages = row.reclaimed_pages.map_or_else(|| "-".to_owned(), count);
    lines.push(format!("pages reclaimed in its stalls {pages}; OOM kills {}", row.ooms));
    let mut y = area.y;
    for (n, line) in lines.iter().enumerate().take(usize::from(area.height)) {
        pen.text(0, y, line, if n == 0 { BOLD } else { PLAIN });
        y += 1;
    }
    let room = usize::from(area.width).min(120);
    let columns: Vec<Column> = model
        .frames_until(tick.t_ns)
        .take(room)
        .map(|frame| {
            let found = model.rows_of(frame).into_iter().find(|other| (other.who, &other.name) == (row.who, &row.name));
            Column { bands: found.map_or_else(Default::default, |row| row.stalls.bands), mark: ' ' }
        })
        .collect();
    let rest = Rect { y, height: (area.y + area.height).saturating_sub(y), ..area };
    heat::columns_of(pen, rest, columns, "latency of this row, a column an interval");
}
