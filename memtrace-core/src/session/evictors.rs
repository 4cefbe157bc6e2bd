//! Processes that evict the pages that come back, of files and of anonymous memory: by a sample of one page in
//! [`SAMPLE_PAGES`]. The kernel side reports each sampled page that comes back. The reports between two ticks are added
//! up here, and the session takes the sums.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use memtrace_common::eviction::SAMPLE_PAGES;

use super::histogram::Histogram;
use crate::event::{Comm, Evictor, EvictorKey, FileId, SampledRefault};

/// Number of rows between two ticks; pages without a row go into the sum `other`.
const INTERVAL_ROWS: usize = 4096;
/// Number of rows in a table; when there are more, those with the fewest pages go into one sum.
const ROWS: usize = 8192;

/// A value for pages of files, and one for anonymous memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByMemory<T> {
    /// Value for files.
    pub files: T,
    /// Value for anonymous memory, which comes back from swap; `None` where that is not reported.
    pub anon: Option<T>,
}

impl<T> ByMemory<T> {
    /// Applies a function to each value.
    pub fn map<U>(&self, of: impl Fn(&T) -> U) -> ByMemory<U> {
        ByMemory { files: of(&self.files), anon: self.anon.as_ref().map(of) }
    }

    /// The values that are reported.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        [&self.files].into_iter().chain(&self.anon)
    }
}

/// Sampled pages that came back, and the sum of their times away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EvictorSum {
    /// Number of sampled pages.
    pub samples: u64,
    /// Time from eviction to refault, summed, in ns.
    pub away_ns: u64,
}

impl EvictorSum {
    /// Adds another sum.
    pub fn add(&mut self, more: Self) {
        self.samples = self.samples.saturating_add(more.samples);
        self.away_ns = self.away_ns.saturating_add(more.away_ns);
    }

    /// Estimated number of pages that the sample represents.
    #[must_use]
    pub fn pages(&self) -> u64 {
        self.samples.saturating_mul(SAMPLE_PAGES)
    }

    /// Mean time from eviction to refault, in ns; `None` without a page.
    #[must_use]
    pub fn mean_away_ns(&self) -> Option<u64> {
        self.away_ns.checked_div(self.samples)
    }
}

/// Sampled refaults since the last tick.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EvictorDeltas {
    /// Sums by evictor, process and file.
    pub rows: Vec<(EvictorKey, EvictorSum)>,
    /// Sum of the pages without a row.
    pub other: EvictorSum,
    /// Times from eviction to refault, in ns.
    pub away: Histogram,
    /// Pages of the same memory and memory cgroup that were evicted between the two, estimated: with room for that many
    /// more pages this page would have stayed.
    pub distance: Histogram,
}

impl ByMemory<EvictorDeltas> {
    /// Adds later refaults.
    pub fn append(&mut self, later: Self) {
        self.files.append(later.files);
        match (&mut self.anon, later.anon) {
            (Some(anon), Some(later)) => anon.append(later),
            (anon, later) => *anon = anon.take().or(later),
        }
    }
}

impl EvictorDeltas {
    fn append(&mut self, mut later: Self) {
        self.rows.append(&mut later.rows);
        self.other.add(later.other);
        self.away.add(later.away.counts());
        self.distance.add(later.distance.counts());
    }
}

/// Sampled refaults between two ticks, in memory that is allocated at the start.
#[derive(Debug)]
pub struct Interval {
    rows: HashMap<EvictorKey, EvictorSum>,
    rest: EvictorDeltas,
}

impl Default for Interval {
    fn default() -> Self {
        Self { rows: HashMap::with_capacity(INTERVAL_ROWS), rest: EvictorDeltas::default() }
    }
}

impl ByMemory<Interval> {
    /// Counts one refault. Allocates nothing. There is none of anonymous memory where that is not reported.
    pub fn add(&mut self, refault: &SampledRefault) {
        match (refault.key.file, &mut self.anon) {
            (None, Some(anon)) => anon.add(refault),
            (None, None) => {}
            (Some(_), _) => self.files.add(refault),
        }
    }

    /// Takes the refaults, and starts anew.
    pub fn take(&mut self) -> ByMemory<EvictorDeltas> {
        ByMemory { files: self.files.take(), anon: self.anon.as_mut().map(Interval::take) }
    }
}

impl Interval {
    /// Counts one refault. Allocates nothing.
    pub fn add(&mut self, refault: &SampledRefault) {
        let sum = EvictorSum { samples: 1, away_ns: refault.away_ns };
        self.rest.away.record(refault.away_ns);
        if let Some(pages) = refault.distance_pages {
            self.rest.distance.record(pages);
        }
        if let Some(row) = self.rows.get_mut(&refault.key) {
            row.add(sum);
        } else if self.rows.len() < INTERVAL_ROWS {
            self.rows.insert(refault.key, sum);
        } else {
            self.rest.other.add(sum);
        }
    }

