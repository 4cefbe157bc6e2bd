//! Refaults, of the host and of a row.

use memtrace_common::refault::RefaultCounts;
use schemars::JsonSchema;
use serde::Serialize;

use memtrace_core::session::{
    faults::{Faults, FaultsRead},
    input::NodeRefaults,
    sampled,
    summary::Summary,
};

/// Refaults of the host but for memtrace's own, exact and never filtered. Null is unread.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Refaults {
    /// Hook that counts them, or `vmstat` for the kernel's own counters; null when there is none.
    pub source: Option<&'static str>,
    /// Pages of files.
    pub file_pages: Option<u64>,
    /// Anonymous pages.
    pub anon_pages: Option<u64>,
    /// Events; one for a large folio.
    pub events: Option<u64>,
    /// Pages that belong to the working set by their reuse distance.
    pub activated_pages: Option<u64>,
    /// Pages that were in use when they were evicted.
    pub restored_pages: Option<u64>,
    /// Intervals in which refaults were counted for a part of the time (`--budget`): those of processes and cgroups are
    /// then estimates. Null where all were counted.
    pub sampled: Option<Sampled>,
}

/// The intervals in which refaults were counted for a part of the time. The pages of the host are then the kernel's own
/// count.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Sampled {
    /// Time in which they were counted, in ns.
    pub counted_ns: u64,
    /// Length of these intervals, in ns.
    pub of_ns: u64,
    /// Windows that the counted time was made of.
    pub windows: u64,
    /// Half the width of the 95 % interval of a share of one half, in the worst case: each window saw the refaults of
    /// one process alone. Null without a window.
    pub error: Option<f64>,
}

impl Sampled {
    fn new(sampled: sampled::Sampled) -> Self {
        let sampled::Sampled { counted_ns, of_ns, windows } = sampled;
        Self { counted_ns, of_ns, windows, error: sampled.error() }
    }
}

impl Refaults {
    /// The object of these counts.
    pub(super) fn new(counts: Option<RefaultCounts>, read: &FaultsRead, sampled: Option<sampled::Sampled>) -> Self {
        let fate = counts.filter(|_| read.fate);
        Self {
            source: read.refaults,
            file_pages: counts.map(|c| c.file_pages),
            anon_pages: counts.map(|c| c.anon_pages),
            events: counts.map(|c| c.events),
            activated_pages: fate.map(|c| c.activated_pages),
            restored_pages: fate.map(|c| c.restored_pages),
            sampled: sampled.map(Sampled::new),
        }
    }
}

impl Refaults {
    /// The object of a summary; without a hook, the growth of the kernel's own counters (`/proc/vmstat`, memtrace's
    /// included).
    pub(super) fn or_vmstat(summary: &Summary) -> Self {
        let Summary { refaults: counts, faults_read: read, coverage, sampled, .. } = summary;
        let kernel = |counter| coverage.row(counter).and_then(|row| row.kernel);
        match (*counts, kernel("workingset_refault_file"), kernel("workingset_refault_anon")) {
            (None, Some(file), Some(anon)) => Self {
                source: Some("vmstat"),
                file_pages: Some(file),
                anon_pages: Some(anon),
                ..Self::new(None, &FaultsRead::default(), None)
            },
            _ => Self::new(*counts, read, *sampled),
        }
    }
}

/// The refaults of a node since the start, as the kernel itself counts them, memtrace's included.
#[derive(Debug, JsonSchema, Serialize)]
pub struct NodeRefaultCounts {
    /// The node.
    pub nid: u32,
    /// Pages of files.
    pub refaults_file: u64,
    /// Anonymous pages.
    pub refaults_anon: u64,
}

impl NodeRefaultCounts {
    /// The object of a node.
    pub(super) fn new(node: &NodeRefaults) -> Self {
        Self { nid: node.nid, refaults_file: node.file_pages, refaults_anon: node.anon_pages }
    }
}

/// The refaults of a row of a table.
#[derive(Debug, JsonSchema, Serialize)]
pub struct RowRefaults {
    /// Refaulted pages of files.
    pub refaults_file: Option<u64>,
    /// Refaulted anonymous pages.
    pub refaults_anon: Option<u64>,
    /// Events of both; one for a large folio.
    pub refault_events: Option<u64>,
}

impl RowRefaults {
    /// The refaults of a row, null where they are not read.
    pub(super) fn new(faults: &Faults, read: &FaultsRead) -> Self {
        let counts = read.refaults.map(|_| faults.refaults);
        Self {
            refaults_file: counts.map(|c| c.file_pages),
            refaults_anon: counts.map(|c| c.anon_pages),
            refault_events: counts.map(|c| c.events),
        }
    }
}
