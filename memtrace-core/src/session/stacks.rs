//! Stacks of stalls by process, cgroup and kind. The kernel side counts them, and the session takes the counts since
//! the last tick. The names of a stack come when they are found, which may be later.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use memtrace_common::kind::StallKind;

use crate::stack::{FrameNames, Stack};

/// Number of rows that are kept; when there are more, those with the least time go into one sum.
const ROWS: usize = 8192;
/// Number of named stacks that are kept; when there are more, the oldest stacks without a row are dropped.
const STACKS: usize = 16_384;

/// Key of stalls by stack: stack, process, cgroup and kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StackKey {
    /// Number of the stack, from 0 in the order in which they were seen.
    pub stack: u32,
    /// Process id.
    pub pid: u32,
    /// Start of the process in ns, which identifies it when a pid is reused.
    pub process_start_ns: Option<u64>,
    /// Id of the memory cgroup.
    pub cgroup_id: Option<u64>,
    /// The kind of stall.
    pub kind: StallKind,
}

/// Number of stalls, and the sum of their durations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StackSum {
    /// Number of stalls.
    pub stalls: u64,
    /// Sum of their durations, in ns.
    pub total_ns: u64,
}

impl StackSum {
    /// Adds another sum.
    pub fn add(&mut self, more: Self) {
        self.stalls = self.stalls.saturating_add(more.stalls);
        self.total_ns = self.total_ns.saturating_add(more.total_ns);
    }
}

/// Stacks since the last tick.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StackDeltas {
    /// Stacks that were named, by number.
    pub named: Vec<(u32, Arc<Stack>)>,
    /// The stalls.
    pub stalls: Vec<(StackKey, StackSum)>,
}

impl StackDeltas {
    /// Adds later stacks.
    pub fn append(&mut self, mut later: Self) {
        self.named.append(&mut later.named);
        self.stalls.append(&mut later.stalls);
    }
}

/// Stalls by stack.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StackTable {
    names: BTreeMap<u32, Arc<Stack>>,
    rows: BTreeMap<StackKey, StackSum>,
    other: StackSum,
}

impl StackTable {
    /// Stores the names of stacks.
    pub fn learn(&mut self, named: &[(u32, Arc<Stack>)]) {
        for (number, stack) in named {
            self.names.insert(*number, Arc::clone(stack));
        }
        if self.names.len() > STACKS {
            let used: BTreeSet<u32> = self.rows.keys().map(|key| key.stack).collect();
            let unused = self.names.keys().copied().filter(|number| !used.contains(number));
            // A quarter is dropped at once, so that this is not done for each new stack.
            let old: Vec<u32> = unused.take(self.names.len() - STACKS * 3 / 4).collect();
            old.iter().for_each(|number| drop(self.names.remove(number)));
        }
    }

    /// Counts stalls on a stack.
    pub fn add(&mut self, key: StackKey, sum: StackSum) {
        self.rows.entry(key).or_default().add(sum);
        if self.rows.len() > ROWS {
            // Processes come and go: rows with the least time make room for new ones.
            for (key, sum) in self.rows().split_off(ROWS / 2) {
                self.rows.remove(&key);
                self.other.add(sum);
            }
        }
    }

    /// The stack with this number, when its addresses were kept.
    #[must_use]
    pub fn stack(&self, number: u32) -> Option<&Arc<Stack>> {
        self.names.get(&number)
    }

    /// All rows, the longest total time first.
    #[must_use]
    pub fn rows(&self) -> Vec<(StackKey, StackSum)> {
        let mut rows: Vec<_> = self.rows.iter().map(|(key, sum)| (*key, *sum)).collect();
        rows.sort_by_key(|(key, sum)| (Reverse(sum.total_ns), *key));
        rows
    }

    /// Sum of the stalls without a row.
    #[must_use]
    pub fn other(&self) -> StackSum {
        self.other
    }
}

