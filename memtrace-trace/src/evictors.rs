//! Refaults by evictor to messages, and back. They count since the previous tick and are no differences to a base.

use memtrace_common::histogram::BUCKETS;

use super::wire;
use memtrace_core::{
    event::{Comm, Evictor, EvictorKey, FileId, FileName},
    session::{
        evictors::{ByMemory, EvictorDeltas, EvictorSum},
        histogram::Histogram,
    },
};

/// The message of a tick.
pub(super) fn encode(deltas: &ByMemory<EvictorDeltas>) -> wire::Evictors {
    let anon = deltas.anon.as_ref().map(|anon| Box::new(encode_one(anon)));
    wire::Evictors { anon, ..encode_one(&deltas.files) }
}

/// The refaults in a message.
pub(super) fn decode(message: &wire::Evictors) -> ByMemory<EvictorDeltas> {
    ByMemory {
        files: decode_one(message, |row| Some(file_of(row))),
        anon: message.anon.as_ref().map(|anon| decode_one(anon, |_| None)),
    }
}

fn encode_one(deltas: &EvictorDeltas) -> wire::Evictors {
    let (away, distance) = (encode_histogram(&deltas.away), encode_histogram(&deltas.distance));
    wire::Evictors {
        rows: deltas.rows.iter().map(encode_row).collect(),
        other_samples: deltas.other.samples,
        other_away_ns: deltas.other.away_ns,
        away_bucket: away.0,
        away_count: away.1,
        distance_bucket: distance.0,
        distance_count: distance.1,
        anon: None,
    }
}

fn decode_one(message: &wire::Evictors, file: impl Fn(&wire::EvictorRow) -> Option<FileId>) -> EvictorDeltas {
    EvictorDeltas {
        rows: message.rows.iter().map(|row| decode_row(row, file(row))).collect(),
        other: EvictorSum { samples: message.other_samples, away_ns: message.other_away_ns },
        away: decode_histogram(&message.away_bucket, &message.away_count),
        distance: decode_histogram(&message.distance_bucket, &message.distance_count),
    }
}

fn encode_row((key, sum): &(EvictorKey, EvictorSum)) -> wire::EvictorRow {
    let FileId { dev: (dev_major, dev_minor), ino, name } = key.file.unwrap_or_default();
    wire::EvictorRow {
        evictor_pid: key.evictor.pid,
        evictor_comm: key.evictor.comm.bytes().to_vec(),
        evictor_is_kthread: key.evictor.is_kthread,
        pid: key.pid,
        comm: key.comm.bytes().to_vec(),
        cgroup_id: key.cgroup_id,
        dev_major,
        dev_minor,
        ino,
        name: name.bytes().to_vec(),
        samples: sum.samples,
        away_ns: sum.away_ns,
    }
}

fn file_of(row: &wire::EvictorRow) -> FileId {
    FileId { dev: (row.dev_major, row.dev_minor), ino: row.ino, name: FileName::from(row.name.as_slice()) }
}

fn decode_row(row: &wire::EvictorRow, file: Option<FileId>) -> (EvictorKey, EvictorSum) {
    let key = EvictorKey {
        evictor: Evictor {
            pid: row.evictor_pid,
            comm: Comm::from(row.evictor_comm.as_slice()),
            is_kthread: row.evictor_is_kthread,
        },
        pid: row.pid,
        comm: Comm::from(row.comm.as_slice()),
        cgroup_id: row.cgroup_id,
        file,
    };
    (key, EvictorSum { samples: row.samples, away_ns: row.away_ns })
}

/// Numbers of the buckets that are not empty, each as the difference to the previous one, and their counts, which are
/// small: they cover one interval.
fn encode_histogram(histogram: &Histogram) -> (Vec<u32>, Vec<u32>) {
    let mut last = 0;
    let filled = (0..).zip(histogram.counts()).filter(|(_, count)| **count > 0);
    filled
        .map(|(at, &count): (u32, _)| (at - std::mem::replace(&mut last, at), u32::try_from(count).unwrap_or(u32::MAX)))
        .unzip()
}

fn decode_histogram(steps: &[u32], counts: &[u32]) -> Histogram {
    let (mut sum, mut at) = ([0; BUCKETS], 0_usize);
    for (&step, &count) in steps.iter().zip(counts) {
        at = at.saturating_add(step as usize);
        if let Some(bucket) = sum.get_mut(at) {
            *bucket = u64::from(count);
        }
    }
    let mut histogram = Histogram::default();
    histogram.add(&sum);
    histogram
}
