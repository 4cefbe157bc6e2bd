//! Random evictors.

use fastrand::Rng;

use super::{maybe, number};
use memtrace_core::{
    event::{Comm, Evictor, EvictorKey, FileId, FileName},
    session::{
        evictors::{ByMemory, EvictorDeltas, EvictorSum},
        histogram::Histogram,
    },
};

/// Evictors of a tick.
pub(super) fn evictors(random: &mut Rng) -> ByMemory<EvictorDeltas> {
    let mut anon = maybe(random, deltas);
    anon.iter_mut().flat_map(|anon| &mut anon.rows).for_each(|(key, _)| key.file = None);
    ByMemory { files: deltas(random), anon }
}

fn deltas(random: &mut Rng) -> EvictorDeltas {
    let histogram = |random: &mut Rng| {
        let mut histogram = Histogram::default();
        for _ in 0..random.usize(..20) {
            let bits = random.u32(1..50);
            histogram.record(random.u64(..1 << bits));
        }
        histogram
    };
    let rows = random.usize(..8);
    EvictorDeltas {
        rows: (0..rows).map(|_| row(random)).collect(),
        other: EvictorSum { samples: number(random), away_ns: number(random) },
        away: histogram(random),
        distance: histogram(random),
    }
}

fn row(random: &mut Rng) -> (EvictorKey, EvictorSum) {
    let bytes = |random: &mut Rng| std::iter::repeat_with(|| random.u8(1..)).take(31).collect::<Vec<u8>>();
    let key = EvictorKey {
        evictor: Evictor { pid: random.u32(..), comm: Comm::from(bytes(random).as_slice()), is_kthread: random.bool() },
        pid: random.u32(..9),
        comm: Comm::from(bytes(random).as_slice()),
        cgroup_id: maybe(random, |random| random.u64(..5) << 20),
        file: Some(FileId {
            dev: (random.u32(..4096), random.u32(..1 << 20)),
            ino: random.u64(..),
            name: FileName::from(bytes(random).as_slice()),
        }),
    };
    (key, EvictorSum { samples: number(random), away_ns: number(random) })
}
