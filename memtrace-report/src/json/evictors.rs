//! Evictors of refaulted pages, in a summary and in a tick.

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

/// Most rows of each table; those beyond are in no sum here but the total.
const ROWS: usize = 256;

/// Refaulted pages, and their time from eviction to refault.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Returned {
    /// Number of sampled pages.
    pub samples: u64,
    /// Estimated number of pages that they stand for.
    pub pages: u64,
    /// Mean time from eviction to refault in ns; null without a sampled page.
    pub mean_away_ns: Option<u64>,
}

impl Returned {
    fn new(sum: &EvictorSum) -> Self {
        Self { samples: sum.samples, pages: sum.pages(), mean_away_ns: sum.mean_away_ns() }
    }
}

/// Pages by evicting and refaulting process.
#[derive(Debug, JsonSchema, Serialize)]
pub struct PairRow {
    /// Process that evicted them.
    pub evictor: Task,
    /// Process that refaulted them.
    pub refaulter: Task,
    /// Number of pages.
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
    /// True for a kernel thread, such as kswapd; null where it was not checked.
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
    /// First name of the file without directories, cut to 31 bytes; null when it was not read.
    pub name: Option<String>,
    /// Number of pages.
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

/// Evictors of refaulted pages.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Evictors {
    /// Always `estimated`: by a sample.
    #[schemars(extend("const" = Source::Estimated.name()))]
    pub source: &'static str,
    /// Sampling interval: one in this many pages is sampled.
    pub sample_pages: u64,
    /// Pages of files.
    #[serde(flatten)]
    pub of_files: EvictedPages,
    /// Refaulted pages by file, the most first.
    pub files: Vec<FileRow>,
    /// Anonymous memory, read back from swap; null where it is not traced.
    pub anon: Option<EvictedPages>,
}

/// Pages of files, or of anonymous memory.
#[derive(Debug, JsonSchema, Serialize)]
pub struct EvictedPages {
    /// All refaulted pages.
    #[serde(flatten)]
    pub returned: Returned,
    /// Median time from eviction to refault in ns; null without refaults, with a filter and in a tick.
    pub away_p50_ns: Option<u64>,
    /// 99th percentile of that time, in ns.
    pub away_p99_ns: Option<u64>,
    /// Median refault distance: pages of the same memory and memory cgroup evicted between eviction and refault.
    pub distance_p50_pages: Option<u64>,
    /// 99th percentile of the refault distance.
    pub distance_p99_pages: Option<u64>,
    /// Refaulted pages by evicting and refaulting process, the most first.
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
