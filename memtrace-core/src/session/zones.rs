//! State of the zones when direct stalls began.

use memtrace_common::zone::ZoneTotals;

use crate::untrusted::Text;

/// One zone at the begins of direct stalls, without memtrace's own. Exact: counted in the kernel, at the begin itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneStalls {
    /// Node of the zone.
    pub nid: u32,
    /// Name of the zone (`DMA`, `DMA32`, `Normal`, `Movable`).
    pub name: Text,
    /// Stalls that began with fewer free pages than the min watermark, its boost included.
    pub below_min: u64,
    /// Stalls that began with free pages from min to below low.
    pub below_low: u64,
    /// Stalls that began with free pages from low to below high.
    pub below_high: u64,
    /// Stalls that began with free pages at high or above: this zone was not short of pages.
    pub above_high: u64,
    /// Stalls in any of these classes that began while the watermarks were boosted.
    pub boosted: u64,
    /// Stalls below min that began while the main (highest) zone of another node was at its high watermark or above.
    pub plenty_elsewhere: u64,
    /// Sum of the free pages seen.
    pub free_pages: u64,
    /// The fewest free pages seen; `None` when none were seen, or when the minimum may be from before the window.
    pub least_free_pages: Option<u64>,
}

impl ZoneStalls {
    /// Sum of the counts of all CPUs for a zone.
    #[must_use]
    pub fn of<'a>(nid: u32, name: &str, cpus: impl IntoIterator<Item = &'a ZoneTotals>) -> Self {
        let mut sum = Self { nid, name: name.into(), ..Self::default() };
        for cpu in cpus.into_iter().filter(|cpu| cpu.begins() > 0) {
            sum.below_min += cpu.below_min;
            sum.below_low += cpu.below_low;
            sum.below_high += cpu.below_high;
            sum.above_high += cpu.above_high;
            sum.boosted += cpu.boosted;
            sum.plenty_elsewhere += cpu.plenty_elsewhere;
            sum.free_pages = sum.free_pages.saturating_add(cpu.free_pages);
            let least = sum.least_free_pages.map_or(cpu.least_free_pages, |least| least.min(cpu.least_free_pages));
            sum.least_free_pages = Some(least);
        }
        sum
    }

    /// Number of direct stalls at whose begin the zone was read.
    #[must_use]
    pub fn begins(&self) -> u64 {
        [self.below_low, self.below_high, self.above_high].into_iter().fold(self.below_min, u64::saturating_add)
    }

    /// Mean number of free pages; `None` when the zone was never read.
    #[must_use]
    pub fn mean_free_pages(&self) -> Option<u64> {
        self.free_pages.checked_div(self.begins())
    }

    /// The growth since `base`. The fewest free pages are not known when there were as few before it.
    #[must_use]
    pub fn since(&self, base: &Self) -> Self {
        let least_free_pages = match base.least_free_pages {
            Some(before) => self.least_free_pages.filter(|least| *least < before),
            None => self.least_free_pages,
        };
        Self {
            nid: self.nid,
            name: self.name.clone(),
            below_min: self.below_min.saturating_sub(base.below_min),
            below_low: self.below_low.saturating_sub(base.below_low),
            below_high: self.below_high.saturating_sub(base.below_high),
            above_high: self.above_high.saturating_sub(base.above_high),
            boosted: self.boosted.saturating_sub(base.boosted),
            plenty_elsewhere: self.plenty_elsewhere.saturating_sub(base.plenty_elsewhere),
            free_pages: self.free_pages.saturating_sub(base.free_pages),
            least_free_pages,
        }
    }
}

/// All zones that are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StallZones {
    /// The zones, by node.
    pub zones: Vec<ZoneStalls>,
    /// Direct stalls that began before all nodes were known: some zones were not read.
    pub unread: u64,
}

impl StallZones {
    /// The zone of this list with the same node and name.
    #[must_use]
    pub fn same(&self, zone: &ZoneStalls) -> Option<&ZoneStalls> {
        self.zones.iter().find(|other| other.nid == zone.nid && other.name == zone.name)
    }

    /// The growth since `base`.
    #[must_use]
    pub fn since(&self, base: Option<&Self>) -> Self {
        let zone = |now: &ZoneStalls| match base.and_then(|base| base.same(now)) {
            Some(base) => now.since(base),
            None => now.clone(),
        };
        let unread = self.unread.saturating_sub(base.map_or(0, |base| base.unread));
        Self { zones: self.zones.iter().map(zone).collect(), unread }
    }
}

#[cfg(test)]
mod tests {
    use memtrace_common::zone::ZoneTotals;

    use super::{StallZones, ZoneStalls};

    #[test]
    fn cpus_add_up_and_one_that_saw_nothing_has_no_fewest() {
        let cpu = |below_min, free_pages, least_free_pages| ZoneTotals {
            below_min,
            free_pages,
            least_free_pages,
            ..ZoneTotals::default()
        };
        let sum = ZoneStalls::of(1, "Normal", &[cpu(0, 0, 0), cpu(2, 70, 30), cpu(1, 20, 20)]);
        assert_eq!((sum.begins(), sum.mean_free_pages(), sum.least_free_pages), (3, Some(30), Some(20)));
        let none = ZoneStalls::of(1, "Normal", &[cpu(0, 0, 0)]);
        assert_eq!((none.mean_free_pages(), none.least_free_pages), (None, None));
    }

    #[test]
    fn a_window_knows_its_fewest_only_where_they_were_fewer_than_before() {
        let zone = |below_min, least| ZoneStalls { below_min, least_free_pages: Some(least), ..ZoneStalls::default() };
        assert_eq!(zone(5, 20).since(&zone(2, 20)), ZoneStalls { below_min: 3, ..ZoneStalls::default() });
        assert_eq!(zone(5, 10).since(&zone(2, 20)).least_free_pages, Some(10));
        let now = StallZones { zones: vec![zone(5, 20)], unread: 3 };
        assert_eq!(now.since(None), now);
        assert_eq!(now.since(Some(&now)).zones[0], ZoneStalls::default());
        assert_eq!(now.since(Some(&StallZones::default())), now);
    }
}
