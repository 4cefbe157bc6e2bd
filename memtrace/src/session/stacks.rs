//! Where stalls came from: stacks by process, cgroup and kind. The kernel side counts them, the session is given what came
//! since the last tick; their names come when they are found, and may come later.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use memtrace_common::kind::StallKind;

use crate::stack::{Names, Stack};

/// Rows that are kept; what comes beyond is in one sum.
const ROWS: usize = 8192;
/// Stacks that are kept by name.
const STACKS: usize = 16_384;

/// Which stalls: on which stack, whose, of which kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StackKey {
    /// Number of the stack, from 0 in the order in which they were seen.
    pub stack: u32,
    /// Process id.
    pub pid: u32,
    /// Start of the process in ns, which tells a reused pid apart.
    pub process_start_ns: Option<u64>,
    /// Id of the memory cgroup.
    pub cgroup_id: Option<u64>,
    /// The kind of stall.
    pub kind: StallKind,
}

/// How many stalls, and how long together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StackSum {
    /// Stalls.
    pub stalls: u64,
    /// Their time in ns.
    pub total_ns: u64,
}

impl StackSum {
    /// Adds another.
    pub fn add(&mut self, more: Self) {
        self.stalls = self.stalls.saturating_add(more.stalls);
        self.total_ns = self.total_ns.saturating_add(more.total_ns);
    }
}

/// What came since the last tick.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StackDeltas {
    /// Stacks that got their names, by number.
    pub named: Vec<(u32, Arc<Stack>)>,
    /// The stalls.
    pub stalls: Vec<(StackKey, StackSum)>,
}

impl StackDeltas {
    /// Adds what came after it.
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
    /// Learns the names of stacks.
    pub fn learn(&mut self, named: &[(u32, Arc<Stack>)]) {
        for (number, stack) in named {
            if self.names.len() < STACKS || self.names.contains_key(number) {
                self.names.insert(*number, Arc::clone(stack));
            }
        }
    }

    /// Counts stalls on a stack.
    pub fn add(&mut self, key: StackKey, sum: StackSum) {
        if self.rows.len() < ROWS || self.rows.contains_key(&key) {
            self.rows.entry(key).or_default().add(sum);
        } else {
            self.other.add(sum);
        }
    }

    /// The stack with this number, when its addresses were kept.
    #[must_use]
    pub fn stack(&self, number: u32) -> Option<&Arc<Stack>> {
        self.names.get(&number)
    }

    /// All rows, the longest stalled on first.
    #[must_use]
    pub fn rows(&self) -> Vec<(StackKey, StackSum)> {
        let mut rows: Vec<_> = self.rows.iter().map(|(key, sum)| (*key, *sum)).collect();
        rows.sort_by_key(|(key, sum)| (Reverse(sum.total_ns), *key));
        rows
    }

    /// What found no row.
    #[must_use]
    pub fn other(&self) -> StackSum {
        self.other
    }
}

/// Puts together rows whose stacks are the same function by function, whoever had them: the longest stalled on first. `None`
/// holds the stalls whose stack is not known.
pub fn by_stack<'a>(
    rows: impl IntoIterator<Item = &'a (StackKey, StackSum)>,
    stack: impl Fn(u32) -> Option<&'a Arc<Stack>>,
) -> Vec<(Option<&'a Arc<Stack>>, StackSum)> {
    let mut sums: BTreeMap<Option<Names>, (Option<&Arc<Stack>>, StackSum)> = BTreeMap::new();
    for (key, sum) in rows {
        let stack = stack(key.stack);
        let group = sums.entry(stack.map(|stack| stack.names())).or_insert((stack, StackSum::default()));
        group.1.add(*sum);
    }
    let mut sums: Vec<_> = sums.into_values().collect();
    sums.sort_by_key(|(_, sum)| Reverse(sum.total_ns));
    sums
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
        let rows = table.rows();
        assert_eq!((rows.len(), rows[0]), (ROWS, (key(0, 1), sum(2, 4))));
        let mut all = table.other();
        rows.iter().for_each(|(_, sum)| all.add(*sum));
        assert_eq!(all, sum(10_001, 20_002));
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
        let sums = by_stack(&rows, |number| table.stack(number));
        let names: Vec<_> = sums.iter().map(|(stack, sum)| (stack.map(|s| s.frames[0].name()), sum.total_ns)).collect();
        assert_eq!(names, [(Some(b"a".to_vec()), 10), (Some(b"b".to_vec()), 8), (None, 1)]);
    }
}
