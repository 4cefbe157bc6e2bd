//! Reads the exact totals from the maps, once a tick.

use aya::maps::{Array, HashMap, Map, MapData, MapError, PerCpuArray, PerCpuValues};
use memtrace_common::{
    count::Count,
    kind::StallKind,
    shrinker::{MAX_SHRINKERS, ShrinkerKey, ShrinkerTotals},
    totals::{KswapdTotals, Loss, MAX_NODES, OtherShrinks, SLOT_PROACTIVE, SLOT_SELF, StallTotals, failures_from},
    zone::{HOPELESS, ZonesTotals},
};

use super::{
    describe::chain,
    error::LoadError,
    open::{OpenSpans, in_flight, open_stalls},
    pod::Raw,
    zones::Watched,
};
use memtrace_core::{
    session::{
        input::{KernelTotals, KindTotals},
        loss::Ledger,
        zones::{StallZones, ZoneStalls},
    },
    throttle::Throttles,
};

/// The parts of the totals that the attached hooks count.
#[derive(Debug)]
pub(super) struct Counted {
    /// The zones whose watermarks are read when a direct reclaim begins; `None` when they cannot be read.
    pub(super) zones: Option<Vec<Watched>>,
    /// The nodes whose shrinks are counted separately.
    pub(super) nodes: Vec<u32>,
    /// True when an event reports kswapd's failures.
    pub(super) failures_reported: bool,
    /// True when proactive reclaim is counted separately.
    pub(super) proactive: bool,
    /// True when the time off CPU of stalled tasks is measured.
    pub(super) off_cpu: bool,
    /// The counts whose hooks are attached.
    pub(super) counts: Vec<Count>,
}

/// The maps of totals.
pub struct Totals {
    stalls: PerCpuArray<MapData, Raw<StallTotals>>,
    kswapd: Array<MapData, Raw<KswapdTotals>>,
    other_shrinks: PerCpuArray<MapData, Raw<OtherShrinks>>,
    shrinkers: HashMap<MapData, Raw<ShrinkerKey>, Raw<ShrinkerTotals>>,
    counts: PerCpuArray<MapData, u64>,
    node_shrinks: PerCpuArray<MapData, Raw<OtherShrinks>>,
    zones: PerCpuArray<MapData, Raw<ZonesTotals>>,
    counted: Counted,
    loss: PerCpuArray<MapData, u64>,
    open: OpenSpans,
}

impl Totals {
    /// Takes the maps by name.
    pub(super) fn of(
        counted: Counted,
        mut take: impl FnMut(&str) -> Result<Map, LoadError>,
    ) -> Result<Self, LoadError> {
        let refused = |e: MapError| LoadError::Refused(chain(&e));
        Ok(Self {
            stalls: PerCpuArray::try_from(take("STALLS")?).map_err(refused)?,
            kswapd: Array::try_from(take("KSWAPD")?).map_err(refused)?,
            other_shrinks: PerCpuArray::try_from(take("OTHER_SHRINKS")?).map_err(refused)?,
            shrinkers: HashMap::try_from(take("SHRINKER_TOTALS")?).map_err(refused)?,
            counts: PerCpuArray::try_from(take("COUNTS")?).map_err(refused)?,
            node_shrinks: PerCpuArray::try_from(take("NODE_SHRINKS")?).map_err(refused)?,
            zones: PerCpuArray::try_from(take("ZONES")?).map_err(refused)?,
            counted,
            loss: PerCpuArray::try_from(take("LOSS")?).map_err(refused)?,
            open: OpenSpans::of(&mut take)?,
        })
    }

