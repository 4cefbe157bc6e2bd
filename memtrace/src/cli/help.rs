//! The texts of `--help` that are not about one option.

use memtrace_report::metric::{self, Metric};

/// One line.
pub(super) const ABOUT: &str = "Trace memory reclaim as it happens: who stalls, for how long, and who is OOM-killed";

/// What `--help` starts with.
pub(super) const LONG_ABOUT: &str = "\
Trace memory reclaim as it happens: who stalls, for how long, and who is OOM-killed.

A stall is a time in which a task could not go on because the kernel was making memory available to it. memtrace \
traces the whole system: one row a second, one line per stall and per OOM kill, a summary at the end. Totals are \
exact, and what was lost or could not be read is said.

Tracing needs CAP_BPF and CAP_PERFMON, or root; `memtrace check` says what is missing. Durations: a number is \
seconds; us, ms, s, m, h are units.";

/// Where `-h` ends.
pub(super) const SEE_LONG: &str =
    "Durations: a number is seconds; us, ms, s, m, h are units. Examples and exit codes: --help";

/// Where `--help` ends.
pub(super) const EXAMPLES: &str = "\
Examples:
  sudo memtrace                          what is going on, on a full screen; ? there explains its keys
  sudo memtrace --lines                  the same as lines: a row a second, a line per stall
  sudo memtrace live --once              one screen as text
  sudo memtrace -d 30 --min-stall 10ms   30 seconds, lines only for long stalls
  sudo memtrace --cgroup 'web*'          only cgroups named web... and below
  sudo memtrace --kind direct,memcg      only these kinds
  sudo memtrace --json -d 60 > out.json  for programs
  sudo memtrace -- make -j8              trace while a command runs
  memtrace check                         what can be traced here, and why not

  sudo memtrace record -o a.mtrc         record a trace; `memtrace report a.mtrc` reads it

Exit codes:
  0    done: -d over, Ctrl-C, SIGTERM, reader gone; check: can trace
  1    failure while running (a full disk, too)
  2    wrong usage
  3    compare: what --fail-if says is met
  4    a right or a kernel feature is missing; check: cannot trace
  5    report, replay, compare, salvage: damaged, or no trace; what could be read was read
  6    compare: it cannot be judged (--strict, --fail-if)
  130  second Ctrl-C (143: second SIGTERM)
With -- CMD: CMD's own status, 128+N when signal N ended it,
  125 memtrace itself failed, 126 CMD cannot be executed, 127 CMD not found";

const RECORD_EXAMPLES: &str = "\
Examples:
  sudo memtrace record                      to memtrace-HOST-TIME.mtrc, until Ctrl-C
  sudo memtrace record -o a.mtrc -d 5m      five minutes
  sudo memtrace record -- make -j8          while a command runs
  sudo memtrace record --runs 5 -- ./load   five files, for a comparison
  sudo memtrace record --keep 10m --dir /var/log/memtrace --on 'stall.max > 500ms'
                                            flight recorder: the last ten minutes, and a file for each incident
  memtrace report                           the newest trace here

A trace holds every stall, OOM kill and change of kswapd, and once a second the exact totals, /proc/vmstat,
/proc/meminfo, pressure and watermarks. A kill of memtrace costs the last second at most. When the disk is full, single
events are no longer written and the totals go on while they fit; memtrace says so and exits with 1.

--on takes METRIC > VALUE (or >=, <, <=), and `for T` when it must hold that long. docs/metrics.md says what each metric
means. Metrics:
{METRICS}";

/// Where `record --help` ends.
pub(super) fn record() -> String {
    RECORD_EXAMPLES.replace("{METRICS}", &metric::names(Metric::ALL))
}

/// Where `report --help` ends.
pub(super) const REPORT_EXAMPLES: &str = "\
Examples:
  memtrace report                           the newest trace here
  memtrace report a.mtrc --by cgroup,kind   with tables of its own
  memtrace report a.mtrc --since 13:05 --until 13:10
  memtrace report a.mtrc --since -30s       the last half minute
  memtrace report /var/log/memtrace         all segments of a flight recorder
  ssh host cat a.mtrc | memtrace report -
  memtrace report --markdown a.mtrc         for a ticket
  memtrace report --json a.mtrc | tail -1   the same `summary` that memtrace --json ended with

A part of a trace is one of whole ticks: totals, percentiles and coverage are those of the ticks in it. Filters choose of
what was recorded. It needs no rights and no kernel of its own.

Exit codes: 0 done (a recording that was killed, too: said on stderr), 1 reading or writing failed, 2 wrong usage,
5 damaged or no trace; what could be read was read";