    /// Takes the refaults, and starts anew.
    pub fn take(&mut self) -> EvictorDeltas {
        let mut rows: Vec<_> = self.rows.drain().collect();
        // In a fixed order, so that the same events give the same trace.
        rows.sort_unstable_by_key(|(key, _)| *key);
        EvictorDeltas { rows, ..std::mem::take(&mut self.rest) }
    }
}

/// All sampled refaults since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct EvictorTable {
    rows: BTreeMap<EvictorKey, EvictorSum>,
    other: EvictorSum,
    away: Histogram,
    distance: Histogram,
}

impl ByMemory<EvictorTable> {
    /// Adds the refaults since the last tick.
    pub(super) fn add(&mut self, deltas: &ByMemory<EvictorDeltas>, filter: Option<&dyn Fn(&EvictorKey) -> bool>) {
        self.files.add(&deltas.files, filter);
        if let Some(deltas) = &deltas.anon {
            self.anon.get_or_insert_default().add(deltas, filter);
        }
    }
}

impl EvictorTable {
    /// Adds the refaults since the last tick. With a filter only rows that match count: pages without a row cannot be
    /// matched.
    pub(super) fn add(&mut self, deltas: &EvictorDeltas, filter: Option<&dyn Fn(&EvictorKey) -> bool>) {
        for (key, sum) in deltas.rows.iter().filter(|(key, _)| filter.is_none_or(|matches| matches(key))) {
            self.rows.entry(*key).or_default().add(*sum);
        }
        if filter.is_none() {
            self.other.add(deltas.other);
        }
        self.away.add(deltas.away.counts());
        self.distance.add(deltas.distance.counts());
        if self.rows.len() > ROWS {
            let mut rows: Vec<_> = self.rows.iter().map(|(key, sum)| (*key, *sum)).collect();
            rows.sort_by_key(|(key, sum)| (Reverse(sum.samples), *key));
            for (key, sum) in rows.split_off(ROWS / 2) {
                self.rows.remove(&key);
                self.other.add(sum);
            }
        }
    }

    /// Summary of the table. The histograms are of all pages, and so are left out when rows were filtered
    /// (`is_filtered`).
    pub(super) fn summary(&self, is_filtered: bool) -> EvictorSummary {
        let mut sum = self.other;
        let (mut pairs, mut files) = (BTreeMap::<Pair, EvictorSum>::new(), BTreeMap::<FileId, EvictorSum>::new());
        for (key, row) in &self.rows {
            sum.add(*row);
            pairs.entry(Pair { evictor: key.evictor, pid: key.pid, comm: key.comm }).or_default().add(*row);
            if let Some(file) = key.file {
                files.entry(file).or_default().add(*row);
            }
        }
        EvictorSummary {
            sum,
            away: (!is_filtered).then(|| self.away.clone()),
            distance: (!is_filtered).then(|| self.distance.clone()),
            pairs: most_first(pairs),
            files: most_first(files),
            other: self.other,
        }
    }
}

/// Number of rows of an interval that are kept for a screen.
const SHOWN: usize = 32;

impl EvictorSummary {
    /// Reduces the summary of an interval to the part that a screen shows: the largest rows, and no histograms.
    #[must_use]
    pub(super) fn of_interval(mut self) -> Self {
        self.pairs.truncate(SHOWN);
        self.files.truncate(SHOWN);
        Self { away: None, distance: None, ..self }
    }
}

fn most_first<K: Copy + Ord>(rows: BTreeMap<K, EvictorSum>) -> Vec<(K, EvictorSum)> {
    let mut rows: Vec<_> = rows.into_iter().collect();
    rows.sort_by_key(|(key, sum)| (Reverse(sum.samples), *key));
    rows
}

/// Process that evicted, and process that brought back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    /// Process that evicted the pages.
    pub evictor: Evictor,
    /// Process that brought them back.
    pub pid: u32,
    /// Name of that process.
    pub comm: Comm,
}

