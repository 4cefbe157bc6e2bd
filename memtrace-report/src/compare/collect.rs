//! Collects a run while its trace is replayed.

use std::{collections::BTreeMap, sync::Arc};

use memtrace_common::histogram::BUCKETS;

use super::{
    changes,
    run::{Exposure, Measure, Run, Slice},
};
use crate::replay::{Finished, Note, Watch};
use memtrace_core::{
    clock::Clock,
    event::Event,
    session::{
        histogram::Histogram,
        input::{Pressure, TickInput, Zone},
        tick::Tick,
    },
    sum,
    untrusted::Text,
};
use memtrace_trace::model::{Meta, Remark, TickRecord};

/// Slices of a run: of a longer one each has several ticks, so that a week compares as fast as two hours.
const SLICES: usize = 7200;
/// Ticks shorter than this are put together, in ns.
const SLICE_NS: u64 = 900_000_000;

/// A run that is being read.
#[derive(Debug)]
pub struct Collector {
    slices: Vec<Slice>,
    /// How many ticks make a slice, and how many the last one has.
    ticks_per_slice: usize,
    ticks: usize,
    longest_tick_ns: u64,
    before: Histogram,
    pressure: Option<Pressure>,
    vmstat: Vec<u64>,
    columns: Columns,
    zones: Option<Vec<Zone>>,
    open: (u64, u64),
}

/// Where in `/proc/vmstat` things are counted.
#[derive(Debug, Default)]
struct Columns {
    allocated: Vec<usize>,
    swapped_in: Option<usize>,
    swapped_out: Option<usize>,
    oom_kills: Option<usize>,
}

impl Columns {
    fn of(names: &[Text]) -> Self {
        let find = |wanted: &str| names.iter().position(|name| name.is(wanted));
        // One counter a zone, and its pages whatever the order of the allocation.
        let allocated = names.iter().enumerate().filter(|(_, name)| name.borrowed().strip_prefix("pgalloc_").is_some());
        Self {
            allocated: allocated.map(|(at, _)| at).collect(),
            swapped_in: find("pswpin"),
            swapped_out: find("pswpout"),
            oom_kills: find("oom_kill"),
        }
    }
}

impl Collector {
    /// A collector for the recording that begins so.
    #[must_use]
    pub fn new(meta: &Meta) -> Self {
        Self {
            slices: Vec::new(),
            ticks_per_slice: 1,
            ticks: 0,
            longest_tick_ns: 0,
            before: meta.base.as_ref().map(|base| all_kinds(&base.input)).unwrap_or_default(),
            pressure: meta.base.as_ref().and_then(|base| base.input.host.pressure),
            vmstat: meta.vmstat.clone(),
            columns: Columns::of(&meta.host.vmstat_names),
            zones: (!meta.zones.is_empty()).then(|| meta.zones.clone()),
            open: (0, 0),
        }
    }

    /// The run, once its trace was read.
    #[must_use]
    pub fn into_run(mut self, finished: Finished, clock: &Clock) -> Run {
        let Finished { summary, paths, notes, meta, .. } = finished;
        let groups = changes::groups(&summary, &paths);
        // A hang is stalled time, too, as far as it has come: never left out.
        let open_ns =
            summary.open.iter().map(|stall| summary.t_ns.saturating_sub(stall.begin_ns).min(summary.duration_ns));
        self.open = open_ns.fold((0, 0), |(n, sum): (u64, u64), ns| (n + 1, sum.saturating_add(ns)));
        if let Some(last) = self.slices.last_mut() {
            last.count(Measure::StalledNs, self.open.1);
        }
        // OOM kills are events, which are not read here.
        let bad = summary
            .coverage
            .bad()
            .filter(|row| row.counter != "oom_kill")
            .filter_map(|row| Some((row.counter, row.ratio?)));
        let off = |ratio: f64| (ratio - 1.0).abs();
        let coverage = bad.max_by(|a, b| off(a.1).total_cmp(&off(b.1)));
        #[expect(clippy::cast_precision_loss, reason = "a ratio of two times")]
        let longest_slice = self.longest_tick_ns as f64 / meta.setup.interval_ns.max(1) as f64;
        Run {
            slices: self.slices,
            max_ns: summary.all.max_ns,
            open: self.open,
            groups,
            zones: self.zones.unwrap_or_default(),
            lost: summary.loss.total(),
            coverage,
            longest_slice,
            suspended_ns: sum::of(notes.iter().map(|note| if let Note::Suspended { ns } = note { *ns } else { 0 })),
            notes: notes.iter().filter(|note| !is_no_matter(note)).map(|note| note.text(clock)).collect(),
            damage: sum::of(notes.iter().map(|note| u64::from(is_damage(note)))),
            changes: sum::of(notes.iter().map(|note| u64::from(matches!(note, Note::Changed { .. })))),
            meta,
        }
    }

