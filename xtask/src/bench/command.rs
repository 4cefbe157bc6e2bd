//! The tracers that are compared, as command lines.

use std::{path::Path, process::Command};

use super::tracer::Ready;

/// The hook that runs most; left out of the figure that is compared with `perf record`.
pub(super) const SHRINK: &str = "mm_vmscan_lru_shrink_inactive";

/// The hook of major faults, which are not stalls.
pub(super) const MAJOR_FAULTS: &str = "major-faults";

/// What memtrace does for a begin and an end, as a bpftrace script: pair, histogram, a line for each stall.
pub(super) const SCRIPT: &str = r#"
BEGIN { printf("ready\n"); }
tracepoint:vmscan:mm_vmscan_direct_reclaim_begin, tracepoint:vmscan:mm_vmscan_memcg_reclaim_begin {
    @start[tid] = nsecs;
}
tracepoint:vmscan:mm_vmscan_direct_reclaim_end, tracepoint:vmscan:mm_vmscan_memcg_reclaim_end /@start[tid]/ {
    $ns = nsecs - @start[tid];
    delete(@start[tid]);
    @ns = hist($ns);
    printf("%-16s %-7d %d %d\n", comm, pid, $ns, args->nr_reclaimed);
}
"#;

/// The same without the lines: less than memtrace does, and most of what a bpftrace line costs is waking bpftrace.
pub(super) const SILENT: &str = r#"
BEGIN { printf("ready\n"); }
tracepoint:vmscan:mm_vmscan_direct_reclaim_begin, tracepoint:vmscan:mm_vmscan_memcg_reclaim_begin {
    @start[tid] = nsecs;
}
tracepoint:vmscan:mm_vmscan_direct_reclaim_end, tracepoint:vmscan:mm_vmscan_memcg_reclaim_end /@start[tid]/ {
    @ns[comm, pid] = hist(nsecs - @start[tid]);
    delete(@start[tid]);
}
"#;

/// memtrace as the line view has it: a line only for stalls from 1 ms. JSON, to read its summary.
pub(super) fn memtrace(binary: &Path, more: &[&str]) -> (Command, Ready) {
    let mut command = Command::new(binary);
    command.args(["--json", "--min-stall", "1ms"]).args(more);
    (command, Ready::Line(""))
}

/// `perf record` of the same begin and end events.
pub(super) fn perf(dir: &Path) -> Option<(Command, Ready)> {
    let mut command = Command::new(which::which("perf").ok()?);
    command.args(["record", "--quiet", "--all-cpus", "--output"]).arg(dir.join("perf.data"));
    for event in ["direct_reclaim_begin", "direct_reclaim_end", "memcg_reclaim_begin", "memcg_reclaim_end"] {
        command.args(["--event", &format!("vmscan:mm_vmscan_{event}")]);
    }
    Some((command, Ready::Maps("perf_event")))
}

/// A bpftrace script, when bpftrace is installed.
pub(super) fn bpftrace(script: &str) -> Option<(Command, Ready)> {
    let mut command = Command::new(which::which("bpftrace").ok()?);
    command.args(["-e", script]);
    Some((command, Ready::Line("ready")))
}