/// Summary of the sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvictorSummary {
    /// All sampled pages that came back and match the filter. Those that found no row are included only without a
    /// filter.
    pub sum: EvictorSum,
    /// Times from eviction to refault, in ns; `None` with a filter.
    pub away: Option<Histogram>,
    /// Pages of the same memory and memory cgroup that were evicted between the two; `None` with a filter.
    pub distance: Option<Histogram>,
    /// Sums by evictor and process that brought back, the largest first.
    pub pairs: Vec<(Pair, EvictorSum)>,
    /// Sums by file, the largest first; empty for anonymous memory.
    pub files: Vec<(FileId, EvictorSum)>,
    /// Sum of the pages without a row, in neither of the two lists.
    pub other: EvictorSum,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::FileName;

    fn refault(evictor: u32, pid: u32, ino: u64, away_ns: u64) -> SampledRefault {
        SampledRefault {
            away_ns,
            distance_pages: Some(64 * away_ns),
            key: EvictorKey {
                evictor: Evictor { pid: evictor, comm: Comm::from(&b"evicts"[..]), is_kthread: evictor == 0 },
                pid,
                comm: Comm::from(&b"reads"[..]),
                cgroup_id: None,
                file: Some(FileId { dev: (8, 1), ino, name: FileName::default() }),
            },
        }
    }

    #[test]
    fn pairs_and_files_add_up_to_all_that_came_back() {
        let mut interval = Interval::default();
        for (evictor, pid, ino, away_ns) in [(0, 1, 7, 1000), (0, 1, 8, 3000), (2, 1, 7, 5000), (2, 3, 7, 7000)] {
            interval.add(&refault(evictor, pid, ino, away_ns));
        }
        let mut table = EvictorTable::default();
        table.add(&interval.take(), None);
        assert_eq!(interval.take(), EvictorDeltas::default(), "it begins anew");
        let summary = table.summary(false);
        assert_eq!(summary.sum, EvictorSum { samples: 4, away_ns: 16_000 });
        assert_eq!(summary.sum.pages(), 256);
        assert_eq!(summary.sum.mean_away_ns(), Some(4000));
        let pairs: Vec<_> = summary.pairs.iter().map(|(p, s)| (p.evictor.pid, p.pid, s.samples)).collect();
        assert_eq!(pairs, [(0, 1, 2), (2, 1, 1), (2, 3, 1)]);
        let files: Vec<_> = summary.files.iter().map(|(f, s)| (f.ino, s.samples, s.away_ns)).collect();
        assert_eq!(files, [(7, 3, 13_000), (8, 1, 3000)]);
        assert_eq!(summary.away.as_ref().map(Histogram::total), Some(4));
    }

    #[test]
    fn anonymous_memory_is_apart_and_only_where_it_is_traced() {
        let anon = SampledRefault { key: EvictorKey { file: None, ..refault(0, 1, 0, 0).key }, ..refault(0, 1, 0, 50) };
        let reported = ByMemory { files: Interval::default(), anon: Some(Interval::default()) };
        for mut interval in [reported, ByMemory::default()] {
            let is_reported = interval.anon.is_some();
            interval.add(&anon);
            interval.add(&refault(0, 1, 7, 1000));
            let mut deltas = interval.take();
            deltas.append(deltas.clone());
            let mut table = ByMemory::<EvictorTable>::default();
            table.add(&deltas, None);
            let summary = table.map(|table| table.summary(false));
            assert_eq!((summary.files.sum.samples, summary.files.files.len()), (2, 1));
            let anon = summary.anon.map(|anon| (anon.sum.samples, anon.pairs.len(), anon.files.len()));
            assert_eq!(anon, is_reported.then_some((2, 1, 0)));
        }
    }

    #[test]
    fn nothing_is_lost_when_there_is_no_row_left() {
        let (mut table, mut sent) = (EvictorTable::default(), 0);
        for round in 0..4 {
            let mut interval = Interval::default();
            for ino in 0..5000 {
                interval.add(&refault(0, 1, round * 5000 + ino, 10));
                sent += 1;
            }
            // The row with the most pages is kept.
            (0..9).for_each(|_| interval.add(&refault(0, 1, round * 5000, 10)));
            sent += 9;
            let deltas = interval.take();
            assert_eq!((deltas.rows.len(), deltas.other.samples), (INTERVAL_ROWS, 5000 - INTERVAL_ROWS as u64));
            table.add(&deltas, None);
        }
        assert!(table.rows.len() <= ROWS);
        let summary = table.summary(false);
        assert_eq!(summary.sum, EvictorSum { samples: sent, away_ns: 10 * sent });
        let reported: u64 = summary.files.iter().map(|(_, sum)| sum.samples).sum();
        assert_eq!(reported + summary.other.samples, sent);
        assert_eq!(summary.files.iter().filter(|(_, sum)| sum.samples == 10).count(), 4);
    }

    #[test]
    fn a_filter_leaves_its_rows_and_no_times_of_others() {
        let mut interval = Interval::default();
        interval.add(&refault(0, 1, 7, 1000));
        interval.add(&refault(0, 2, 7, 9000));
        let mut table = EvictorTable::default();
        table.add(&interval.take(), Some(&|key| key.pid == 2));
        let summary = table.summary(true);
        assert_eq!(summary.sum, EvictorSum { samples: 1, away_ns: 9000 });
        assert_eq!((summary.away, summary.distance), (None, None));
    }
}
