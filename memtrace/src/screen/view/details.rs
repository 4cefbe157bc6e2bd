//! The details of one row: the allocations that stalled, the parts of the stalled time, the limits of the cgroup, the
//! latency in the interval and over time.

use ratatui::layout::Rect;

use super::{
    evictors,
    heat::{self, HeatColumn},
    histogram,
    pen::{BOLD, PLAIN, Pen},
    stacks,
};
use crate::screen::{model::Model, rows::ScreenRow};
use memtrace_core::{
    gfp::GfpNames,
    history::Frame,
    limits::{LimitValue, Limits},
    session::detail::Detail,
    untrusted::Text,
};
use memtrace_report::text::{bytes, count, duration, duration_or_dash, shares, things};

/// Columns of the histogram beside the map over time, and the least width at which both have room.
const HISTOGRAM: u16 = 30;
const BOTH_FROM: u16 = 76;

pub(super) fn draw(model: &Model, pen: &mut Pen<'_>, area: Rect) {
    let (Some(row), Some(frame)) = (model.selected_row(), model.shown()) else {
        return pen.text(0, area.y, "this row has no event in this interval", PLAIN);
    };
    let lines = lines(model, frame, &row, usize::from(area.width));
    // The pictures are worth more than the last lines.
    let room = usize::from(if area.height >= 16 { area.height - 7 } else { area.height });
    let mut y = area.y;
    for (n, line) in lines.iter().enumerate().take(room) {
        pen.text(0, y, line, if n == 0 { BOLD } else { PLAIN });
        y += 1;
    }
    let mut rest = Rect { y, height: (area.y + area.height).saturating_sub(y), ..area };
    if area.width >= BOTH_FROM {
        histogram::draw(pen, Rect { width: HISTOGRAM, ..rest }, &row.stalls.bands);
        rest = Rect { x: HISTOGRAM + 1, width: rest.width - HISTOGRAM - 1, ..rest };
    }
    let columns: Vec<HeatColumn> = model
        .history()
        .until(frame.tick.t_ns)
        .take(usize::from(rest.width).min(120))
        .map(|frame| {
            let found = model.rows_of(frame).into_iter().find(|other| (other.who, &other.name) == (row.who, &row.name));
            HeatColumn { bands: found.map_or_else(Default::default, |row| row.stalls.bands), mark: ' ' }
        })
        .collect();
    heat::columns_of(pen, rest, columns, "over time, one column per interval");
}

fn lines(model: &Model, frame: &Frame, row: &ScreenRow, width: usize) -> Vec<String> {
    let tick = &frame.tick;
    let mut lines = vec![row.name.clone()];
    if row.cgroup != row.name && !row.cgroup.is_empty() {
        lines.push(format!("cgroup {}", row.cgroup));
    }
    let s = &row.stalls;
    let [p50, p99, max] = [s.p50_ns, s.p99_ns, s.max_ns].map(duration_or_dash);
    lines.push(format!(
        "{} in {}, {} stalled; p50 {p50}, p99 {p99}, max {max}",
        things(s.count, "stall"),
        duration(tick.elapsed_ns),
        duration(s.stalled_ns)
    ));
    if let Some(open_ns) = s.open_ns.filter(|ns| *ns > 0) {
        lines.push(format!("not over: {} so far", duration(open_ns)));
    }
    let kinds = row
        .kinds
        .iter()
        .map(|(kind, tally)| format!("{} {} ({})", kind.name(), count(tally.count), duration(tally.total_ns)));
    let kinds: Vec<_> = kinds.collect();
    if !kinds.is_empty() {
        lines.push(format!("kinds: {}", kinds.join(", ")));
    }
    if let Some(detail) = row.detail.as_ref().filter(|_| s.count > 0) {
        lines.extend(of_detail(detail, &model.about.gfp));
        lines.extend(stacks::of_row(model, tick, row, width));
    }
    if let Some(limits) = model.limits.as_ref().filter(|limits| Some(limits.id) == row.cgroup_id) {
        lines.extend(of_limits(limits));
    }
    if let Some(faults) = row.faults {
        let r = faults.refaults;
        lines.push(format!(
            "refaults {}file {} anon {}, major faults {}, swapped in {}",
            if tick.sampled.is_some() { "(sampled) " } else { "" },
            count(r.file_pages),
            count(r.anon_pages),
            if tick.faults_read.major_faults { count(faults.major_faults) } else { "-".to_owned() },
            if tick.faults_read.swapins { count(faults.swapin_pages) } else { "-".to_owned() }
        ));
    }
    lines.extend(evictors::of_row(tick, row));
    let [pages, wakeups] = [row.reclaimed_pages, row.wakeups].map(|n| n.map_or_else(|| "-".to_owned(), count));
    lines.push(format!("pages reclaimed in its stalls {pages}; asked for kswapd {wakeups}x; OOM kills {}", row.ooms));
    lines
}

fn of_detail(detail: &Detail, gfp: &GfpNames) -> Vec<String> {
    let mut lines = Vec::new();
    for shape in detail.shapes().iter().filter(|shape| shape.order.is_some() || shape.gfp.is_some()) {
        let order = shape.order.map_or_else(|| "-".to_owned(), |order| order.to_string());
        let flags = shape.gfp.map_or_else(|| "-".to_owned(), |flags| gfp.render(flags).to_string());
        lines.push(format!("{:>7} of order {order}, {flags}", count(shape.stalls)));
    }
    if detail.other_shapes() > 0 {
        lines.push(format!("{:>7} of other orders or flags", count(detail.other_shapes())));
    }
    let spent =
        shares(&detail.parts, detail.throttles).unwrap_or_else(|| "no notable throttling or shrinkers".to_owned());
    lines.push(format!("spent on: {spent}"));
    if let Some(longest) = detail.longest {
        let spent = shares(&longest.parts, longest.throttles).map_or_else(String::new, |shares| format!("; {shares}"));
        let (kind, dur) = (longest.kind.name(), duration(longest.dur_ns));
        lines.push(format!("the longest: {dur} {kind}, thread {}{spent}", longest.tid));
    }
    lines
}

fn of_limits(limits: &Limits) -> Vec<String> {
    let when = if limits.recorded { "limits when the recording began" } else { "limits now" };
    let value = |(name, value): &(Text, LimitValue)| match value {
        LimitValue::Bytes(n) => format!("{} {}", name.tty(), bytes(*n)),
        LimitValue::Times(n) => format!("{} {} times", name.tty(), count(*n)),
    };
    let lines = limits.levels.iter().enumerate().map(|(n, level)| {
        let values: Vec<_> = level.values.iter().map(value).collect();
        let values = if values.is_empty() { "no limit of its own".to_owned() } else { values.join(", ") };
        match n {
            0 => format!("{when}: {values}"),
            _ => format!("  and above, {}: {values}", level.path.tty()),
        }
    });
    lines.collect()
}
