//! Who evicted the pages that came back, in a summary and in a tick.

use memtrace_common::eviction::SAMPLE_PAGES;
use schemars::JsonSchema;
use serde::Serialize;

use super::values::text;
use memtrace_core::{
    event::{Evictor, FileId},
    session::{
        evictors::{ByMemory, EvictorSum, EvictorSummary, Pair},
        histogram::Histogram,
    },
    source::Source,
};

/// Rows of each table that are written out; those beyond are in no sum here but the total.
const ROWS: usize = 256;

/// Pages that came back and how long they were away.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Returned {
    /// Pages of the sample.
    pub samples: u64,
    /// Pages that they stand for, estimated.
    pub pages: u64,
    /// Mean time from eviction to refault in ns; null of none.
    pub mean_away_ns: Option<u64>,
}

impl Returned {
    fn new(sum: &EvictorSum) -> Self {
        Self { samples: sum.samples, pages: sum.pages(), mean_away_ns: sum.mean_away_ns() }
    }
}

/// Pages that one evicted and one brought back.
#[derive(Debug, JsonSchema, Serialize)]
pub struct PairRow {
    /// Process that evicted them.
    pub evictor: Task,
    /// Process that brought them back.
    pub refaulter: Task,
    /// How many.
    #[serde(flatten)]
    pub returned: Returned,
}

/// A process.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Task {
    /// Process id.
    pub pid: u32,
    /// Name of the process, escaped.
    pub comm: String,
    /// Whether it is a kernel thread, such as kswapd; null where it was not looked at.
    pub kernel: Option<bool>,
}

impl Task {
    fn evictor(evictor: &Evictor) -> Self {
        Self { pid: evictor.pid, comm: text(evictor.comm.bytes()), kernel: Some(evictor.is_kthread) }
    }
}

/// Pages of one file.
#[derive(Debug, JsonSchema, Serialize)]
pub struct FileRow {
    /// Major number of its device.
    pub dev_major: u32,
    /// Minor number of its device.
    pub dev_minor: u32,
    /// Inode number.
    pub ino: u64,
    /// Its first name without folders, cut to 31 bytes; null when it was not read.
    pub name: Option<String>,
    /// How many.
    #[serde(flatten)]
    pub returned: Returned,
}

impl FileRow {
    fn new((file, sum): &(FileId, EvictorSum)) -> Self {
        let name = file.name.bytes();
        Self {
            dev_major: file.dev.0,
            dev_minor: file.dev.1,
            ino: file.ino,
            name: (!name.is_empty()).then(|| text(name)),
            returned: Returned::new(sum),
        }
    }
}

/// Who evicted the pages that came back.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Evictors {
    /// Always `estimated`: by a sample.
    #[schemars(extend("const" = Source::Estimated.name()))]
    pub source: &'static str,
    /// One page of so many is of the sample.
    pub sample_pages: u64,
    /// Pages of files.
    #[serde(flatten)]
    pub of_files: EvictedPages,
    /// By file, the most first.
    pub files: Vec<FileRow>,
    /// Anonymous memory, read back from swap; null where that is not told.
    pub anon: Option<EvictedPages>,
}

/// Pages of files, or of anonymous memory.
#[derive(Debug, JsonSchema, Serialize)]
pub struct EvictedPages {
    /// All that came back.
    #[serde(flatten)]
    pub returned: Returned,
    /// Median time from eviction to refault in ns; null of none, with a filter and in a tick.
    pub away_p50_ns: Option<u64>,
    /// The 99th percentile of it.
    pub away_p99_ns: Option<u64>,
    /// Median of the pages of the same memory and memory cgroup that were evicted between the two.
    pub distance_p50_pages: Option<u64>,
    /// The 99th percentile of it.
    pub distance_p99_pages: Option<u64>,
    /// By who evicted and who brought back, the most first.
    pub pairs: Vec<PairRow>,
}

impl Evictors {
    /// The fields of this summary.
    #[must_use]
    pub fn new(summary: &ByMemory<EvictorSummary>) -> Self {
        Self {
            source: Source::Estimated.name(),
            sample_pages: SAMPLE_PAGES,
            of_files: EvictedPages::new(&summary.files),
            files: summary.files.files.iter().take(ROWS).map(FileRow::new).collect(),
            anon: summary.anon.as_ref().map(EvictedPages::new),
        }
    }
}

impl EvictedPages {
    fn new(summary: &EvictorSummary) -> Self {
        let quantile = |histogram: &Option<Histogram>, q| histogram.as_ref().and_then(|all| all.quantile(q));
        let pair = |(pair, sum): &(Pair, EvictorSum)| PairRow {
            evictor: Task::evictor(&pair.evictor),
            refaulter: Task { pid: pair.pid, comm: text(pair.comm.bytes()), kernel: None },
            returned: Returned::new(sum),
        };
        Self {
            returned: Returned::new(&summary.sum),
            away_p50_ns: quantile(&summary.away, 0.50),
            away_p99_ns: quantile(&summary.away, 0.99),
            distance_p50_pages: quantile(&summary.distance, 0.50),
            distance_p99_pages: quantile(&summary.distance, 0.99),
            pairs: summary.pairs.iter().take(ROWS).map(pair).collect(),
        }
    }
}
