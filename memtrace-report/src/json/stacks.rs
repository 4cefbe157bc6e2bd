//! The stacks of stalls in a summary.

use schemars::JsonSchema;
use serde::Serialize;

use super::{summary::KindTotal, values::text, words};
use memtrace_core::{names::Names, session::summary, stack};

/// Most rows; those beyond are in the sum of the others.
const ROWS: usize = 256;

/// A frame of a stack.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Frame {
    /// True for a frame of the kernel.
    pub kernel: bool,
    /// Name of the function; null when not known.
    pub function: Option<String>,
    /// Offset in the function, in bytes; null when the function is not known.
    pub offset: Option<u64>,
    /// File that holds the code, or module of the kernel; null when not known.
    pub module: Option<String>,
    /// Build id of that file, hexadecimal; null when not known.
    pub build_id: Option<String>,
    /// Offset in that file, in bytes; the memory address where there is no file.
    pub address: u64,
}

impl Frame {
    fn new(frame: &stack::Frame) -> Self {
        let of = |bytes: &[u8]| (!bytes.is_empty()).then(|| text(bytes));
        Self {
            kernel: frame.kernel,
            function: of(&frame.function),
            offset: (!frame.function.is_empty()).then_some(frame.offset),
            module: of(&frame.module),
            build_id: (!frame.build_id.is_empty())
                .then(|| frame.build_id.iter().map(|byte| format!("{byte:02x}")).collect()),
            address: frame.address,
        }
    }
}

/// Stalls of one process, cgroup and kind on one stack.
#[derive(Debug, JsonSchema, Serialize)]
pub struct StackRow {
    /// The kind of stall.
    #[schemars(with = "words::Kind")]
    pub kind: &'static str,
    /// Number of stalls.
    pub count: u64,
    /// Total time in ns.
    pub total_ns: u64,
    /// Process id.
    pub pid: u32,
    /// Name of the process; null when it has no row.
    pub comm: Option<String>,
    /// Path of the memory cgroup, escaped.
    pub cgroup: Option<String>,
    /// Id of that cgroup.
    pub cgroup_id: Option<u64>,
    /// The frames, innermost first; null when the addresses were not kept.
    pub frames: Option<Vec<Frame>>,
}

/// Stalls by stack.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Stacks {
    /// The rows, the longest stalled on first.
    pub rows: Vec<StackRow>,
    /// All others together.
    pub other: KindTotal,
}

impl Stacks {
    pub(super) fn new(summary: &summary::StackSummary, names: &Names<'_>) -> Self {
        let row = |row: &summary::StackRow| StackRow {
            kind: row.kind.name(),
            count: row.sum.stalls,
            total_ns: row.sum.total_ns,
            pid: row.pid,
            comm: row.comm.as_ref().map(|comm| text(comm.bytes())),
            cgroup: names.cgroup(row.cgroup_id).map(text),
            cgroup_id: row.cgroup_id,
            frames: row.stack.as_ref().map(|stack| stack.frames.iter().map(Frame::new).collect()),
        };
        let mut other = summary.other;
        summary.rows.iter().skip(ROWS).for_each(|row| other.add(row.sum));
        Self {
            rows: summary.rows.iter().take(ROWS).map(row).collect(),
            other: KindTotal { count: other.stalls, total_ns: other.total_ns },
        }
    }
}