    /// All totals since attach, for these kinds (those whose hooks are attached).
    ///
    /// # Errors
    /// When the kernel does not let a map be read, with the kernel's error.
    pub fn read(&self, kinds: &[StallKind]) -> Result<KernelTotals, MapError> {
        let mut totals = KernelTotals::default();
        for &kind in kinds {
            let sums = self.slot(kind as u32)?;
            let off_cpu_ns = sums.off_cpu_ns.filter(|_| !kind.is_wait());
            totals.stalls.insert(kind, KindTotals { off_cpu_ns, ..sums });
        }
        totals.own = self.slot(SLOT_SELF)?;
        totals.proactive = self.counted.proactive.then(|| self.slot(SLOT_PROACTIVE)).transpose()?;
        for nid in 0..MAX_NODES {
            let Raw(mut node) = self.kswapd.get(&nid, 0)?;
            if self.counted.failures_reported {
                // No failure reported means no failure.
                node.failures_from = failures_from::EVENTS;
            }
            // A hopeless kswapd is not woken any more, so it may have no event.
            if node.last_ns != 0 || node.most_failures_in_a_row >= HOPELESS {
                totals.kswapd.insert(nid, node);
            }
        }
        totals.other_shrinks = sum_of(&self.other_shrinks.get(&0, 0)?);
        for &nid in &self.counted.nodes {
            totals.node_shrinks.insert(nid, sum_of(&self.node_shrinks.get(&nid, 0)?));
        }
        // Rows are only added, and never so many that the walk misses one.
        for (Raw(key), Raw(sum)) in self.shrinkers.iter().take(2 * MAX_SHRINKERS as usize).flatten() {
            let kind = u8::try_from(key.slot).ok().and_then(StallKind::from_u8);
            if let Some(kind) = kind.filter(|kind| kinds.contains(kind)) {
                totals.shrinkers.totals.insert((kind, key.function), sum);
            }
        }
        totals.zones = self.zones()?;
        for &count in &self.counted.counts {
            totals.counts.set(count, self.counts.get(&(count as u32), 0)?.iter().sum());
        }
        totals.loss = self.lost()?.0;
        let open = self.open.read();
        totals.in_flight = in_flight(&open);
        totals.open = open_stalls(&open);
        Ok(totals)
    }

    /// The kernel side's ledger since attach.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn lost(&self) -> Result<Ledger, MapError> {
        let stage = |stage: Loss| Ok((stage.name(), self.loss.get(&(stage as u32), 0)?.iter().sum()));
        Loss::ALL.into_iter().map(stage).collect::<Result<_, _>>().map(Ledger)
    }

    fn zones(&self) -> Result<Option<StallZones>, MapError> {
        let Some(watched) = &self.counted.zones else { return Ok(None) };
        let cpus = self.zones.get(&0, 0)?;
        let zone = |(at, zone): (usize, &Watched)| {
            ZoneStalls::of(zone.nid, &zone.name, cpus.iter().filter_map(|Raw(cpu)| cpu.zones.get(at)))
        };
        let zones = watched.iter().enumerate().map(zone).collect();
        Ok(Some(StallZones { zones, unread: cpus.iter().map(|Raw(cpu)| cpu.unread).sum() }))
    }

    fn slot(&self, slot: u32) -> Result<KindTotals, MapError> {
        let mut sum = KindTotals::default();
        let mut off_cpu_ns = 0;
        for Raw(cpu) in self.stalls.get(&slot, 0)?.iter() {
            sum.count += cpu.count;
            sum.total_ns += cpu.total_ns;
            sum.max_ns = sum.max_ns.max(cpu.max_ns);
            sum.scanned_pages += cpu.scanned_pages;
            sum.reclaimed_pages += cpu.reclaimed_pages;
            sum.spent.merge(&cpu.spent);
            sum.throttles.add(Throttles::of_us(cpu.throttled_us));
            off_cpu_ns += cpu.off_cpu_ns;
            sum.latency.add(&cpu.buckets);
        }
        sum.off_cpu_ns = self.counted.off_cpu.then_some(off_cpu_ns);
        Ok(sum)
    }
}

fn sum_of(cpus: &PerCpuValues<Raw<OtherShrinks>>) -> OtherShrinks {
    let mut sum = OtherShrinks::default();
    for Raw(cpu) in cpus.iter() {
        sum.scanned_pages += cpu.scanned_pages;
        sum.reclaimed_pages += cpu.reclaimed_pages;
    }
    sum
}
