//! Benchmarks of drawing the screen, with 100 to 10,000 rows.

use divan::Bencher;
use jiff::{Timestamp, tz::TimeZone};
use memtrace::screen::{About, Key, Look, Model, view};
use memtrace_core::{
    clock::Clock,
    event::Comm,
    session::{
        Session, SessionConfig,
        input::TickInput,
        item::Item,
        tick::{Interval, Tick},
        tick::{RecentRow, RecentRows, Who},
    },
};
use ratatui::{buffer::Buffer, layout::Rect};

const S: u64 = 1_000_000_000;
const INTERVALS: u64 = 60;
const SIZES: [(u16, u16); 2] = [(80, 24), (200, 60)];
const ROWS: [u32; 3] = [100, 256, 10_000];

fn main() {
    divan::main();
}

fn row(n: u32) -> RecentRow {
    let ns = u64::from(n % 977) * 10_000;
    let stalls = Interval {
        count: 9,
        total_ns: 9 * ns,
        p50_ns: Some(ns),
        p99_ns: Some(ns),
        max_ns: Some(ns),
        ..Interval::default()
    };
    RecentRow {
        who: Who::Process(n, Some(u64::from(n))),
        comm: Comm::from(format!("worker-{n}").as_bytes()),
        cgroup_id: Some(u64::from(n % 50)),
        stalls,
        kinds: Vec::new(),
        detail: Default::default(),
        faults: None,
        reclaimed_pages: Some(64),
        wakeups: Some(1),
    }
}

/// A model with this many rows in the last interval, and at most 256 in each earlier one.
fn model(rows: u32) -> Model {
    let clock = Clock { mono_ns: 0, wall: Some(Timestamp::UNIX_EPOCH), zone: TimeZone::UTC };
    let mut model = Model::new(About::default(), Look { colour: true, utf8: true }, clock, S);
    let mut session = Session::new(SessionConfig { rows: true, ..SessionConfig::default() });
    let names: std::collections::BTreeMap<u64, Vec<u8>> =
        (0..50).map(|id| (id, format!("/system.slice/service-{id}.service").into_bytes())).collect();
    for second in 1..=INTERVALS {
        let input = TickInput { t_ns: second * S, ..TickInput::default() };
        let tick = session.tick(&input, &names);
        let processes = (0..if second == INTERVALS { rows } else { rows.min(256) }).map(row).collect();
        let tick = Tick { rows: Some(RecentRows { processes, ..RecentRows::default() }), ..tick };
        let paths = names.iter().map(|(id, path)| (*id, path.as_slice().into())).collect();
        model.push(Item::Tick(Box::new(tick), paths));
    }
    model
}

fn draw(bencher: Bencher<'_, '_>, model: &Model, (width, height): (u16, u16)) {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    bencher.bench_local(|| view::draw(model, area, &mut buffer));
}

#[divan::bench(args = SIZES, consts = ROWS)]
fn page<const N: u32>(bencher: Bencher<'_, '_>, size: (u16, u16)) {
    draw(bencher, &model(N), size);
}

#[divan::bench(args = SIZES, consts = ROWS)]
fn details<const N: u32>(bencher: Bencher<'_, '_>, size: (u16, u16)) {
    let mut model = model(N);
    model.key(Key::Enter);
    draw(bencher, &model, size);
}
