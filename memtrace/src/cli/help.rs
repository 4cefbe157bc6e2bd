//! The texts of `--help` that are not about one option. Paragraphs are one line: clap wraps them.

use memtrace_report::metric::{self, Metric};

/// One line.
pub(super) const ABOUT: &str = "Trace memory reclaim as it happens: who stalls, for how long, and who is OOM-killed";

/// The beginning of `--help`.
pub(super) const LONG_ABOUT: &str = "\
Trace memory reclaim as it happens: who stalls, for how long, and who is OOM-killed.

A stall is time that a task spends waiting for the kernel to make memory available. memtrace traces the whole system. It \
prints one row a second, one line per stall and per OOM kill, and a summary at the end. Totals are exact. Anything lost or \
unreadable is reported.

Tracing needs CAP_BPF and CAP_PERFMON, or root; `memtrace check` lists what is missing. Durations are in seconds, \
unless they have a unit: us, ms, s, m or h.";

/// The end of `-h`.
pub(super) const SEE_LONG: &str =
    "Durations are in seconds, unless they have a unit: us, ms, s, m or h. Examples and exit codes: --help";

/// The end of `--help`.
pub(super) const EXAMPLES: &str = "\
Examples:
  sudo memtrace                          full screen: what is going on now (? lists the keys)
  sudo memtrace --lines                  the same as lines: a row a second, a line per stall
  sudo memtrace live --once              one screen as text
  sudo memtrace -d 30 --min-stall 10ms   30 seconds, lines only for long stalls
  sudo memtrace --cgroup 'web*'          only cgroups named web..., and those below them
  sudo memtrace --kind direct,memcg      only these kinds of stall
  sudo memtrace --json -d 60 > out.json  for programs
  sudo memtrace -- make -j8              trace while a command runs
  memtrace check                         what can be traced here, and why not

  sudo memtrace record -o a.mtrc         record a trace; `memtrace report a.mtrc` reads it

Exit codes:
  0    done: -d is over, Ctrl-C, SIGTERM, or nobody reads stdout any more; check: can trace
  1    failure while running, such as a full disk
  2    wrong usage
  3    compare: a --fail-if is met; ab: a --stop-if is met
  4    a privilege or a kernel feature is missing; check: cannot trace
  5    report, replay, compare, salvage: damaged, or not a trace; the readable parts were read
  6    compare: no verdict (--strict, --fail-if); ab: ended before all blocks were measured
  130  second Ctrl-C (143: second SIGTERM)
With -- CMD: CMD's own status, 128+N if signal N ended it, 125 if memtrace itself failed, 126 if CMD cannot be executed, \
127 if CMD is not found";

const RECORD_EXAMPLES: &str = "\
Examples:
  sudo memtrace record                      to memtrace-HOST-TIME.mtrc, until Ctrl-C
  sudo memtrace record -o a.mtrc -d 5m      five minutes
  sudo memtrace record -- make -j8          while a command runs
  sudo memtrace record --runs 5 -- ./load   five files, for a comparison
  sudo memtrace record --keep 10m --dir /var/log/memtrace --on 'stall.max > 500ms'
                                            flight recorder: the last ten minutes, a file per incident
  memtrace report                           the newest trace here

A trace holds every stall, OOM kill and kswapd state change. Once a second it also stores the exact totals, /proc/vmstat, \
/proc/meminfo, pressure and watermarks. If memtrace is killed, at most the last second is lost. If the disk fills up, \
memtrace stops writing single events, keeps writing totals while they fit, says so, and exits with 1.

--on takes METRIC > VALUE (or >=, <, <=), optionally followed by `for T` if the condition must hold that long. \
docs/metrics.md explains each metric. Metrics:
{METRICS}";

/// The end of `record --help`.
pub(super) fn record() -> String {
    RECORD_EXAMPLES.replace("{METRICS}", &metric::names(Metric::ALL))
}

/// The end of `report --help`.
pub(super) const REPORT_EXAMPLES: &str = "\
Examples:
  memtrace report                           the newest trace here
  memtrace report a.mtrc --by cgroup,kind   with tables by cgroup and by kind
  memtrace report a.mtrc --since 13:05 --until 13:10
  memtrace report a.mtrc --since -30s       the last half minute
  memtrace report /var/log/memtrace         all segments of a flight recorder
  ssh host cat a.mtrc | memtrace report -
  memtrace report --markdown a.mtrc         for a ticket
  memtrace report --json a.mtrc | tail -1   the `summary` object that memtrace --json ended with

Time ranges are rounded to whole intervals. Filters apply to what was recorded. Reading a trace needs no privileges, and \
works on any kernel.

Exit codes: 0 done (also for a recording that was killed, with a note on stderr), 1 reading or writing failed, 2 wrong \
usage, 5 damaged or not a trace; the readable parts were read";

