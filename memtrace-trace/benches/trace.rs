//! Writing and reading of a made-up trace: stalls of 64 tasks in 8 cgroups, in bursts, 6000 a second, and a tick each
//! second.

#![expect(clippy::unwrap_used, reason = "memory takes all that is written")]

use divan::{Bencher, counter::ItemsCount};

use memtrace_common::{kind::StallKind, part::Part};
use memtrace_core::{
    event::{Comm, Event, PartTimes, Stall},
    session::{
        input::{KernelTotals, Reported, TickInput},
        loss::Loss,
    },
    source::Sources,
};
use memtrace_report::replay::without_meta;
use memtrace_trace::{
    Encoder, Reader, TraceItem,
    model::{ClockReading, End, EndReason, Entry, TickRecord},
};

const S: u64 = 1_000_000_000;
const START: u64 = 1000 * S;
const PER_SECOND: u64 = 6000;

const SECONDS: u64 = 20;

fn main() {
    divan::main();
}

/// A stall of the current burst; lengths go over five decades.
fn stall(random: &mut fastrand::Rng, task: &mut u32, t_ns: u64) -> Stall {
    if random.u32(..8) == 0 {
        *task = random.u32(..64);
    }
    let dur_ns = 1000 << random.u32(..18);
    let kind = if task.is_multiple_of(3) { StallKind::Memcg } else { StallKind::Direct };
    Stall {
        t_ns,
        dur_ns: dur_ns + random.u64(..dur_ns),
        kind,
        source: Sources::default().of(kind),
        pid: 1000 + *task / 4,
        tid: 1000 + *task,
        comm: Comm::from(format!("worker-{}", *task / 4).as_bytes()),
        process_start_ns: Some(u64::from(*task / 4) * S),
        cgroup_id: Some(u64::from(*task % 8) + 40),
        order: Some(i32::from(random.u8(..16) == 0)),
        gfp: Some(0x0014_0cca),
        scanned_pages: Some(32 + random.u64(..64)),
        reclaimed_pages: Some(random.u64(..32)),
        times: PartTimes::of(|part| (part != Part::Reclaim).then_some(0)),
        ..Stall::example()
    }
}

/// The input of a recorder in one second.
struct Second {
    entries: Vec<Entry>,
    tick: TickRecord,
}

fn seconds() -> Vec<Second> {
    let mut random = fastrand::Rng::with_seed(7);
    let (mut totals, mut reported) = (KernelTotals::default(), [Reported::default(); StallKind::COUNT]);
    let mut task = 0;
    let second = |second: u64| {
        let mut entries = Vec::new();
        for i in 0..PER_SECOND {
            let stall = stall(&mut random, &mut task, START + second * S + i * (S / PER_SECOND));
            let kind = totals.stalls.entry(stall.kind).or_default();
            kind.count += 1;
            kind.total_ns += stall.dur_ns;
            kind.max_ns = kind.max_ns.max(stall.dur_ns);
            kind.scanned_pages += stall.scanned_pages.unwrap_or(0);
            kind.reclaimed_pages += stall.reclaimed_pages.unwrap_or(0);
            kind.latency.record(stall.dur_ns);
            let of_kind = &mut reported[stall.kind as usize];
            of_kind.count += 1;
            of_kind.total_ns += stall.dur_ns;
            of_kind.longest_ns = of_kind.longest_ns.max(stall.dur_ns);
            entries.push(Entry::Event(Event::Stall(stall)));
        }
        let input =
            TickInput { t_ns: START + (second + 1) * S, totals: totals.clone(), reported, ..TickInput::default() };
        reported.iter_mut().for_each(|of_kind| of_kind.longest_ns = 0);
        let tick = TickRecord { input, ..TickRecord::default() };
        Second { entries, tick }
    };
    (0..SECONDS).map(second).collect()
}

/// The trace of these seconds.
fn written(seconds: &[Second]) -> Vec<u8> {
    let mut meta =
        without_meta(ClockReading { monotonic_ns: START, boottime_ns: START, realtime_ns: 1_700_000_000 << 30 });
    meta.setup.start_ns = START;
    meta.setup.kinds = vec![StallKind::Direct, StallKind::Memcg];
    meta.host.kernel = "6.12.0".into();
    let (mut bytes, mut encoder) = (Vec::new(), Encoder::new(0));
    encoder.begin(&meta, &mut bytes).unwrap();
    for id in 40..48 {
        encoder.path(id, format!("/kubepods/pod-{id}").as_bytes());
    }
    for second in seconds {
        for entry in &second.entries {
            encoder.entry(entry, &mut bytes).unwrap();
        }
        encoder.tick(&second.tick, &mut bytes).unwrap();
    }
    let end = End { t_ns: START + SECONDS * S, reason: EndReason::Done, open: Vec::new(), lost: [0; Loss::COUNT] };
    encoder.end(&end, &mut bytes).unwrap();
    bytes
}

#[divan::bench]
fn write(bencher: Bencher<'_, '_>) {
    let seconds = seconds();
    bencher.counter(ItemsCount::new(SECONDS * PER_SECOND)).bench_local(|| written(&seconds));
}

#[divan::bench]
fn read(bencher: Bencher<'_, '_>) {
    let bytes = written(&seconds());
    bencher.counter(ItemsCount::new(SECONDS * PER_SECOND)).bench_local(|| {
        let (mut reader, mut read) = (Reader::new(bytes.as_slice()), 0);
        while let Some(item) = reader.next_item().unwrap() {
            if matches!(item, TraceItem::Entries) {
                read += reader.entries().len() as u64;
            }
        }
        assert_eq!(read, SECONDS * PER_SECOND);
    });
}
