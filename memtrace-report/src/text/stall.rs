//! The line of a stall.

use super::{
    number::{count_or_dash, duration, or_dash},
    row::LONG_NS,
    style::{Cell, Colour, Style},
};
use memtrace_core::{container::Container, event::Stall, names::Names, untrusted::Untrusted};

/// Shapes of the columns for one width; `None` for a column without room.
struct StallCells {
    tid: Option<Cell>,
    gfp: Option<Cell>,
    pages: Option<Cell>,
    cgroup: Cell,
}

const TIME: Cell = Cell::Left(12);
const COMM: Cell = Cell::Left(15);
const PID: Cell = Cell::Right(7);
const KIND: Cell = Cell::Left(10);
const LATENCY: Cell = Cell::Right(8);
const ORDER: Cell = Cell::Right(3);
/// Width of the columns above, each with a blank after it.
const ALWAYS: usize = 13 + 16 + 8 + 11 + 9 + 4;

fn shape(width: Option<usize>) -> StallCells {
    let (tid, pages) = (Some(PID), Some(Cell::Right(7)));
    match width {
        None => StallCells { tid, gfp: Some(Cell::Free), pages, cgroup: Cell::Free },
        Some(width) if width >= 120 => {
            let rest = width - ALWAYS - 8 - 2 * 8;
            let gfp = (rest / 2).min(36);
            StallCells { tid, gfp: Some(Cell::Left(gfp)), pages, cgroup: Cell::Path(rest - gfp - 1) }
        }
        Some(width) => {
            StallCells { tid: None, gfp: None, pages: None, cgroup: Cell::Path(width.saturating_sub(ALWAYS).max(8)) }
        }
    }
}

/// The head of the stall lines, for a terminal of `width` columns; `None` for all columns in full.
#[must_use]
pub fn stall_header(width: Option<usize>) -> String {
    let text = |text: &str| text.to_owned();
    assemble(width, || Texts {
        time: text("time"),
        comm: text("comm"),
        pid: text("pid"),
        tid: text("tid"),
        kind: text("kind"),
        latency: text("latency"),
        order: text("ord"),
        scanned: text("scanned"),
        reclaimed: text("reclaim"),
        gfp: text("gfp"),
        cgroup: text("cgroup"),
    })
}

/// The line of a stall.
#[must_use]
pub fn stall_line(stall: &Stall, names: &Names<'_>, width: Option<usize>, style: Style) -> String {
    let line = assemble(width, || Texts {
        time: names.clock.millis(stall.t_ns),
        comm: Untrusted(stall.comm.bytes()).tty().to_string(),
        pid: stall.pid.to_string(),
        tid: stall.tid.to_string(),
        kind: stall.kind.name().to_owned(),
        latency: duration(stall.dur_ns),
        order: or_dash(stall.order),
        scanned: count_or_dash(stall.scanned_pages),
        reclaimed: count_or_dash(stall.reclaimed_pages),
        gfp: or_dash(stall.gfp.map(|gfp| names.gfp.render(gfp))),
        cgroup: cgroup(stall.cgroup_id, names),
    });
    if stall.dur_ns > LONG_NS { style.paint(line, Colour::Yellow) } else { line }
}

/// The path of a cgroup, for containers and pods their short name, which is more specific and shorter; the id where
/// only that is known; `-` where not even that was read.
pub(super) fn cgroup(id: Option<u64>, names: &Names<'_>) -> String {
    match (names.cgroup(id), id) {
        (Some(path), _) => match Container::of(path) {
            Some(container) if !container.is_unit() => Untrusted(&container.short()).tty().to_string(),
            _ => Untrusted(path).tty().to_string(),
        },
        (None, Some(id)) => format!("id {id}"),
        (None, None) => "-".to_owned(),
    }
}

struct Texts {
    time: String,
    comm: String,
    pid: String,
    tid: String,
    kind: String,
    latency: String,
    order: String,
    scanned: String,
    reclaimed: String,
    gfp: String,
    cgroup: String,
}

fn assemble(width: Option<usize>, texts: impl FnOnce() -> Texts) -> String {
    let StallCells { tid, gfp, pages, cgroup } = shape(width);
    let texts = texts();
    let cells = [
        (Some(TIME), texts.time),
        (Some(COMM), texts.comm),
        (Some(PID), texts.pid),
        (tid, texts.tid),
        (Some(KIND), texts.kind),
        (Some(LATENCY), texts.latency),
        (Some(ORDER), texts.order),
        (pages, texts.scanned),
        (pages, texts.reclaimed),
        (gfp, texts.gfp),
        (Some(cgroup), texts.cgroup),
    ];
    let mut out = String::new();
    for (cell, text) in cells {
        if let Some(cell) = cell {
            let _ = cell.write(&mut out, &text);
            out.push(' ');
        }
    }
    out.truncate(out.trim_end().len());
    out
}