/// The end of `replay --help`.
pub(super) const REPLAY_EXAMPLES: &str = "\
Examples:
  memtrace replay a.mtrc                    the full screen, on a terminal; ? lists the keys
  memtrace replay a.mtrc --lines --speed 10 --since 13:05
  memtrace replay a.mtrc --speed max --json > a.json
  memtrace replay a.mtrc --speed max --min-stall 100ms

Exit codes: as for report";

/// The end of `compare --help`.
pub(super) fn compare() -> String {
    COMPARE_EXAMPLES.replace("{METRICS}", &metric::names(Metric::compared()))
}

const COMPARE_EXAMPLES: &str = "\
Examples:
  memtrace compare before.mtrc after.mtrc   two recordings of 10 minutes or more: an indication
  memtrace compare old=old/ new=new/        two directories of five or more recordings: firm verdicts
  memtrace compare old=1.mtrc old=2.mtrc new=3.mtrc new=4.mtrc
  memtrace compare a.mtrc                   a recording in which a setting changed, or one by `ab`
  memtrace compare --split 13:05 a.mtrc     one recording, before and after a time
  memtrace compare a.mtrc b.mtrc --fail-if 'stall.p99 > +20%'

Stalls come in bursts, so single stalls and seconds are not independent samples: tests on them usually find a difference \
where nothing was changed. memtrace compares runs instead. For a firm verdict, record five or more runs of each side:

  for i in 1 2 3 4 5; do
    sudo sysctl vm.watermark_scale_factor=10; sudo memtrace record -o old/$i.mtrc -d 5m -- ./load
    sudo sysctl vm.watermark_scale_factor=50; sudo memtrace record -o new/$i.mtrc -d 5m -- ./load
  done

Alternate the sides as above, so that the time of day and a growing page cache affect both equally. Fix the number of \
runs beforehand. Adding runs until the verdict suits you finds differences that do not exist. On a single host, \
`memtrace ab` does all of this for you.

Stalled time, the number of stalls and their 99th percentile are tested together. Every other metric gets an interval and \
no firm verdict. With one recording a side, the interval depends on how long the load stays high or low in each. \
If bursts are few or long, there is no interval, and the row says how long to record. Only with --strict or --fail-if \
is that a failure.

--fail-if takes METRIC > +N% (or >=, < -N%, <=). It is met when the change is beyond the bound and its whole interval is \
on that side (for a single pair, the 99 % interval). The longest stall has no interval, so a condition on stall.max always \
exits with 6. docs/metrics.md explains each metric. Metrics:
{METRICS}

Exit codes: 0 compared, 1 reading or writing failed, 2 wrong usage, 3 a --fail-if is met, 5 damaged or not a trace, 6 no \
verdict (--strict and a guard tripped, or --fail-if without an interval)";

/// The end of `ab --help`.
pub(super) const AB_EXAMPLES: &str = "\
Examples:
  sudo memtrace ab --set vm.watermark_scale_factor=50 --dry-run     what it would do
  sudo memtrace ab --set vm.watermark_scale_factor=50 --stop-if 'oom.count > 0'
  sudo memtrace ab --set cgroup:/web.slice:memory.high=2G --set vm.swappiness=10
  sudo memtrace ab --set vm.page-cluster=0 --against vm.page-cluster=3 --blocks 24 -- ./load
  sudo memtrace ab --restore                                        after a crash, or kill -9

A is the present value (or --against), B the value of --set. Blocks come in pairs of one A and one B. The order within \
each pair is random, so that the time of day affects both equally. Everything is recorded; the first --settle seconds of \
each block are not counted. The test compares pairs of blocks, not stalls: 16 blocks (8 pairs) can reach p = 0.008; \
12 blocks are the least that can give a firm verdict. A steady load shows differences best, be it the host's own or CMD.

Settings that can be changed: vm.* sysctls; limits of memory cgroups, as cgroup:/PATH:memory.high; \
transparent_hugepage/..., lru_gen/..., zswap/..., ksm/...; zramN/mem_limit. memtrace saves the original values in \
/run/memtrace before the first write. It restores them when all blocks are over, after Ctrl-C or another signal, when a \
--stop-if is met, and when CMD ends. If another process changed a setting meanwhile, memtrace leaves it and says so. \
Further signals wait until the settings are restored.

Exit codes: 0 compared, 1 failure, 2 wrong usage or not confirmed, 3 a --stop-if is met, 4 a privilege or a kernel feature \
is missing, 6 ended before all blocks were measured; the status of CMD if it is not 0";

/// The end of `salvage --help`.
pub(super) const SALVAGE_EXAMPLES: &str = "\
Examples:
  memtrace salvage a.mtrc -o b.mtrc         then: memtrace report b.mtrc

salvage copies the blocks that `memtrace report` uses, unchanged. It lists each damaged part that it leaves out, and \
the data lost with it.

Exit codes: 0 nothing was damaged (an incomplete last block is not damage), 1 reading or writing failed, 2 wrong usage, 5 \
damaged: the rest was saved, if there was any";
