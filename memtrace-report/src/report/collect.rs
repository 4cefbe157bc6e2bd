//! Data that a report needs besides the session.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    group::Groups,
    heat::{HeatMap, Mark},
};
use crate::by::By;
use crate::replay::Watch;
use memtrace_core::{
    event::Event,
    session::{histogram::Histogram, input::TickInput, tick::Tick},
};
use memtrace_trace::model::{Remark, RemarkKind, TickRecord};

/// Collects while a trace is read.
#[derive(Debug)]
pub struct Collector {
    /// Latency over time.
    pub heat: HeatMap,
    /// Requested tables.
    pub groups: Groups,
    /// The latencies of all kinds at the last tick, since the attaching.
    before: Histogram,
    kills_reported: u64,
}

impl Collector {
    /// A collector for these tables; `base` is the tick that the window begins at, where it does not begin at the
    /// attaching.
    #[must_use]
    pub fn new(by: &[By], base: Option<&TickInput>) -> Self {
        let before = base.map(all_kinds).unwrap_or_default();
        Self { heat: HeatMap::default(), groups: Groups::new(by), before, kills_reported: 0 }
    }
}

fn all_kinds(input: &TickInput) -> Histogram {
    let mut all = Histogram::default();
    input.totals.stalls.values().for_each(|kind| all.add(kind.latency.counts()));
    all
}

impl Watch for Collector {
    fn begin(&mut self, base: &TickRecord) {
        self.before = all_kinds(&base.input);
    }

    fn event(&mut self, event: &Event, shown: bool, _: &BTreeMap<u64, Arc<[u8]>>) {
        match event {
            Event::Stall(stall) if shown => self.groups.add(stall),
            Event::Oom(oom) => {
                self.kills_reported += 1;
                self.heat.mark(oom.t_ns, Mark::Oom);
            }
            Event::Stall(_) | Event::Freed(_) | Event::Kswapd(_) => {}
        }
    }

    fn tick(&mut self, tick: Tick, record: &TickRecord, _: &BTreeMap<u64, Arc<[u8]>>) {
        let now = all_kinds(&record.input);
        self.heat.tick(tick.t_ns, tick.elapsed_ns, now.since(&self.before).counts());
        self.before = now;
        let middle_ns = tick.t_ns.saturating_sub(tick.elapsed_ns / 2);
        if tick.oom_kills > self.kills_reported {
            self.heat.mark(middle_ns, Mark::Oom);
        }
        self.kills_reported = 0;
        if tick.kswapd.iter().flatten().any(|node| node.awake_ns > 0) {
            self.heat.mark(middle_ns, Mark::Kswapd);
        }
        if tick.loss.that_matters() > 0 {
            self.heat.mark(middle_ns, Mark::Loss);
        }
    }

    fn remark(&mut self, remark: &Remark) {
        match remark.kind {
            RemarkKind::Trigger => self.heat.mark(remark.t_ns, Mark::Trigger),
            RemarkKind::EventsStopped => self.heat.mark(remark.t_ns, Mark::Loss),
            RemarkKind::BlockBegin
            | RemarkKind::BlockEnd
            | RemarkKind::Changed
            | RemarkKind::Cgroups
            | RemarkKind::Unknown => {}
        }
    }

    fn missing(&mut self) {
        self.heat.mark(self.heat.last_ns().unwrap_or(0), Mark::Loss);
    }
}
