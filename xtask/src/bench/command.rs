//! The tracers that are compared, as command lines.

use std::{path::Path, process::Command};

use super::tracer::Ready;

/// The hook that runs most often. It is left out of the figure that is compared with `perf record`.
pub(super) const SHRINK: &str = "mm_vmscan_lru_shrink_inactive";

/// The hook of major faults, which are not stalls.
pub(super) const MAJOR_FAULTS: &str = "major-faults";

/// memtrace's work for a begin and an end, as a bpftrace script. It pairs them by thread, keeps count, sum, maximum and
/// histogram of each kind of stall in maps, and sends user space a record of each stall with task, allocation and
/// duration.
///
/// The script does less than memtrace, never more, so that it is no straw man: its histogram has fewer buckets, its
/// record has no cgroup, no process start time and no throttling, and it does not look for spans inside spans.
pub(super) const SAME: &str = r#"
BEGIN { printf("ready\n"); }
tracepoint:vmscan:mm_vmscan_direct_reclaim_begin, tracepoint:vmscan:mm_vmscan_memcg_reclaim_begin {
    @start[tid] = nsecs;
    @order[tid] = args->order;
    @gfp[tid] = args->gfp_flags;
}
tracepoint:vmscan:mm_vmscan_direct_reclaim_end, tracepoint:vmscan:mm_vmscan_memcg_reclaim_end /@start[tid]/ {
    $ns = nsecs - @start[tid];
    @count[probe] = count();
    @sum[probe] = sum($ns);
    @max[probe] = max($ns);
    @reclaimed[probe] = sum(args->nr_reclaimed);
    @ns[probe] = hist($ns);
    printf("%-16s %-7d %-7d %d %x %d %d\n", comm, pid, tid, @order[tid], @gfp[tid], args->nr_reclaimed, $ns);
    delete(@start[tid]);
    delete(@order[tid]);
    delete(@gfp[tid]);
}
"#;

/// Does less than [`SAME`]: one histogram, and a line for each stall.
pub(super) const LINES: &str = r#"
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

/// Totals by process, without records of single stalls, which cost most in the two above.
pub(super) const PROCESSES: &str = r#"
BEGIN { printf("ready\n"); }
tracepoint:vmscan:mm_vmscan_direct_reclaim_begin, tracepoint:vmscan:mm_vmscan_memcg_reclaim_begin {
    @start[tid] = nsecs;
}
tracepoint:vmscan:mm_vmscan_direct_reclaim_end, tracepoint:vmscan:mm_vmscan_memcg_reclaim_end /@start[tid]/ {
    $ns = nsecs - @start[tid];
    @count[pid, comm] = count();
    @sum[pid, comm] = sum($ns);
    @max[pid, comm] = max($ns);
    @ns[pid, comm] = hist($ns);
    delete(@start[tid]);
}
"#;

/// Does least: one histogram by process.
pub(super) const HISTOGRAM: &str = r#"
BEGIN { printf("ready\n"); }
tracepoint:vmscan:mm_vmscan_direct_reclaim_begin, tracepoint:vmscan:mm_vmscan_memcg_reclaim_begin {
    @start[tid] = nsecs;
}
tracepoint:vmscan:mm_vmscan_direct_reclaim_end, tracepoint:vmscan:mm_vmscan_memcg_reclaim_end /@start[tid]/ {
    @ns[comm, pid] = hist(nsecs - @start[tid]);
    delete(@start[tid]);
}
"#;

/// Empty programs: they measure what the kernel's accounting of run time adds to each figure.
pub(super) const EMPTY: &str = r#"
BEGIN { printf("ready\n"); }
tracepoint:vmscan:mm_vmscan_direct_reclaim_begin, tracepoint:vmscan:mm_vmscan_memcg_reclaim_begin { }
tracepoint:vmscan:mm_vmscan_direct_reclaim_end, tracepoint:vmscan:mm_vmscan_memcg_reclaim_end { }
"#;

/// Nothing, by raw tracepoints as memtrace has them: the dispatch of the begin and end events alone.
pub(super) const EMPTY_BEGIN_END: &str = r#"
BEGIN { printf("ready\n"); }
rawtracepoint:mm_vmscan_direct_reclaim_begin, rawtracepoint:mm_vmscan_memcg_reclaim_begin { }
rawtracepoint:mm_vmscan_direct_reclaim_end, rawtracepoint:mm_vmscan_memcg_reclaim_end { }
"#;

/// Nothing at each change of a counter of a cgroup, the event that refaults are counted by where functions cannot be traced
/// (6.13 and later).
pub(super) const EMPTY_COUNTER: &str = r#"
BEGIN { printf("ready\n"); }
rawtracepoint:mod_memcg_lruvec_state { }
"#;

/// memtrace with the settings of the line view: a line only for stalls from 1 ms. JSON, to read its summary.
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
