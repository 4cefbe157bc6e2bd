//! Reads the stacks of stalls from the maps, once a tick.
//!
//! The kernel side only adds. User space makes room when the tables are nearly full, by removing rows without recent
//! stalls.

use std::collections::HashMap as StdHashMap;

use aya::maps::{HashMap, Map, MapData, MapError};
use memtrace_common::{
    kind::StallKind,
    stack::{self, MAX_COUNTS, MAX_STACKS, StackCounts, StackFrames},
};

use super::{describe::chain, error::LoadError, pod::Raw};
use memtrace_core::{
    session::stacks::{StackKey, StackSum},
    stack::RawStack,
};

/// Ticks without a change after which a row is removed when there is little room.
const IDLE_TICKS: u32 = 10;

/// Stacks and stalls since the last reading.
#[derive(Clone, Debug, Default)]
pub struct RawDeltas {
    /// Stacks that are new.
    pub new: Vec<RawStack>,
    /// Stalls by stack.
    pub stalls: Vec<(StackKey, StackSum)>,
}

#[derive(Debug, Default)]
struct Seen {
    counts: StackCounts,
    idle: u32,
    /// Number of the last reading that saw it.
    mark: u64,
}

/// The tables of stacks, with their state at the last reading.
pub struct StackTables {
    stacks: HashMap<MapData, u64, Raw<StackFrames>>,
    counts: HashMap<MapData, Raw<stack::StackKey>, Raw<StackCounts>>,
    seen: StdHashMap<stack::StackKey, Seen>,
    numbers: StdHashMap<u64, u32>,
    next: u32,
    reading: u64,
}

impl StackTables {
    /// Takes the maps by name.
    pub(super) fn of(mut take: impl FnMut(&str) -> Result<Map, LoadError>) -> Result<Self, LoadError> {
        let refused = |e: MapError| LoadError::Refused(chain(&e));
        Ok(Self {
            stacks: HashMap::try_from(take("STACKS")?).map_err(refused)?,
            counts: HashMap::try_from(take("STACK_COUNTS")?).map_err(refused)?,
            seen: StdHashMap::new(),
            numbers: StdHashMap::new(),
            next: 0,
            reading: 0,
        })
    }

    /// Stacks and stalls since the last reading.
    pub fn read(&mut self) -> RawDeltas {
        self.reading += 1;
        let mut deltas = RawDeltas::default();
        // The kernel side removes nothing, so the walk does not start over; it may include rows that are added
        // meanwhile.
        for (Raw(key), Raw(now)) in self.counts.iter().take(2 * MAX_COUNTS as usize).flatten() {
            let seen = self.seen.entry(key).or_default();
            if seen.mark == self.reading {
                continue;
            }
            let sum = StackSum {
                stalls: now.stalls.saturating_sub(seen.counts.stalls),
                total_ns: now.total_ns.saturating_sub(seen.counts.total_ns),
            };
            let idle = if sum.stalls == 0 { seen.idle + 1 } else { 0 };
            *seen = Seen { counts: now, idle, mark: self.reading };
            let Some(kind) = u8::try_from(key.kind).ok().and_then(StallKind::from_u8).filter(|_| sum.stalls > 0) else {
                continue;
            };
            let known = self.numbers.get(&key.hash).copied();
            let stack = known.unwrap_or_else(|| {
                let number = self.next;
                self.next = self.next.wrapping_add(1);
                self.numbers.insert(key.hash, number);
                if let Ok(Raw(frames)) = self.stacks.get(&key.hash, 0) {
                    deltas.new.push(raw(number, key.tgid, &frames));
                }
                number
            });
            let of = |n: u64| (n != 0).then_some(n);
            let (process_start_ns, cgroup_id) = (of(key.process_start_ns), of(key.cgroup_id));
            deltas.stalls.push((StackKey { stack, pid: key.tgid, process_start_ns, cgroup_id, kind }, sum));
        }
        if self.seen.len() > MAX_COUNTS as usize / 2 || self.numbers.len() > MAX_STACKS as usize / 2 {
            self.make_room();
        }
        deltas
    }

    /// Removes the rows that are idle, and the stacks that have no row any more.
    fn make_room(&mut self) {
        for (key, _) in self.seen.extract_if(|_, seen| seen.idle > IDLE_TICKS) {
            // Only user space removes rows; a stall at this moment creates a new row, or is lost.
            let _ = self.counts.remove(&Raw(key));
        }
        let used: std::collections::HashSet<u64> = self.seen.keys().map(|key| key.hash).collect();
        for (hash, _) in self.numbers.extract_if(|hash, _| !used.contains(hash)) {
            let _ = self.stacks.remove(&hash);
        }
    }
}

fn raw(number: u32, pid: u32, frames: &StackFrames) -> RawStack {
    let of = |addresses: &[u64], bytes: i32| {
        let n = usize::try_from(bytes).unwrap_or(0) / 8;
        addresses.iter().take(n).copied().collect()
    };
    RawStack { number, pid, kernel: of(&frames.kernel, frames.kernel_bytes), user: of(&frames.user, frames.user_bytes) }
}