    /// A slice for the next tick: the last one as long as it takes more.
    fn slice(&mut self) -> &mut Slice {
        if self.slices.len() >= SLICES {
            // Two by two.
            let pairs = self.slices.chunks(2).map(|pair| {
                let mut first = pair[0].clone();
                pair[1..].iter().for_each(|second| first.merge(second));
                first
            });
            self.slices = pairs.collect();
            self.ticks_per_slice *= 2;
            // All of them are whole: the next tick begins one.
            self.ticks = self.ticks_per_slice;
        }
        let short = self.slices.last().is_some_and(|last| last.number(Exposure::All as usize) < SLICE_NS);
        let is_full = self.ticks.is_multiple_of(self.ticks_per_slice) && !short;
        if is_full || self.slices.is_empty() {
            self.ticks = 0;
            self.slices.push(Slice::default());
        }
        self.ticks += 1;
        let last = self.slices.len() - 1;
        &mut self.slices[last]
    }
}

/// True when a note says nothing against a comparison: events are not read here, a sleep has a guard of its own, and
/// what is there twice was counted once.
const fn is_no_matter(note: &Note) -> bool {
    matches!(note, Note::Unrecorded { .. } | Note::Suspended { .. } | Note::Twice { .. })
}

/// True when a note says that ticks are missing between others. A trace that just ends has all of them up to its end.
const fn is_damage(note: &Note) -> bool {
    matches!(note, Note::NoMeta | Note::Damaged { .. } | Note::Gap { .. } | Note::Cut { .. })
}

fn all_kinds(input: &TickInput) -> Histogram {
    let mut all = Histogram::default();
    input.totals.stalls.values().for_each(|kind| all.add(kind.latency.counts()));
    all
}

fn latencies(counts: &[u64; BUCKETS]) -> Vec<(u16, u32)> {
    let filled = counts.iter().enumerate().filter(|(_, count)| **count > 0);
    filled
        .map(|(bucket, count)| (u16::try_from(bucket).unwrap_or(u16::MAX), u32::try_from(*count).unwrap_or(u32::MAX)))
        .collect()
}

impl Watch for Collector {
    fn begin(&mut self, base: &TickRecord) {
        self.before = all_kinds(&base.input);
        self.pressure = base.input.host.pressure;
        self.vmstat.clone_from(&base.vmstat);
        self.zones = Some(base.input.host.zones.clone());
    }

    fn event(&mut self, _: &Event, _: bool, _: &BTreeMap<u64, Arc<[u8]>>) {}

    fn tick(&mut self, tick: Tick, record: &TickRecord, _: &BTreeMap<u64, Arc<[u8]>>) {
        let ns = tick.elapsed_ns;
        self.longest_tick_ns = self.longest_tick_ns.max(ns);
        let mut slice = Slice::default();
        slice.expose(Exposure::All, ns);
        slice.count(Measure::Stalls, tick.all.count);
        slice.count(Measure::StalledNs, tick.all.total_ns);
        slice.count(Measure::KswapdNs, sum::of(tick.kswapd.iter().map(|node| node.busy_ns)));
        let now = all_kinds(&record.input);
        slice.latency = latencies(now.since(&self.before).counts());
        self.before = now;
        if let (Some(scanned), Some(reclaimed)) = (tick.reclaim.scanned_pages, tick.reclaim.reclaimed_pages) {
            slice.expose(Exposure::Scans, ns);
            slice.count(Measure::Scanned, scanned);
            slice.count(Measure::Reclaimed, reclaimed);
        }
        if let Some(refaults) = tick.refaults {
            slice.expose(Exposure::Refaults, ns);
            slice.count(Measure::Refaulted, refaults.file_pages.saturating_add(refaults.anon_pages));
        }
        if let (Some(before), Some(after)) = (self.pressure, tick.pressure) {
            slice.expose(Exposure::Pressure, ns);
            slice.count(Measure::SomeNs, after.some_total_ns.saturating_sub(before.some_total_ns));
            slice.count(Measure::FullNs, after.full_total_ns.saturating_sub(before.full_total_ns));
        }
        self.pressure = tick.pressure;
        let (old, new, columns) = (&self.vmstat, &record.vmstat, &self.columns);
        if !new.is_empty() && old.len() == new.len() && !columns.allocated.is_empty() {
            slice.expose(Exposure::Vmstat, ns);
            let grown = |at: &usize| new.get(*at).zip(old.get(*at)).map_or(0, |(new, old)| new.saturating_sub(*old));
            slice.count(Measure::Allocated, sum::of(columns.allocated.iter().map(grown)));
            for (measure, column) in [
                (Measure::SwappedIn, &columns.swapped_in),
                (Measure::SwappedOut, &columns.swapped_out),
                (Measure::OomKills, &columns.oom_kills),
            ] {
                slice.count(measure, sum::of(column.iter().map(grown)));
            }
        }
        self.vmstat.clone_from(&record.vmstat);
        if self.zones.is_none() {
            self.zones = Some(tick.zones);
        }
        self.slice().merge(&slice);
    }

    fn remark(&mut self, _: &Remark) {}

    fn missing(&mut self) {}
}