/// Where `replay --help` ends.
pub(super) const REPLAY_EXAMPLES: &str = "\
Examples:
  memtrace replay a.mtrc                    on a terminal the screen: space, +/-, t/T, o/O, w, @13:05 go through time
  memtrace replay a.mtrc --lines --speed 10 --since 13:05
  memtrace replay a.mtrc --speed max --json > a.json
  memtrace replay a.mtrc --speed max --min-stall 100ms

Exit codes: as for report";

/// Where `compare --help` ends.
pub(super) fn compare() -> String {
    COMPARE_EXAMPLES.replace("{METRICS}", &metric::names(Metric::compared()))
}

const COMPARE_EXAMPLES: &str = "\
Examples:
  memtrace compare before.mtrc after.mtrc         two recordings: an indication, from 10 minutes each on
  memtrace compare old=old/ new=new/              directories with five or more recordings each: firm words
  memtrace compare old=1.mtrc old=2.mtrc new=3.mtrc new=4.mtrc
  memtrace compare a.mtrc                         one recording in which a setting was changed, or of `memtrace ab`
  memtrace compare --split 13:05 a.mtrc           one recording, before and after a time
  memtrace compare a.mtrc b.mtrc --fail-if 'stall.p99 > +20%'

Stalls come in bursts, so single stalls and seconds are no independent samples: tests on them find differences where
nothing was changed in most cases. Runs are compared instead. For a firm word record five or more a side:

  for i in 1 2 3 4 5; do
    sudo sysctl vm.watermark_scale_factor=10; sudo memtrace record -o old/$i.mtrc -d 5m -- ./load
    sudo sysctl vm.watermark_scale_factor=50; sudo memtrace record -o new/$i.mtrc -d 5m -- ./load
  done

Take turns as above, so that the time of day and a growing page cache fall on both sides alike. Decide on the number of
runs before, and do not record more until the word is the one you want: that finds differences where there are none.
On one host `memtrace ab` does all of this by itself.

Tested together are stalled time, stalls and their 99th percentile; all else has an interval and no firm word. The
interval of a single pair follows from how long the load stays up or down in each recording. Where bursts are few or long
there is none, and the row says how long to record; that is no failure without --strict or --fail-if.

--fail-if takes METRIC > +N% (or >=, < -N%, <=). It is met when the change is beyond the bound and its interval is all on
that side (of a single pair the 99 % interval). The longest stall has no interval: with stall.max it is always 6.
docs/metrics.md says what each metric means. Metrics:
{METRICS}

Exit codes: 0 compared, 1 reading or writing failed, 2 wrong usage, 3 --fail-if is met, 5 damaged or no trace, 6 cannot
be judged (--strict and a guard, or --fail-if without an interval)";

/// Where `ab --help` ends.
pub(super) const AB_EXAMPLES: &str = "\
Examples:
  sudo memtrace ab --set vm.watermark_scale_factor=50 --dry-run     what would be done
  sudo memtrace ab --set vm.watermark_scale_factor=50 --stop-if 'oom.count > 0'
  sudo memtrace ab --set cgroup:/web.slice:memory.high=2G --set vm.swappiness=10
  sudo memtrace ab --set vm.page-cluster=0 --against vm.page-cluster=3 --blocks 24 -- ./load
  sudo memtrace ab --restore                                        after a crash, or kill -9

A is the value of now (or --against), B that of --set. Blocks of A and B take turns, and in each pair chance says which
comes first, so that the time of day falls on both alike. All is recorded; what a block has in its first --settle seconds
is not counted. Pairs of blocks are tested, not stalls: 16 blocks (8 pairs) reach p = 0.008, fewer than 12 cannot be firm.
A load that stays the same all the time shows differences best: the host's own, or CMD.

Settings that can be changed: vm.* sysctls; limits of memory cgroups, cgroup:/PATH:memory.high; transparent_hugepage/...,
lru_gen/..., zswap/..., ksm/...; zramN/mem_limit. The first values are kept in /run/memtrace before the first write, and
restored at the end: when all blocks are over, after Ctrl-C or another signal, when --stop-if is met, when CMD ends. A
setting that somebody else changed meanwhile is left as it is, and said. While the settings are changed, further signals
wait until they are restored.

Exit codes: 0 compared, 1 something failed, 2 wrong usage or not agreed to, 3 --stop-if was met, 4 a right or a kernel
feature is missing, 6 ended before all blocks were measured; the status of CMD when it is not 0";

/// Where `salvage --help` ends.
pub(super) const SALVAGE_EXAMPLES: &str = "\
Examples:
  memtrace salvage a.mtrc -o b.mtrc         then: memtrace report b.mtrc

The blocks that `memtrace report` uses are copied as they are. Each damaged part that is left out is listed, with the data
that is lost with it. Exit codes: 0 nothing was damaged (a last block that is incomplete is not damage), 1 reading or
writing failed, 5 damaged: the rest was saved, if there was any";
