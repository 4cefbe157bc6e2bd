//! Collects a run while its trace is replayed.

use std::{collections::BTreeMap, sync::Arc};

use super::{changes, run::Run};
use crate::{
    metric::{Measure, Slice},
    replay::{Finished, Note, Watch},
};
use memtrace_core::{
    clock::Clock,
    event::Event,
    session::{input::Zone, tick::Tick},
    sum,
};
use memtrace_trace::model::{Meta, Remark, TickRecord};

/// Limit on the slices of a run. Slices of a longer run have several ticks each: a week compares as fast as two hours.
const SLICES: usize = 7200;
/// Ticks shorter than this are put together, in ns.
const SLICE_NS: u64 = 900_000_000;

/// A run that is being read.
#[derive(Debug)]
pub struct Collector {
    slices: Vec<Slice>,
    /// Ticks in a full slice; `ticks` is the number in the last one.
    ticks_per_slice: usize,
    ticks: usize,
    longest_tick_ns: u64,
    zones: Option<Vec<Zone>>,
    open: (u64, u64),
}

impl Collector {
    /// A collector for the recording that begins with this META.
    #[must_use]
    pub fn new(meta: &Meta) -> Self {
        Self {
            slices: Vec::new(),
            ticks_per_slice: 1,
            ticks: 0,
            longest_tick_ns: 0,
            zones: (!meta.zones.is_empty()).then(|| meta.zones.clone()),
            open: (0, 0),
        }
    }

    /// The run, once its trace was read.
    #[must_use]
    pub fn into_run(mut self, finished: Finished, clock: &Clock) -> Run {
        let Finished { summary, paths, notes, meta, .. } = finished;
        let groups = changes::groups(&summary, &paths);
        // A hang is stalled time, too: it counts up to the end of the run.
        let open_ns =
            || summary.open.iter().map(|stall| summary.t_ns.saturating_sub(stall.begin_ns).min(summary.duration_ns));
        self.open = open_ns().fold((0, 0), |(n, sum): (u64, u64), ns| (n + 1, sum.saturating_add(ns)));
        if let Some(last) = self.slices.last_mut() {
            last.read(Measure::StalledNs, self.open.1, 0);
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
            max_ns: summary.all.max_ns.max(open_ns().max()),
            open: self.open,
            groups,
            zones: self.zones.unwrap_or_default(),
            lost: summary.loss.that_matters(),
            coverage,
            longest_slice,
            suspended_ns: sum::of(notes.iter().map(|note| if let Note::Suspended { ns } = note { *ns } else { 0 })),
            notes: notes.iter().filter(|note| !is_no_matter(note)).map(|note| note.text(clock)).collect(),
            damage: sum::of(notes.iter().map(|note| u64::from(is_damage(note)))),
            changes: sum::of(notes.iter().map(|note| u64::from(matches!(note, Note::Changed { .. })))),
            meta,
        }
    }

    /// The slice for the next tick: the last one until it is full.
    fn slice(&mut self) -> &mut Slice {
        if self.slices.len() >= SLICES {
            // Slices are merged two by two.
            let pairs = self.slices.chunks(2).map(|pair| {
                let mut first = pair[0].clone();
                pair[1..].iter().for_each(|second| first.merge(second));
                first
            });
            self.slices = pairs.collect();
            self.ticks_per_slice *= 2;
            // All slices are full: the next tick begins a new one.
            self.ticks = self.ticks_per_slice;
        }
        let short = self.slices.last().is_some_and(|last| last.elapsed_ns() < SLICE_NS);
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

/// True when a note does not affect a comparison: events are not read here, a suspend has a guard of its own, and
/// duplicates were counted once.
const fn is_no_matter(note: &Note) -> bool {
    matches!(note, Note::Unrecorded { .. } | Note::Suspended { .. } | Note::Twice { .. })
}

/// True when a note reports that ticks are missing between others. A trace that just ends has all ticks up to its end.
const fn is_damage(note: &Note) -> bool {
    matches!(note, Note::NoMeta | Note::Damaged { .. } | Note::Gap { .. } | Note::Cut { .. })
}

impl Watch for Collector {
    fn begin(&mut self, base: &TickRecord) {
        self.zones = Some(base.input.host.zones.clone());
    }

    fn event(&mut self, _: &Event, _: bool, _: &BTreeMap<u64, Arc<[u8]>>) {}

    fn tick(&mut self, tick: Tick, _: &TickRecord, _: &BTreeMap<u64, Arc<[u8]>>) {
        self.longest_tick_ns = self.longest_tick_ns.max(tick.elapsed_ns);
        let slice = Slice::of(&tick);
        if self.zones.is_none() {
            self.zones = Some(tick.zones);
        }
        self.slice().merge(&slice);
    }

    fn remark(&mut self, _: &Remark) {}

    fn missing(&mut self) {}
}