/// Rows on the same stack.
#[derive(Debug)]
pub struct OnStack<'a, R> {
    /// The stack; `None` when it has no names.
    pub stack: Option<&'a Stack>,
    /// The rows, in the order in which they came.
    pub rows: Vec<&'a R>,
    /// Sum of the rows.
    pub sum: StackSum,
}

/// Groups rows whose stacks are equal function by function, across processes; the longest total time first. `of`
/// returns stack and sum of a row.
pub fn by_stack<'a, R>(
    rows: impl IntoIterator<Item = &'a R>,
    of: impl Fn(&'a R) -> (Option<&'a Arc<Stack>>, StackSum),
) -> Vec<OnStack<'a, R>> {
    let mut groups: BTreeMap<Option<FrameNames>, OnStack<'a, R>> = BTreeMap::new();
    for row in rows {
        let (stack, sum) = of(row);
        let group = groups.entry(stack.map(|stack| stack.names())).or_insert_with(|| OnStack {
            stack: stack.map(Arc::as_ref),
            rows: Vec::new(),
            sum: StackSum::default(),
        });
        group.rows.push(row);
        group.sum.add(sum);
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|group| Reverse(group.sum.total_ns));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::Frame;

    fn key(stack: u32, pid: u32) -> StackKey {
        StackKey { stack, pid, process_start_ns: None, cgroup_id: None, kind: StallKind::Direct }
    }

    fn sum(stalls: u64, total_ns: u64) -> StackSum {
        StackSum { stalls, total_ns }
    }

    #[test]
    fn nothing_is_lost_when_there_is_no_row_left() {
        let mut table = StackTable::default();
        for pid in 0..10_000 {
            table.add(key(0, pid), sum(1, 2));
        }
        table.add(key(0, 1), sum(1, 2));
        // A stack with much stalled time gets a row even late, and keeps it.
        table.add(key(7, 1), sum(1, 9));
        for pid in 10_000..20_000 {
            table.add(key(0, pid), sum(1, 2));
        }
        let rows = table.rows();
        assert!(rows.len() <= ROWS);
        assert_eq!(rows[0], (key(7, 1), sum(1, 9)));
        let mut all = table.other();
        rows.iter().for_each(|(_, sum)| all.add(*sum));
        assert_eq!(all, sum(20_002, 40_011));
    }

    #[test]
    fn names_of_what_has_a_row_are_kept_and_of_the_rest_the_latest() {
        let mut table = StackTable::default();
        table.add(key(0, 1), sum(1, 1));
        for number in 0..40_000 {
            table.learn(&[(number, Arc::new(Stack::default()))]);
        }
        assert!(table.stack(0).is_some() && table.stack(39_999).is_some() && table.stack(1).is_none());
        assert!(table.names.len() <= STACKS);
    }

    #[test]
    fn the_same_functions_are_one_stack_whoever_had_them() {
        let stack = |name: &[u8], offset| {
            Arc::new(Stack { frames: vec![Frame { function: name.to_vec(), offset, ..Frame::default() }] })
        };
        let mut table = StackTable::default();
        table.learn(&[(0, stack(b"a", 0)), (1, stack(b"a", 8)), (2, stack(b"b", 0))]);
        for (key, sum) in
            [(key(0, 1), sum(1, 5)), (key(1, 2), sum(1, 5)), (key(2, 1), sum(1, 8)), (key(9, 1), sum(1, 1))]
        {
            table.add(key, sum);
        }
        let rows = table.rows();
        let groups = by_stack(&rows, |(key, sum)| (table.stack(key.stack), *sum));
        let names: Vec<_> = groups.iter().map(|on| (on.stack.map(|s| s.frames[0].name()), on.sum.total_ns)).collect();
        assert_eq!(groups.iter().map(|on| on.rows.len()).collect::<Vec<_>>(), [2, 1, 1]);
        assert_eq!(names, [(Some(b"a".to_vec()), 10), (Some(b"b".to_vec()), 8), (None, 1)]);
    }
}
