//! A table of fixed size, for processes and cgroups under churn: all its memory is allocated at the start.
//!
//! When it is full, a row is folded into `other`, so that sums are conserved. Of the rows that were idle longest, the
//! one with the least weight is folded, so that thousands of short-lived tasks do not push out the important ones.

use std::{collections::HashMap, hash::Hash};

use foldhash::fast::RandomState;

use super::tally::Tally;

/// Index of no row.
const NONE: u32 = u32::MAX;

/// Number of longest-idle rows among which the lightest is folded: of that many heaviest rows, all but one stay
/// forever. They gather at that end, so that looking at them is cheap.
const CANDIDATES: usize = 32;

/// One row: a key, a label, and the sums of its stalls.
#[derive(Clone, Debug)]
pub(super) struct Row<K, L> {
    /// Key of the row.
    pub(super) key: K,
    /// Facts other than counts.
    pub(super) label: L,
    /// Sums of its stalls.
    pub(super) tally: Tally,
    newer: u32,
    older: u32,
}

/// Rows by key, in a list from the most recently used to the longest idle.
#[derive(Debug)]
pub(super) struct Table<K, L> {
    index: HashMap<K, u32, RandomState>,
    rows: Vec<Row<K, L>>,
    capacity: usize,
    newest: u32,
    oldest: u32,
    other: Tally,
    folded: u64,
}

impl<K: Copy + Eq + Hash, L: Copy> Table<K, L> {
    /// A table of `capacity` rows (at least 1), all memory allocated and written once.
    ///
    /// `keys` returns distinct keys.
    pub(super) fn new(capacity: usize, keys: impl Fn(u32) -> K, label: L) -> Self {
        let capacity = capacity.clamp(1, 1 << 20);
        // Twice the room: a map at most half full cleans up after removals in place and never grows. It is filled
        // once, so that its memory is written here too.
        let mut index = HashMap::with_capacity_and_hasher(2 * capacity, RandomState::default());
        index.extend((0..).map(|n| (keys(n), n)).take(2 * capacity));
        index.clear();
        // The links are not zero, so that every page of the rows is written here and not at the first stall.
        let blank = Row { key: keys(0), label, tally: Tally::default(), newer: NONE, older: NONE };
        let mut rows = vec![blank; capacity];
        std::hint::black_box(&mut rows);
        rows.clear();
        Self { index, rows, capacity, newest: NONE, oldest: NONE, other: Tally::default(), folded: 0 }
    }

    /// The row of `key`, which becomes the most recently used, and true when it is new.
    pub(super) fn row(&mut self, key: K, label: L) -> (&mut Row<K, L>, bool) {
        // Stalls come in bursts of one task: mostly it is the row of the previous stall.
        let newest = self.newest;
        if self.rows.get(newest as usize).is_some_and(|row| row.key == key) {
            return (&mut self.rows[newest as usize], false);
        }
        let (at, is_new) = match self.index.get(&key) {
            Some(&at) => {
                self.unlink(at);
                (at, false)
            }
            None => {
                let at = self.vacate(key, label);
                self.index.insert(key, at);
                (at, true)
            }
        };
        self.link_newest(at);
        (&mut self.rows[at as usize], is_new)
    }

    /// The row of `key`, if it exists; its use is not recorded.
    pub(super) fn get(&self, key: &K) -> Option<&Row<K, L>> {
        self.index.get(key).and_then(|&at| self.rows.get(at as usize))
    }

    /// The row of `key`, if it exists.
    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut Row<K, L>> {
        self.index.get(key).map(|&at| &mut self.rows[at as usize])
    }

    /// All rows, in no particular order.
    pub(super) fn rows(&self) -> &[Row<K, L>] {
        &self.rows
    }

    /// Removes all rows; their memory is kept.
    pub(super) fn clear(&mut self) {
        self.index.clear();
        self.rows.clear();
        (self.newest, self.oldest) = (NONE, NONE);
        (self.other, self.folded) = (Tally::default(), 0);
    }

    /// Sum of the folded rows, and their number.
    pub(super) fn other(&self) -> (&Tally, u64) {
        (&self.other, self.folded)
    }

    /// Index of a blank, unlinked row for `key`.
    fn vacate(&mut self, key: K, label: L) -> u32 {
        let blank = Row { key, label, tally: Tally::default(), newer: NONE, older: NONE };
        if self.rows.len() < self.capacity {
            self.rows.push(blank);
            return u32::try_from(self.rows.len() - 1).unwrap_or(NONE);
        }
        let at = self.lightest_of_the_oldest();
        self.unlink(at);
        let row = &mut self.rows[at as usize];
        self.index.remove(&row.key);
        self.other.merge(&row.tally);
        self.folded += 1;
        *row = blank;
        at
    }

    /// Index of the row to fold. In a small table, where `CANDIDATES` would be most of it, fewer rows are considered.
    fn lightest_of_the_oldest(&self) -> u32 {
        let (mut at, mut lightest) = (self.oldest, self.oldest);
        let mut least = self.rows[at as usize].tally.weight_ns();
        for _ in 1..CANDIDATES.min(self.capacity / 4) {
            at = self.rows[at as usize].newer;
            let weight = self.rows[at as usize].tally.weight_ns();
            if weight < least {
                (lightest, least) = (at, weight);
            }
        }
        lightest
    }

    fn unlink(&mut self, at: u32) {
        let Row { newer, older, .. } = self.rows[at as usize];
        match newer {
            NONE => self.newest = older,
            newer => self.rows[newer as usize].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => self.rows[older as usize].newer = newer,
        }
    }

    fn link_newest(&mut self, at: u32) {
        let older = self.newest;
        let row = &mut self.rows[at as usize];
        row.newer = NONE;
        row.older = older;
        match older {
            NONE => self.oldest = at,
            older => self.rows[older as usize].newer = at,
        }
        self.newest = at;
    }
}
